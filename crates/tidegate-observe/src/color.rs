//! Whether to colour, and the few colours there are.

use std::fmt::Display;

/// What the user asked for with `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorMode {
    /// Colour on a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorMode {
    /// Whether to colour. `NO_COLOR` (non-empty) switches off, `CLICOLOR_FORCE` (other than `0`) on, `TERM=dumb` and
    /// output that is no terminal off, in this order.
    #[must_use]
    pub fn resolve(self, is_terminal: bool, env: &dyn Fn(&str) -> Option<String>) -> Paint {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let on = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR").is_some() => false,
            Self::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            Self::Auto => is_terminal && set("TERM").is_none_or(|term| term != "dumb"),
        };
        Paint { on }
    }
}

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Whether it colours.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.on
    }

    /// Important text.
    #[must_use]
    pub fn bold(self, text: impl Display) -> String {
        self.code("1", &text)
    }

    /// Text beside the point.
    #[must_use]
    pub fn dim(self, text: impl Display) -> String {
        self.code("2", &text)
    }

    /// What went wrong.
    #[must_use]
    pub fn error(self, text: impl Display) -> String {
        self.code("1;31", &text)
    }

    /// What needs attention.
    #[must_use]
    pub fn warn(self, text: impl Display) -> String {
        self.code("33", &text)
    }

    /// Names of things.
    #[must_use]
    pub fn name(self, text: impl Display) -> String {
        self.code("36", &text)
    }

    /// A match: coloured, or between asterisks.
    #[must_use]
    pub fn mark(self, text: impl Display) -> String {
        if self.on { self.code("1;33", &text) } else { format!("**{text}**") }
    }

    fn code(self, code: &str, text: &dyn Display) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        use ColorMode::{Always, Auto, Never};
        for (mode, terminal, variables, on) in [
            (Auto, true, &[][..], true),
            (Auto, false, &[], false),
            (Auto, true, &[("NO_COLOR", "1")], false),
            (Auto, true, &[("NO_COLOR", "")], true),
            (Auto, false, &[("CLICOLOR_FORCE", "1")], true),
            (Auto, false, &[("CLICOLOR_FORCE", "0")], false),
            (Auto, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (Auto, true, &[("TERM", "dumb")], false),
            (Always, false, &[("NO_COLOR", "1")], true),
            (Never, true, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            let env = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(mode.resolve(terminal, &env).is_on(), on, "{mode:?} {terminal} {variables:?}");
        }
    }
}

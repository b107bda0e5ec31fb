//! Text of others made safe to print.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// Whether a character can change what a terminal shows elsewhere: control characters, and the marks that turn the
/// direction of writing.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` on one line, harmless: runs of white space become one space, harmful characters disappear.
///
/// ```
/// use tidegate_observe::clean;
/// assert_eq!(clean("red \u{1b}[31m\n\n alert\t"), "red [31m alert");
/// ```
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !is_harmful(c) && (c == ' ' || !c.is_whitespace());
    if text.chars().all(plain) && !text.contains("  ") && text.trim().len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !is_harmful(c) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    Cow::Owned(out)
}

/// `text` with its lines kept, harmless otherwise; tabs become four spaces.
#[must_use]
pub fn clean_block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if is_harmful(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// `text` with harmful characters but line ends written out, as logs need it: nothing disappears, nothing acts.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    use std::fmt::Write as _;

    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            // Four digits suffice for all of them, and keep JSON valid.
            c if is_harmful(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Columns a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The beginning of `text` that fits into `columns`, with an ellipsis if something is missing.
pub(crate) fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns.saturating_sub(1) {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    if columns > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The end of `text` that fits into `columns`: of a path, the end says more.
pub(crate) fn fit_end(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > columns.saturating_sub(1) {
            break;
        }
        start = at;
    }
    Cow::Owned(if columns == 0 { String::new() } else { format!("…{}", &text[start..]) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_harmful_survives() {
        assert_eq!(clean("a\u{1b}]0;title\u{7}b\u{9b}31m\r\nc\u{202e}d"), "a]0;titleb31m cd");
        assert_eq!(clean_block("a\tb\n\u{1b}[2Jc"), "a    b\n[2Jc");
        assert_eq!(escape("a\nb\u{1b}"), "a\\nb\\u001b");
    }

    #[test]
    fn texts_are_cut_to_columns_not_bytes() {
        assert_eq!(fit("日本語テキスト", 7), "日本語…");
        assert_eq!(fit("short", 5), "short");
        assert_eq!(fit_end("/a/long/path/file.md", 9), "…/file.md");
    }

    proptest! {
        #[test]
        fn what_is_cleaned_is_harmless_and_fits(text in any::<String>(), columns in 0usize..40) {
            prop_assert!(!clean(&text).chars().any(is_harmful));
            prop_assert!(!escape(&text).chars().any(is_harmful));
            prop_assert!(!clean_block(&text).chars().any(|c| c != '\n' && is_harmful(c)));
            prop_assert!(width(&fit(&clean(&text), columns)) <= columns);
            prop_assert!(width(&fit_end(&clean(&text), columns)) <= columns);
        }
    }
}

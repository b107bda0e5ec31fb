//! How wide standard output is.

use std::io::IsTerminal as _;
use std::ops::RangeInclusive;

/// Columns of a terminal that does not say how many it has.
const USUAL: usize = 100;
/// Narrower than this, nothing can be laid out; wider, no line reads well.
const SENSIBLE: RangeInclusive<usize> = 40..=160;

/// Columns of standard output: `COLUMNS` if set, else what the terminal says, else 100; from 40 to 160. What is no
/// terminal has no columns that could run out: a program that reads a table wants all of it.
#[must_use]
pub fn columns(env: &dyn Fn(&str) -> Option<String>) -> usize {
    let set = env("COLUMNS").and_then(|columns| columns.trim().parse().ok());
    let set = set.filter(|columns| *columns > 0);
    if set.is_none() && !std::io::stdout().is_terminal() {
        return usize::MAX;
    }
    let columns = set.or_else(of_terminal).unwrap_or(USUAL);
    columns.clamp(*SENSIBLE.start(), *SENSIBLE.end())
}

#[cfg(unix)]
fn of_terminal() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn of_terminal() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_first_and_nonsense_is_ignored() {
        assert_eq!(columns(&|_| Some("132".to_owned())), 132);
        assert_eq!(columns(&|_| Some("3".to_owned())), *SENSIBLE.start());
        assert_eq!(columns(&|_| Some("9999".to_owned())), *SENSIBLE.end());
        let asked = columns(&|_| None);
        for nonsense in ["0", "wide", "-5", ""] {
            assert_eq!(columns(&|_| Some(nonsense.to_owned())), asked);
        }
    }
}

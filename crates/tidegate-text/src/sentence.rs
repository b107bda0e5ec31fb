//! Where sentences end, by rule: terminators, what closes after them, abbreviations, decimals.
//!
//! The rule looks only at the surroundings of one position, so that a chunker can ask about a place without having
//! read the text before it.

use std::ops::Range;

/// The sentences of `text`, without the white space between them. Empty lines end sentences too.
///
/// ```
/// let text = "Dr. Ray paid 3.5 dollars. Why? 知らない。終わり。";
/// let found: Vec<&str> = tidegate_text::sentences(text).map(|span| &text[span]).collect();
/// assert_eq!(found, ["Dr. Ray paid 3.5 dollars.", "Why?", "知らない。", "終わり。"]);
/// ```
pub fn sentences(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    std::iter::from_fn(move || {
        if start >= end {
            return None;
        }
        let places = start + 1..end;
        let next = places.into_iter().find(|at| may_start(text, *at) && is_start(text, *at)).unwrap_or(end);
        let span = start..start + text[start..next].trim_end().len();
        start = next;
        Some(span)
    })
}

/// The last position in `low..=high` at which a sentence starts.
pub(crate) fn last_start(text: &str, low: usize, high: usize) -> Option<usize> {
    let high = high.min(text.len());
    (low..=high).rev().find(|at| may_start(text, *at) && is_start(text, *at))
}

/// The first position in `low..high` at which a sentence or a line starts.
pub(crate) fn first_start(text: &str, low: usize, high: usize) -> Option<usize> {
    let mut places = low..high.min(text.len());
    places.find(|at| may_start(text, *at) && (is_start(text, *at) || is_line_start(text, *at)))
}

/// A cheap look at two bytes that rules out most positions: within words, between words and their commas.
fn may_start(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = at.checked_sub(1).map(|before| bytes[before]) else { return true };
    let follows = last.is_ascii_whitespace() || last >= 0x80 || last == 0x0b || is_closer(char::from(last));
    follows && text.is_char_boundary(at)
}

/// Whether `at` is the first character of a line, indentation included.
fn is_line_start(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    before.ends_with('\n') && !after.starts_with(['\n', '\r'])
}

/// Whether a sentence starts at `at`.
fn is_start(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let Some(first) = after.chars().next() else { return false };
    let Some(last) = before.chars().next_back() else { return true };
    if first.is_whitespace() {
        return false;
    }
    if !last.is_whitespace() {
        // Chinese and Japanese do not put spaces between sentences.
        return !is_closer(first) && !is_wide_end(first) && is_wide_end(strip_closers(before));
    }
    let trimmed = before.trim_end();
    if before[trimmed.len()..].matches('\n').nth(1).is_some() {
        return true;
    }
    ends_sentence(trimmed, first)
}

/// Whether `before` (trimmed) ends a sentence when the next character is `next`.
fn ends_sentence(before: &str, next: char) -> bool {
    let bare = before.trim_end_matches(is_closer);
    match bare.chars().next_back() {
        Some('!' | '?' | '…' | '。' | '！' | '？' | '．' | '؟' | '।') => true,
        // An abbreviation stands right before the space; "he said no.)" ends.
        Some('.') => !(next.is_lowercase() || (bare.len() == before.len() && is_abbreviation(bare, next))),
        _ => false,
    }
}

fn strip_closers(before: &str) -> char {
    before.trim_end_matches(is_closer).chars().next_back().unwrap_or(' ')
}

fn is_wide_end(c: char) -> bool {
    matches!(c, '。' | '！' | '？')
}

fn is_closer(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '」' | '』' | '）' | '】' | '*' | '_' | '`')
}

/// Whether the full stop at the end of `text`, with `next` after it, belongs to an abbreviation or an initial.
fn is_abbreviation(text: &str, next: char) -> bool {
    let text = &text[..text.len() - 1];
    // An abbreviation is short: looking back further would make long words cost their square.
    let from = text.ceil_char_boundary(text.len().saturating_sub(24));
    let tail = &text[from..];
    let word = tail.rsplit(|c: char| !c.is_alphanumeric() && c != '.').next().unwrap_or(tail);
    let mut characters = word.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return only.is_uppercase(); // an initial; "a." and "1." end sentences
    }
    let lower = word.to_lowercase();
    ABBREVIATIONS.contains(&lower.as_str())
        || (next.is_numeric() && BEFORE_NUMBERS.contains(&lower.as_str()))
        || (word.contains('.') && !word.contains(char::is_numeric) && word.len() <= 8 && !word.ends_with('.'))
}

const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "cf", "al", "ed", "eds", "inc", "ltd", "corp",
    "dept", "approx", "rev", "hon", "bzw", "ca", "nr", "etc", "viz", "resp",
];

/// Words of their own, or abbreviations where a number follows: "no. 5", "Dec. 24".
const BEFORE_NUMBERS: &[&str] = &[
    "no", "nos", "fig", "figs", "vol", "p", "pp", "eq", "sec", "ch", "jan", "feb", "mar", "apr", "jun",
    "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<&str> = sentences(text).map(|span| &text[span]).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn splits_at_ends_and_nowhere_else() {
        check("", &[]);
        check("  one  ", &["one"]);
        check("One. Two! Three? four", &["One.", "Two!", "Three?", "four"]);
        check("He said \"no.\" She left.", &["He said \"no.\"", "She left."]);
        check(
            "See fig. 3 and J. Smith, e.g. Table 2. Then stop.",
            &["See fig. 3 and J. Smith, e.g. Table 2.", "Then stop."],
        );
        check("Pi is 3.14. Use a.b.c here.", &["Pi is 3.14.", "Use a.b.c here."]);
        check("I said no. See no. 5.", &["I said no.", "See no. 5."]);
        check("no stop\n\nnext", &["no stop", "next"]);
        check("他来了。她说：“好。”我走！", &["他来了。", "她说：“好。”", "我走！"]);
    }

    #[test]
    fn the_last_start_is_found_from_anywhere() {
        let text = "One. Two. Three.";
        assert_eq!(last_start(text, 0, 7), Some(5));
        assert_eq!(last_start(text, 6, 9), None);
        assert_eq!(last_start(text, 0, 10), Some(10));
        assert_eq!(first_start(text, 2, 16), Some(5));
    }
}

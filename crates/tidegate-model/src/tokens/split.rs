//! Splits text into the pieces within which tokens lie.
//!
//! The rules are the published regular expressions of the two encodings, written out: no engine for regular
//! expressions is needed, and a piece costs one look at each of its characters. The number of each rule is its place
//! among the alternatives of the expression; the first that matches holds.

use super::classes::{Class, Classes};

/// Which rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    Cl100k,
    O200k,
}

/// The pieces of `text`, in order, without gaps.
pub(super) fn pieces(rules: Rules, text: &str) -> impl Iterator<Item = &str> {
    let classes = Classes::get();
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(piece(rules, classes, rest));
        rest = after;
        Some(piece)
    })
}

/// How many bytes the first piece of `text` has; never none.
fn piece(rules: Rules, classes: &Classes, text: &str) -> usize {
    let word = match rules {
        Rules::Cl100k => contraction(text).or_else(|| plain_word(classes, text)),
        Rules::O200k => cased_word(classes, text),
    };
    let slash = rules == Rules::O200k;
    word.or_else(|| digits(classes, text))
        .or_else(|| signs(classes, text, slash))
        .unwrap_or_else(|| space(text))
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`. The long s is an `s`.
fn contraction(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    let mut characters = rest.chars();
    let first = characters.next()?;
    let second = characters.next().map(|second| second.to_ascii_lowercase());
    match (first.to_ascii_lowercase(), second) {
        ('s' | 't' | 'm' | 'd' | 'ſ', _) => Some(1 + first.len_utf8()),
        ('r' | 'v', Some('e')) | ('l', Some('l')) => Some(3),
        _ => None,
    }
}

/// What may stand before a word: one character that is no letter, number or line end.
fn before_word(classes: &Classes, text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    (classes.of(first).is_sign() && !matches!(first, '\r' | '\n')).then(|| first.len_utf8())
}

/// Bytes of the characters at the beginning of `text` whose class is `wanted`.
fn run(classes: &Classes, text: &str, wanted: impl Fn(Class) -> bool) -> usize {
    text.char_indices()
        .find(|&(_, character)| !wanted(classes.of(character)))
        .map_or(text.len(), |(at, _)| at)
}

/// `[^\r\n\p{L}\p{N}]?\p{L}+`
fn plain_word(classes: &Classes, text: &str) -> Option<usize> {
    let before = before_word(classes, text).unwrap_or(0);
    let letters = run(classes, &text[before..], Class::is_letter);
    (letters > 0).then_some(before + letters)
}

/// `[^\r\n\p{L}\p{N}]?[lead]*[follow]+(contraction)?`, then the same with `[lead]+[follow]*`.
fn cased_word(classes: &Classes, text: &str) -> Option<usize> {
    let before = before_word(classes, text);
    // A mark may be what precedes a word, or its first character: the former is tried first.
    let tries = |word: fn(&Classes, &str) -> Option<usize>| {
        let with = before.and_then(|before| Some(before + word(classes, &text[before..])?));
        with.or_else(|| word(classes, text))
    };
    let word = tries(lower_word).or_else(|| tries(upper_word))?;
    Some(word + contraction(&text[word..]).unwrap_or(0))
}

/// `[lead]*[follow]+`: as many leading characters as leave one to follow.
fn lower_word(classes: &Classes, text: &str) -> Option<usize> {
    let lead = run(classes, text, Class::may_lead);
    let follow = run(classes, &text[lead..], Class::may_follow);
    if follow > 0 {
        return Some(lead + follow);
    }
    let last =
        text[..lead].char_indices().rev().find(|&(_, character)| classes.of(character).may_follow())?;
    Some(last.0 + last.1.len_utf8())
}

/// `[lead]+[follow]*`, where nothing follows: it would have been a word of the other kind.
fn upper_word(classes: &Classes, text: &str) -> Option<usize> {
    Some(run(classes, text, Class::may_lead)).filter(|&lead| lead > 0)
}

/// `\p{N}{1,3}`
fn digits(classes: &Classes, text: &str) -> Option<usize> {
    let digits = text.chars().take(3).take_while(|&character| classes.of(character) == Class::Number);
    Some(digits.map(char::len_utf8).sum()).filter(|&length| length > 0)
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n]*`, with `slash` also `/` among the last.
fn signs(classes: &Classes, text: &str, slash: bool) -> Option<usize> {
    let start = usize::from(text.starts_with(' '));
    let is_sign = |character: char| classes.of(character).is_sign() && !character.is_whitespace();
    let rest = text[start..].trim_start_matches(is_sign);
    let end = text.len() - rest.len();
    if end == start {
        return None;
    }
    let after = rest.trim_start_matches(|last| matches!(last, '\r' | '\n') || (slash && last == '/'));
    Some(text.len() - after.len())
}

/// `\s*[\r\n]+|\s+$|\s+(?!\S)|\s+`: up to the last line end; all of it at the end of the text; all but the last,
/// which belongs to the word that follows. What no rule takes is a piece of one character.
fn space(text: &str) -> usize {
    let rest = text.trim_start();
    let space = &text[..text.len() - rest.len()];
    if let Some(end) = space.rfind(['\r', '\n']) {
        return end + 1;
    }
    let last = space.chars().next_back().map_or(0, char::len_utf8);
    match space.len() - last {
        _ if rest.is_empty() => space.len(),
        0 if last == 0 => text.chars().next().map_or(0, char::len_utf8),
        0 => last,
        all_but_last => all_but_last,
    }
}

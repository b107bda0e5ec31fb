//! Measures ranges of one text in tokens.

use std::ops::Deref;

use tidegate_core::Tokenizer;

use super::marks::Marks;

/// Bytes in a token where nobody counts: English text and code lie between 3.5 and 4.5.
const BYTES_PER_TOKEN: usize = 4;

/// Four bytes a token: for callers that need a [`Tokenizer`] and have none. [`crate::chunk_estimated`] measures the
/// same without visiting the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByteEstimate;

impl Tokenizer for ByteEstimate {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        starts.extend((0..text.len()).step_by(BYTES_PER_TOKEN).filter_map(|at| u32::try_from(at).ok()));
    }

    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(BYTES_PER_TOKEN)
    }
}

/// Measures ranges of the text it was made for. Positions are byte offsets.
pub(super) trait Ruler {
    /// Tokens of a range that begins and ends at word boundaries.
    fn tokens(&self, start: usize, end: usize) -> usize;
    /// The largest end such that `start..end` has at most `tokens` tokens.
    fn forward(&self, start: usize, tokens: usize) -> usize;
    /// The smallest start such that `start..end` has at most `tokens` tokens.
    fn back(&self, end: usize, tokens: usize) -> usize;
    /// Tokens of any text, counted afresh.
    fn count(&self, text: &str) -> usize;
}

/// Exact: knows where each token of the text starts.
pub(super) struct TokenRuler<T> {
    tokenizer: T,
    starts: Marks,
    length: usize,
}

/// How much of a text is shown to the tokenizer at a time.
const WINDOW: usize = 1 << 20;

impl<T: Deref<Target: Tokenizer>> TokenRuler<T> {
    pub(super) fn new(text: &str, tokenizer: T) -> Self {
        Self::by_windows(text, tokenizer, WINDOW)
    }

    fn by_windows(text: &str, tokenizer: T, window: usize) -> Self {
        let mut marks = Marks::up_to(text.len());
        let (mut starts, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(window_end(rest, window));
            let offset = text.len() - rest.len();
            starts.clear();
            tokenizer.token_starts(now, &mut starts);
            starts.iter().for_each(|start| marks.push(offset + *start as usize));
            rest = later;
        }
        Self { tokenizer, starts: marks.done(), length: text.len() }
    }

    /// How many tokens start before `at`.
    fn index(&self, at: usize) -> usize {
        self.starts.before(at)
    }
}

/// Where what is shown first of `text` ends: where a single space begins the last word, as no tokenizer joins what is
/// before it with what follows; at other white space, if there is no such place; inside of a word only if it is longer
/// than any chunk, which is counted afresh.
fn window_end(text: &str, window: usize) -> usize {
    if text.len() <= window {
        return text.len();
    }
    let bytes = &text.as_bytes()[..=window];
    let blank = |at: usize| bytes[at].is_ascii_whitespace();
    let single = |at: &usize| bytes[*at] == b' ' && !blank(*at - 1) && !blank(*at + 1);
    let found = (1..window).rev().find(single).or_else(|| (1..window).rev().find(|at| blank(*at)));
    found.unwrap_or_else(|| text.floor_char_boundary(window).max(text.ceil_char_boundary(1)))
}

impl<T: Deref<Target: Tokenizer>> Ruler for TokenRuler<T> {
    fn tokens(&self, start: usize, end: usize) -> usize {
        self.index(end).saturating_sub(self.index(start))
    }

    fn forward(&self, start: usize, tokens: usize) -> usize {
        self.starts.at(self.index(start) + tokens).unwrap_or(self.length)
    }

    fn back(&self, end: usize, tokens: usize) -> usize {
        match self.index(end).checked_sub(tokens) {
            None | Some(0) => 0,
            // Anywhere after the token before the first one that still fits.
            Some(first) => self.starts.at(first - 1).map_or(end, |at| at + 1),
        }
    }

    fn count(&self, text: &str) -> usize {
        self.tokenizer.count(text)
    }
}

/// By size alone.
pub(super) struct ByteRuler {
    length: usize,
}

impl ByteRuler {
    pub(super) fn new(text: &str) -> Self {
        Self { length: text.len() }
    }
}

impl Ruler for ByteRuler {
    fn tokens(&self, start: usize, end: usize) -> usize {
        end.saturating_sub(start).div_ceil(BYTES_PER_TOKEN)
    }

    fn forward(&self, start: usize, tokens: usize) -> usize {
        start.saturating_add(tokens.saturating_mul(BYTES_PER_TOKEN)).min(self.length)
    }

    fn back(&self, end: usize, tokens: usize) -> usize {
        end.saturating_sub(tokens.saturating_mul(BYTES_PER_TOKEN))
    }

    fn count(&self, text: &str) -> usize {
        ByteEstimate.count(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A token is a word with the space before it, as models of today have it; characters beyond ASCII are three.
    struct Spaced;

    impl Tokenizer for Spaced {
        fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
            let mut before = None;
            for (at, c) in text.char_indices() {
                let begins =
                    c.is_whitespace() || before.is_none_or(|b: char| !c.is_alphanumeric() && b != ' ');
                let count = if c.is_ascii() { usize::from(begins) } else { 3 };
                starts.extend(std::iter::repeat_n(u32::try_from(at).unwrap(), count));
                before = Some(c);
            }
        }
    }

    proptest! {
        #[test]
        fn windows_are_measured_as_the_whole_is(text in "[ab,.漢\n]{0,12}( [ab,.漢]{1,9}){0,40}", window in 40usize..90) {
            let whole = TokenRuler::by_windows(&text, &Spaced, usize::MAX);
            let parts = TokenRuler::by_windows(&text, &Spaced, window);
            for end in 0..=text.len() {
                prop_assert_eq!(whole.tokens(0, end), parts.tokens(0, end));
            }
            prop_assert_eq!(whole.tokens(0, text.len()), Spaced.count(&text));
            for tokens in 0..30 {
                prop_assert_eq!(whole.forward(0, tokens), parts.forward(0, tokens));
                prop_assert_eq!(whole.back(text.len(), tokens), parts.back(text.len(), tokens));
            }
        }

        #[test]
        fn windows_go_on_whatever_the_text(text in "\\PC{0,80}", window in 1usize..9) {
            let ruler = TokenRuler::by_windows(&text, &ByteEstimate, window);
            prop_assert!(ruler.tokens(0, text.len()) >= text.len().div_ceil(BYTES_PER_TOKEN));
        }
    }
}

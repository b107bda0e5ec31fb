//! Measures ranges of one text in tokens.

use tidegate_core::Tokenizer;

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
pub(super) struct TokenRuler<'a> {
    tokenizer: &'a dyn Tokenizer,
    starts: Vec<u32>,
    length: usize,
}

impl<'a> TokenRuler<'a> {
    pub(super) fn new(text: &str, tokenizer: &'a dyn Tokenizer) -> Self {
        let mut starts = Vec::with_capacity(text.len() / BYTES_PER_TOKEN);
        tokenizer.token_starts(text, &mut starts);
        Self { tokenizer, starts, length: text.len() }
    }

    /// How many tokens start before `at`.
    fn index(&self, at: usize) -> usize {
        self.starts.partition_point(|start| (*start as usize) < at)
    }
}

impl Ruler for TokenRuler<'_> {
    fn tokens(&self, start: usize, end: usize) -> usize {
        self.index(end).saturating_sub(self.index(start))
    }

    fn forward(&self, start: usize, tokens: usize) -> usize {
        self.starts.get(self.index(start) + tokens).map_or(self.length, |at| *at as usize)
    }

    fn back(&self, end: usize, tokens: usize) -> usize {
        match self.index(end).checked_sub(tokens) {
            None | Some(0) => 0,
            // Anywhere after the token before the first one that still fits.
            Some(first) => self.starts.get(first - 1).map_or(end, |at| *at as usize + 1),
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

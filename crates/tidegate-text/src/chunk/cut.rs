//! Where to cut a run of blocks that is larger than the budget.

use tidegate_core::{Block, BlockKind, Document};

use super::ruler::Ruler;
use crate::sentence;

/// A chunk has at most this many bytes per token of the budget, so that a megabyte that happens to be one unknown
/// word to the tokenizer is not one chunk.
const MAX_BYTES_PER_TOKEN: usize = 16;

/// Blocks to be cut, and what measures them.
pub(super) struct Cutter<'a, R> {
    pub(super) doc: &'a Document,
    pub(super) ruler: &'a R,
    pub(super) blocks: &'a [Block],
    /// Most tokens of a chunk's body.
    pub(super) budget: usize,
    pub(super) overlap: usize,
    /// Rows are gathered only up to this many tokens: each is an entry of its own.
    pub(super) row_tokens: usize,
}

/// One piece: its text, and where the text after it starts.
pub(super) struct Cut {
    pub(super) end: usize,
    pub(super) next: usize,
    /// Tokens counted afresh, where the bounds are not word boundaries.
    pub(super) counted: Option<usize>,
}

impl<R: Ruler> Cutter<'_, R> {
    fn text(&self) -> &str {
        &self.doc.text
    }

    fn end(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.span.end)
    }

    fn max_bytes(&self) -> usize {
        self.budget * MAX_BYTES_PER_TOKEN
    }

    /// Whether `start..end` may be one chunk; its tokens, if so.
    pub(super) fn fits(&self, start: usize, end: usize) -> Option<usize> {
        if end - start > self.max_bytes() {
            return None;
        }
        let tokens = self.measure(start, end);
        (tokens <= self.budget).then_some(tokens)
    }

    /// Tokens of a range of at most `max_bytes`, counted afresh if a bound stands inside a word.
    pub(super) fn measure(&self, start: usize, end: usize) -> usize {
        if self.is_word_bound(start) && self.is_word_bound(end) {
            self.ruler.tokens(start, end)
        } else {
            self.ruler.count(&self.text()[start..end])
        }
    }

    fn is_word_bound(&self, at: usize) -> bool {
        let (before, after) = self.text().split_at(at);
        before.chars().next_back().is_none_or(char::is_whitespace)
            || after.chars().next().is_none_or(char::is_whitespace)
    }

    /// The first piece of what starts at `start`; it ends after `done`, which earlier pieces have covered.
    pub(super) fn cut(&self, start: usize, done: usize) -> Cut {
        let end = self.end();
        let rows = self.blocks.first().is_some_and(|block| block.kind == BlockKind::Row);
        if !rows && self.fits(start, end).is_some() {
            return Cut { end, next: end, counted: None };
        }
        let limit = self.limit(start);
        let whole = if rows { self.row_cut(start, limit) } else { self.block_cut(start, done, limit) };
        if let Some(at) = whole {
            return Cut { end: at, next: self.next_block_start(at), counted: None };
        }
        self.inner_cut(start, done, limit)
    }

    /// The furthest a piece from `start` may reach.
    fn limit(&self, start: usize) -> usize {
        let far = self.ruler.forward(start, self.budget).min(start + self.max_bytes()).min(self.end());
        self.text().floor_char_boundary(far)
    }

    /// The end of the last block that ends by `limit`.
    fn last_block_end(&self, limit: usize) -> Option<usize> {
        let count = self.blocks.partition_point(|block| block.span.end <= limit);
        Some(self.blocks[count.checked_sub(1)?].span.end)
    }

    /// Rows are gathered until they are large enough to stand alone.
    fn row_cut(&self, start: usize, limit: usize) -> Option<usize> {
        let first = self.blocks.partition_point(|block| block.span.end <= start);
        let enough = self.ruler.forward(start, self.row_tokens.saturating_sub(1));
        let count = self.blocks[first..].partition_point(|block| block.span.end <= enough);
        let wanted = self.blocks.get(first + count).or(self.blocks.last())?.span.end;
        let at = if wanted <= limit { wanted } else { self.last_block_end(limit)? };
        (at > start && self.fits(start, at).is_some()).then_some(at)
    }

    /// A cut between blocks, if it leaves a piece of a decent size, or keeps something whole that should be.
    fn block_cut(&self, start: usize, done: usize, limit: usize) -> Option<usize> {
        let at = self.last_block_end(limit).filter(|at| *at > start && *at > done)?;
        self.fits(start, at)?;
        let crossed = self.blocks.get(self.blocks.partition_point(|block| block.span.end <= limit))?;
        let keeps_whole = matches!(crossed.kind, BlockKind::Code | BlockKind::Table | BlockKind::Row)
            && self.fits(crossed.span.start, crossed.span.end).is_some();
        let filled = self.ruler.tokens(start, at) * 2 >= self.budget;
        (filled || keeps_whole).then_some(at)
    }

    fn next_block_start(&self, at: usize) -> usize {
        let index = self.blocks.partition_point(|block| block.span.end <= at);
        self.blocks.get(index).map_or(at, |block| block.span.start.max(at))
    }

    /// A cut inside a block: after a sentence or line in the last half of the budget, else after a word, else
    /// anywhere between characters.
    fn inner_cut(&self, start: usize, done: usize, limit: usize) -> Cut {
        let floor = start.max(done);
        // The last two pieces share what is left evenly, so that the last one is not a scrap.
        let rest = self.ruler.tokens(start, self.end());
        let even = rest > self.budget && rest < self.budget * 2;
        let target = if even { rest / 2 + self.overlap / 2 } else { self.budget };
        let half = self.ruler.forward(start, target / 2).clamp(floor + 1, limit.max(floor + 1));
        let high = self.ruler.forward(start, target + target / 8).clamp(half, limit.max(half));
        let at = self
            .soft_boundary(start, half, high)
            .or_else(|| if high < limit { self.soft_boundary(start, half, limit) } else { None })
            .or_else(|| self.word_boundary(floor + 1, limit));
        match at.filter(|at| self.fits(start, *at).is_some()) {
            Some(at) => Cut { end: at, next: at, counted: None },
            None => self.hard_cut(start, limit),
        }
    }

    /// The best sentence, line or item start in `low..=high`. Code is cut before lines only, best after an empty one.
    fn soft_boundary(&self, start: usize, low: usize, high: usize) -> Option<usize> {
        if low > high {
            return None;
        }
        let index = self.blocks.partition_point(|block| block.span.end <= start);
        let last = self.blocks.partition_point(|block| block.span.start < high);
        let kind = self.blocks[index.min(last.saturating_sub(1))..last].last()?.kind;
        match kind {
            BlockKind::Paragraph | BlockKind::Heading(_) => sentence::last_start(self.text(), low, high),
            BlockKind::Code => {
                self.line_start(low, high, "\n\n").or_else(|| self.line_start(low, high, "\n"))
            }
            BlockKind::List | BlockKind::Table | BlockKind::Row => {
                self.line_start(low, high, "\n").or_else(|| sentence::last_start(self.text(), low, high))
            }
        }
    }

    fn line_start(&self, low: usize, high: usize, ends: &str) -> Option<usize> {
        let from = self.text().floor_char_boundary(low.saturating_sub(ends.len()));
        let high = self.text().floor_char_boundary(high);
        let at = from + self.text().get(from..high)?.rfind(ends)? + ends.len();
        (at >= low).then_some(at)
    }

    fn word_boundary(&self, low: usize, high: usize) -> Option<usize> {
        let blank = self.text().as_bytes().get(low..high)?.iter().rposition(u8::is_ascii_whitespace)?;
        Some(low + blank)
    }

    /// Cuts inside a word. Tokens do not add up there, so the piece is counted and shrunk until it fits.
    fn hard_cut(&self, start: usize, limit: usize) -> Cut {
        let text = self.text();
        let least = text.ceil_char_boundary(start + 1);
        let mut end = limit.max(least);
        // What the last count allows is aimed at, and nine tenths of the last try at most: few rounds suffice.
        loop {
            let tokens = self.ruler.count(&text[start..end]);
            if tokens <= self.budget || end == least {
                return Cut { end, next: end, counted: Some(tokens) };
            }
            let length = end - start;
            let aim = (length * self.budget / tokens).min(length * 9 / 10);
            end = text.floor_char_boundary(start + aim).max(least);
        }
    }

    /// Where the piece after `cut` starts: earlier than its end by whole sentences or lines, if they are small.
    pub(super) fn overlap_start(&self, start: usize, cut: &Cut) -> usize {
        let index = self.blocks.partition_point(|block| block.span.end <= cut.end.saturating_sub(1));
        let Some(block) = self.blocks.get(index) else { return cut.next };
        let inside = cut.next < block.span.end;
        let repeats = match block.kind {
            BlockKind::Paragraph | BlockKind::List => true,
            BlockKind::Code | BlockKind::Table => inside,
            BlockKind::Heading(_) | BlockKind::Row => false,
        };
        if !repeats || self.overlap == 0 || cut.counted.is_some() {
            return cut.next;
        }
        let earliest = self.ruler.back(cut.end, self.overlap).max(block.span.start).max(start + 1);
        if earliest >= cut.end {
            return cut.next;
        }
        // A last piece that has room for a whole repeated sentence only; anything else is not worth its tokens.
        sentence::first_start(self.text(), earliest, cut.end).unwrap_or(cut.next)
    }
}

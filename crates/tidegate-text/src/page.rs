//! Text and blocks being put together by a parser that renders, rather than points into, its input.

use tidegate_core::{Block, BlockKind, Document, Fault, FaultKind};

/// A document in the making. Blocks are appended in order, a separator between them.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) blocks: Vec<Block>,
    /// Most bytes of text. Formats that repeat names on every row could otherwise unfold a small file into a huge text.
    pub(crate) limit: usize,
    room: Room,
}

/// What parsing may take of memory beside its input.
///
/// Text may consist of things as small as a byte or two, each of which takes a few dozen bytes to be known: without a
/// bound, a file of 64 MB takes gigabytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: usize::MAX }
    }
}

impl Room {
    /// Whether `bytes` and what `blocks` take fit.
    pub(crate) fn check(self, bytes: usize, blocks: usize) -> Result<(), Fault> {
        if blocks.saturating_mul(size_of::<Block>()).saturating_add(bytes) <= self.bytes {
            return Ok(());
        }
        let message = format!("takes more than {} MiB of memory to read", self.bytes.div_ceil(1 << 20));
        Err(Fault::new(FaultKind::TooLarge, message)
            .hint("split the file, or give more memory to documents in flight (--memory)"))
    }

    /// What is left beside `bytes`.
    pub(crate) fn without(self, bytes: usize) -> Self {
        Self { bytes: self.bytes.saturating_sub(bytes) }
    }
}

/// Most blocks of a document. Each takes memory beside its text: of rows of three bytes, ten times as much as the text.
const MOST_BLOCKS: usize = 4_000_000;

impl Page {
    /// A page for what `input` unfolds to: eight times as much at most.
    pub(crate) fn for_input(input: &str, room: Room) -> Self {
        Self { limit: input.len().saturating_mul(8).max(1 << 20), room, ..Self::default() }
    }

    /// Makes what `render` appends one block of `kind`; nothing, if that is white space only.
    pub(crate) fn block(
        &mut self,
        kind: BlockKind,
        separator: &str,
        render: impl FnOnce(&mut String) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let before = self.text.len();
        if before > 0 {
            self.text.push_str(separator);
        }
        let start = self.text.len();
        render(&mut self.text)?;
        self.text.truncate(start + self.text[start..].trim_end().len());
        if self.text.len() == start {
            self.text.truncate(before);
            return Ok(());
        }
        self.blocks.push(Block { kind, span: start..self.text.len() });
        self.check()
    }

    fn check(&self) -> Result<(), Fault> {
        if self.blocks.len() > MOST_BLOCKS {
            let message = format!("more than {MOST_BLOCKS} rows or paragraphs");
            return Err(
                Fault::new(FaultKind::TooLarge, message).hint("split the file, or index its rows as records")
            );
        }
        if self.text.len() <= self.limit {
            return self.room.check(self.text.len(), self.blocks.len());
        }
        let message = format!("unfolds to more than {} bytes of text", self.limit);
        Err(Fault::new(FaultKind::TooLarge, message).hint("split the file, or index its rows as records"))
    }

    pub(crate) fn into_document(self) -> Document {
        Document { text: self.text, blocks: self.blocks, ..Document::default() }
    }
}

/// Appends `range` of `text` as a block without the white space around it, if anything is left.
pub(crate) fn push_trimmed(
    blocks: &mut Vec<Block>,
    text: &str,
    kind: BlockKind,
    range: std::ops::Range<usize>,
) {
    let span = trim(text, range);
    if !span.is_empty() {
        blocks.push(Block { kind, span });
    }
}

/// `range` without the white space at both ends.
pub(crate) fn trim(text: &str, range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let slice = &text[range.clone()];
    let start = range.start + (slice.len() - slice.trim_start().len());
    let end = start + slice.trim().len();
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_without_end_are_refused() {
        let blocks = vec![Block { kind: BlockKind::Row, span: 0..1 }; MOST_BLOCKS];
        let mut page = Page { blocks, limit: 10, ..Page::default() };
        let mut row = || {
            page.block(BlockKind::Row, "\n", |text| {
                text.push('a');
                Ok(())
            })
        };
        assert_eq!(row().unwrap_err().kind(), FaultKind::TooLarge);
    }
}

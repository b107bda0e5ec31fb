//! A parsed document: its text, and what each stretch of the text is.
//!
//! Blocks are spans of one text rather than a tree of owned nodes, so that a chunk is a slice, offsets stay
//! true through every stage, and a large document costs one allocation.

use std::ops::Range;
use std::sync::Arc;

use crate::record::Fields;

/// What a parser makes of one source item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The readable text. For UTF-8 plain text, Markdown and code this is the file itself.
    pub text: String,
    /// What the text consists of: sorted by start, disjoint, within `text`, on character boundaries.
    pub blocks: Vec<Block>,
    /// Where pages, slides or sheets begin, in order of `start`; empty for formats without them. What stands before
    /// the first has no page.
    pub pages: Vec<Page>,
    /// The title, where the format states one or the first heading serves as one.
    pub title: Option<String>,
    /// Further metadata (language, author, date …), stored with the document and usable in filters.
    pub meta: Fields,
}

impl Document {
    /// The number of the page that the byte at `offset` of the text is on.
    #[must_use]
    pub fn page_at(&self, offset: u64) -> Option<u32> {
        let before = self.pages.partition_point(|page| page.start <= offset);
        Some(self.pages.get(before.checked_sub(1)?)?.number)
    }
}

/// Where a page, slide or sheet begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Byte offset in [`Document::text`].
    pub start: u64,
    /// Its number from 1, as one counts the pages of the file.
    pub number: u32,
    /// What the document itself calls it: the name of a sheet, the label of a page.
    pub name: Option<String>,
}

/// One stretch of a document's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Byte range in [`Document::text`].
    pub span: Range<usize>,
}

/// What a block is. Chunking never merges across a heading and avoids splitting code, tables and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A heading of level 1–6; the span is its text, without markup characters.
    Heading(u8),
    /// Running prose.
    Paragraph,
    /// A list item or a run of them.
    List,
    /// A code block, or a top-level item of a source file.
    Code,
    /// A table.
    Table,
    /// One row or entry of a table-like or JSON file.
    Row,
}

/// Where a chunk stands in its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Position among the document's chunks, from 0.
    pub ordinal: u32,
    /// The headings above the chunk, outermost first; shared between chunks of one section.
    pub heading: Arc<[Arc<str>]>,
    /// Byte range in [`Document::text`].
    pub span: Range<u64>,
    /// Page, slide or sheet number from 1, for paged formats.
    pub page: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_on_the_last_page_that_begins_by_it() {
        let page = |start, number| Page { start, number, name: None };
        let doc = Document { pages: vec![page(3, 1), page(10, 2), page(10, 4)], ..Document::default() };
        let found: Vec<_> = [0, 3, 9, 10, 99].iter().map(|at| doc.page_at(*at)).collect();
        assert_eq!(found, [None, Some(1), Some(1), Some(4), Some(4)]);
        assert_eq!(Document::default().page_at(0), None);
    }
}

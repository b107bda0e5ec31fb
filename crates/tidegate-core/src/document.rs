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
    /// The title, where the format states one or the first heading serves as one.
    pub title: Option<String>,
    /// Further metadata (language, author, date …), stored with the document and usable in filters.
    pub meta: Fields,
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

//! What a file may cost.

use serde::{Deserialize, Serialize};

/// Limits of one call of [`parse`](crate::parse()): of everything found in one file together, unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most bytes of the file, and of each thing unpacked from it. The largest books and reports with pictures are
    /// below 256 MiB; what is larger is a disk image or a dump.
    pub max_bytes: u64,
    /// Most bytes of text, of all documents of the file together. 64 MiB is some 30,000 pages.
    pub max_output_bytes: u64,
    /// Most bytes that come out of decompression. They are counted as they come, never believed from a header.
    pub max_unpacked_bytes: u64,
    /// Most bytes that come out of decompression for each byte that went in, once more than
    /// [`ratio_free_bytes`](Self::ratio_free_bytes) came out. Office XML reaches 60, text logs 40, bombs 1,000 and more.
    pub max_ratio: u64,
    /// Bytes that may come out of the decompression of one thing whatever the ratio, and eight times as many out of all
    /// of a file: small files of blanks are no danger.
    pub ratio_free_bytes: u64,
    /// Most pages of a PDF, slides of a presentation or sheets of a workbook, of one document.
    pub max_pages: u32,
    /// Most members of archives and attachments, nested ones included.
    pub max_entries: u32,
    /// Most containers within each other: a ZIP in a mail in a ZIP is 3. A compressed tar counts as one.
    pub max_depth: u32,
    /// Most open elements of XML, groups of RTF, forms of PDF, parts of a mail within each other.
    pub max_nesting: u32,
    /// Whether a PDF without text is a document without text, for somebody who reads its pictures, and no fault.
    pub keep_blank: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_output_bytes: 64 << 20,
            max_unpacked_bytes: 1 << 30,
            max_ratio: 100,
            ratio_free_bytes: 10 << 20,
            max_pages: 20_000,
            max_entries: 10_000,
            max_depth: 4,
            max_nesting: 256,
            keep_blank: false,
        }
    }
}

//! Rows of tables in blocks that are in memory, as objects: for whoever works on many of them at a time.

use std::ops::Range;

use tidegate_core::Fault;

use crate::split::Split;
use crate::table::{Columns, TableOptions};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A table whose columns are known, without the rows.
pub struct TableText {
    split: Split,
    columns: Columns,
}

/// A row as an object; to be used again for the next one.
#[derive(Debug, Default)]
pub struct TableObject {
    /// The object, as JSON on one line.
    pub json: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// A row of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRow<'a> {
    /// The row, without its line end.
    pub bytes: &'a [u8],
    /// Where it begins in the block, in bytes.
    pub at: usize,
    /// How many lines of the block stand before the one on which it begins.
    pub lines: u64,
}

/// The rows of a block that are not blank.
pub struct TableTextRows<'a> {
    split: Split,
    block: &'a [u8],
    at: usize,
    lines: u64,
    /// Whether the next row is the header.
    header: bool,
}

impl TableText {
    /// A table with these columns; `file` is what is said to be wrong if they cannot be told apart.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: columns that are not those that `options` names.
    pub fn new(options: &TableOptions, columns: &[String], file: &str) -> Result<Self, Fault> {
        Ok(Self { split: options.split(), columns: Columns::new(columns, options, file)? })
    }

    /// The rows of `block`, which holds whole ones. It begins its file where `fresh` says so, and holds its header where
    /// `header` does.
    #[must_use]
    pub fn rows<'a>(&self, block: &'a [u8], (fresh, header): (bool, bool)) -> TableTextRows<'a> {
        let at = if fresh && block.starts_with(BOM) { BOM.len() } else { 0 };
        TableTextRows { split: self.split, block, at, lines: 0, header }
    }

    /// Makes of a row an object with a field for each column. `offset` is where it begins in its file. Whatever was in
    /// `object` is no more.
    ///
    /// # Errors
    /// A row that is not as the columns are.
    pub fn object(&self, row: &[u8], offset: u64, object: &mut TableObject) -> Result<(), Fault> {
        let TableObject { json, places } = object;
        json.clear();
        places.clear();
        self.columns.object(self.split, (row, offset), (json, Some(places))).map(drop)
    }

    /// The fields of an object that was made by this: what they are called, and where their values stand.
    pub fn fields<'a>(&'a self, object: &'a TableObject) -> impl Iterator<Item = (&'a str, Range<usize>)> {
        self.columns.iter().zip(object.places.iter().cloned())
    }
}

impl<'a> Iterator for TableTextRows<'a> {
    type Item = TableRow<'a>;

    fn next(&mut self) -> Option<TableRow<'a>> {
        loop {
            let rest = self.block.get(self.at..)?;
            let (end, next) = self.split.end(rest, true)?;
            let row = TableRow { bytes: &rest[..end], at: self.at, lines: self.lines };
            self.at += next;
            self.lines += (memchr::memchr_iter(b'\n', &rest[..next]).count() as u64).max(1);
            if row.bytes.is_empty() || std::mem::take(&mut self.header) {
                continue;
            }
            return Some(row);
        }
    }
}

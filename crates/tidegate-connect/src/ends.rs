//! What ends the lines of a block: a line feed, or whatever ends the rows of a table.

use tidegate_core::{Fault, FaultKind};

use crate::record_ends::{Found, RecordEnds};
use crate::rows::RowFormat;
use crate::split::Split;
use crate::table::reader_of;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Feeds,
    Rows(Split),
}

/// Looks for the last end in bytes to which more are added.
pub(crate) struct Search {
    ends: Ends,
    /// Behind the last end that was found; nothing but a byte order mark before it if `begun` is not set.
    at: usize,
    begun: bool,
}

/// Looks for the end of a line that is not held in memory.
pub(crate) enum Passing {
    Feed,
    Row(Box<RecordEnds>),
}

/// A line that was passed over.
pub(crate) struct TooLong {
    /// How it begins.
    pub(crate) head: Vec<u8>,
    /// Its length with its end.
    pub(crate) length: u64,
    /// The line feeds in it.
    pub(crate) lines: u64,
}

impl TooLong {
    pub(crate) fn count(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.lines += feeds(piece);
    }
}

fn feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Whether a block holds nothing but blank rows; `fresh` says that it begins its file.
pub(crate) fn is_blank(block: &[u8], fresh: bool) -> bool {
    let block = if fresh { block.strip_prefix(BOM).unwrap_or(block) } else { block };
    block.iter().all(|byte| b"\r\n".contains(byte))
}

impl Ends {
    pub(crate) fn of(format: &RowFormat) -> Self {
        match format {
            RowFormat::Table(table) => Self::Rows(table.split()),
            _ => Self::Feeds,
        }
    }

    /// What can end a line.
    pub(crate) fn feeds(self) -> &'static [u8] {
        match self {
            Self::Feeds => b"\n",
            Self::Rows(_) => b"\n\r",
        }
    }

    pub(crate) fn search(self) -> Search {
        Search { ends: self, at: 0, begun: false }
    }

    /// `fresh` says that the line stands at the beginning of its file.
    pub(crate) fn passing(self, fresh: bool) -> Passing {
        match self {
            Self::Feeds => Passing::Feed,
            Self::Rows(Split { delimiter, quotes }) => {
                Passing::Row(Box::new(RecordEnds::new(reader_of(delimiter, quotes), fresh)))
            }
        }
    }

    /// How many lines these whole ones are, as they are counted: a row takes at least one, also where a carriage return
    /// ends it.
    pub(crate) fn lines_in(self, lines: &[u8]) -> u64 {
        match self {
            Self::Rows(split) if memchr::memchr(b'\r', lines).is_some() => {
                let (mut at, mut count) = (0, 0);
                while let Some((_, next)) = split.end(&lines[at..], true) {
                    count += feeds(&lines[at..at + next]).max(1);
                    at += next;
                }
                count
            }
            _ => feeds(lines) + u64::from(!lines.ends_with(b"\n")),
        }
    }

    pub(crate) fn too_long(self, length: u64, most: usize) -> Fault {
        let (what, hint) = match self {
            Self::Feeds => ("line", "raise max_line"),
            Self::Rows(_) => ("row", "see whether its quotes are closed; else raise max_line in [input]"),
        };
        let what = format!("a {what} of {length} bytes, more than the limit of {most}");
        Fault::new(FaultKind::TooLarge, what).hint(hint)
    }
}

impl Search {
    /// Where the last whole line of `bytes` ends, which are those of the last call with more behind them; `None` if
    /// there is none. `fresh` says that they begin with those of the file.
    pub(crate) fn last(&mut self, bytes: &[u8], fresh: bool) -> Option<usize> {
        let Ends::Rows(split) = self.ends else {
            return memchr::memrchr(b'\n', bytes).map(|end| end + 1);
        };
        if !self.begun && fresh && bytes.starts_with(BOM) {
            self.at = BOM.len();
        }
        while let Some((_, next)) = split.end(&bytes[self.at..], false) {
            self.at += next;
            self.begun = true;
        }
        self.begun.then_some(self.at)
    }
}

impl Passing {
    /// How much of `piece` belongs to the line, and whether that is its end.
    pub(crate) fn pass(&mut self, piece: &[u8], last: bool) -> (usize, bool) {
        match self {
            Self::Feed => match memchr::memchr(b'\n', piece) {
                Some(end) => (end + 1, true),
                None => (piece.len(), false),
            },
            Self::Row(ends) => match ends.find(piece, last) {
                Found::End(_, next) => (next, true),
                Found::More(_) if last => (piece.len(), false),
                Found::More(seen) => (seen, false),
            },
        }
    }
}

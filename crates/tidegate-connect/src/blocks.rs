//! Lines of JSON Lines files and rows of tables as a source, many at a time: each item is a block of whole ones.
//!
//! For work that costs less than accounting for a line alone would: an item for each of a hundred million lines would
//! take more time than what is done to them. What a block holds is told apart by whoever works on it.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_core::{
    Body, ContentHash, Cx, Fault, Fetch, Fields, Listing, Position, Source, SourceItem, Stop, Version,
};

use crate::buffers::Buffers;
use crate::ends::{Ends, TooLong, is_blank};
use crate::gathered::{gathered, place_of};
use crate::jsonl::{
    InHand, Opened, Place, RowOptions, columns_of, damaged, open_at, other_input, regular_files,
};
use crate::key::{encode_key, row_prefix};
use crate::lines::HEAD;
use crate::open;

/// Bytes of a block, but for the rest of its last line.
pub(crate) const BLOCK: usize = 1 << 20;
/// Bytes at each end of a block that its version covers.
const EDGE: usize = 4 << 10;
/// Blocks listed in one go.
const LISTED: usize = 4;

/// Lists blocks of the lines of files, or of the rows of tables, in order, with positions to resume from. Files may be
/// compressed with gzip or Zstandard.
///
/// The body of an item is its lines; its fields are the number of the first (`line`) and where it begins (`offset`, in
/// bytes of the decompressed file), and for a table what its columns are called (`columns`) and whether its header is
/// still among the lines (`header`); [`crate::TableText`] tells its rows apart. A line longer than allowed is an item of
/// its own, which cannot be read.
pub struct Blocks {
    /// What is read; away while a step runs on the compute pool.
    reader: Option<Reader>,
}

struct Reader {
    paths: Vec<PathBuf>,
    options: RowOptions,
    /// Bytes of a block.
    block: usize,
    next: usize,
    resume: Option<Place>,
    open: Option<OpenFile>,
    buffers: Buffers,
}

/// A file being read.
struct OpenFile {
    index: usize,
    prefix: String,
    reader: Opened,
    /// What ends a line.
    ends: Ends,
    /// For a table: what its columns are called, and whether its header is still to come.
    columns: Option<(Value, bool)>,
    /// Read, but not yet part of a block.
    rest: Vec<u8>,
    /// Where `rest` begins, and how many lines came before it.
    offset: u64,
    line: u64,
    ended: bool,
    /// Why there is no more; told behind the whole lines that came before.
    failed: Option<io::Error>,
    buffers: Buffers,
}

/// What comes next in a file.
enum Piece {
    /// Whole lines.
    Lines(Vec<u8>),
    /// A line that is too long.
    TooLong(TooLong),
    End,
}

impl Blocks {
    /// Looks whether the files are there. Of `options`, the longest line counts, and whether they are tables.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path that is not a regular file, and for a table whose columns cannot be told.
    pub fn open(paths: &[PathBuf], options: &RowOptions) -> Result<Self, Fault> {
        let paths = regular_files(paths)?;
        // What is wrong with a header is said before anything else is done.
        paths.iter().try_for_each(|path| columns_of(path, options).map(drop))?;
        let (options, buffers) = (options.clone(), Buffers::new(2 * BLOCK));
        let reader = Reader { paths, options, block: BLOCK, next: 0, resume: None, open: None, buffers };
        Ok(Self { reader: Some(reader) })
    }

    /// With blocks of another size, so that tests see many.
    #[cfg(test)]
    pub(crate) fn of(mut self, block: usize) -> Self {
        if let Some(reader) = &mut self.reader {
            reader.block = block.max(1);
        }
        self
    }

    /// Goes on after `position`, which may be one of [`crate::Jsonl`] over the same files.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a position that is not one of these files.
    pub fn resume(&mut self, position: &Position) -> Result<(), Fault> {
        let reader = self.reader.as_mut().ok_or_else(other_input)?;
        let place = place_of(position, reader.paths.len(), |place: &Place| place.file)?;
        reader.next = place.file;
        reader.resume = Some(place);
        Ok(())
    }
}

#[async_trait]
impl Source for Blocks {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        if cx.stop() != Stop::Go {
            return Ok(Listing::Quiet);
        }
        let items = gathered(&mut self.reader, cx, move |reader| reader.gather(max.clamp(1, LISTED))).await?;
        Ok(if items.is_empty() { Listing::End(None) } else { Listing::Items(items) })
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

impl Reader {
    /// Reads up to `max` blocks; none at the end of the last file.
    fn gather(&mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        let mut items = Vec::new();
        while items.len() < max {
            let Some(file) = &mut self.open else {
                if !self.open_next(&mut items)? {
                    break;
                }
                continue;
            };
            match file.next(self.block, self.options.max_line) {
                Ok(Piece::Lines(lines)) => items.push(file.block(lines)),
                Ok(Piece::TooLong(line)) => items.push(file.too_long(&line, self.options.max_line)),
                Ok(Piece::End) => self.open = None,
                Err(error) => {
                    items.push(file.broken(damaged(error)));
                    self.open = None;
                }
            }
        }
        Ok(items)
    }

    /// Opens the next file; `false` if there is none. One that cannot be opened is listed as such and passed over.
    fn open_next(&mut self, items: &mut Vec<SourceItem>) -> Result<bool, Fault> {
        let Some(path) = self.paths.get(self.next) else { return Ok(false) };
        let prefix = row_prefix(&encode_key(path));
        let line = self.resume.as_ref().map_or(0, |place| place.line);
        let ends = Ends::of(&self.options.format);
        let columns = columns_of(path, &self.options)?;
        match open_at(path, self.resume.as_ref(), ends.feeds()) {
            Ok(Some((reader, offset))) => {
                let (index, buffers) = (self.next, self.buffers.clone());
                let columns = columns.map(|columns| (json!(columns.names()), offset == 0));
                let (rest, ended, failed) = (buffers.take(), false, None);
                self.open = Some(OpenFile {
                    index,
                    prefix,
                    reader,
                    ends,
                    columns,
                    rest,
                    offset,
                    line,
                    ended,
                    failed,
                    buffers,
                });
            }
            Ok(None) => return Err(other_input().during(format!("resuming {}", path.display()))),
            Err(error) if self.resume.is_some() => {
                return Err(other_input().cause(error).during(format!("resuming {}", path.display())));
            }
            Err(error) => items.push(unreadable(&prefix, (1, 0), open::read_fault(error))),
        }
        self.next += 1;
        self.resume = None;
        Ok(true)
    }
}

impl OpenFile {
    fn next(&mut self, block: usize, max_line: usize) -> io::Result<Piece> {
        let mut search = self.ends.search();
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if !self.ended
                && let Err(error) = self.fill(block.max(self.rest.len() + block / 2 + 1))
            {
                let Some(end) = search.last(&self.rest, self.offset == 0) else { return Err(error) };
                self.failed = Some(error);
                return Ok(Piece::Lines(self.whole(end)));
            }
            if self.ended {
                let lines = std::mem::take(&mut self.rest);
                return Ok(if lines.is_empty() { Piece::End } else { Piece::Lines(lines) });
            }
            if let Some(end) = search.last(&self.rest, self.offset == 0) {
                return Ok(Piece::Lines(self.whole(end)));
            }
            if self.rest.len() > max_line {
                return self.skip(block).map(Piece::TooLong);
            }
        }
    }

    /// Takes the lines that end at `end`.
    fn whole(&mut self, end: usize) -> Vec<u8> {
        let mut lines = std::mem::replace(&mut self.rest, self.buffers.take());
        self.rest.extend_from_slice(&lines[end..]);
        lines.truncate(end);
        lines
    }

    /// Reads until there are `enough` bytes, or no more; what came before an error is kept.
    fn fill(&mut self, enough: usize) -> io::Result<()> {
        let missing = enough.saturating_sub(self.rest.len());
        self.rest.reserve(missing);
        let got = (&mut self.reader).take(missing as u64).read_to_end(&mut self.rest)?;
        self.ended = got < missing;
        Ok(())
    }

    /// Passes over a line that is too long, without holding more of it than its beginning.
    fn skip(&mut self, block: usize) -> io::Result<TooLong> {
        let head = self.rest[..HEAD.min(self.rest.len())].to_vec();
        let mut passing = self.ends.passing(self.offset == 0);
        let mut line = TooLong { head, length: 0, lines: 0 };
        loop {
            let (seen, over) = passing.pass(&self.rest, self.ended);
            line.count(&self.rest[..seen]);
            self.rest.drain(..seen);
            if over || self.ended {
                return Ok(line);
            }
            self.fill(block.max(self.rest.len() + 1))?;
        }
    }

    fn block(&mut self, lines: Vec<u8>) -> SourceItem {
        let size = lines.len() as u64;
        let key = format!("{}@{}", self.prefix, self.offset);
        let mut item = SourceItem::new(key, version(&lines), size);
        let mut fields = place(self.line + 1, self.offset);
        if let Some((columns, header)) = &mut self.columns {
            fields.insert("columns".to_owned(), columns.clone());
            // A header may stand behind any number of blank lines.
            let begins = *header && !is_blank(&lines, self.offset == 0);
            fields.insert("header".to_owned(), begins.into());
            *header &= !begins;
        }
        item.fields = Arc::new(fields);
        self.line += self.ends.lines_in(&lines);
        self.offset += size;
        item.body = Some(Body::Bytes(self.buffers.share(lines)));
        item.position = self.position();
        item
    }

    fn too_long(&mut self, line: &TooLong, max_line: usize) -> SourceItem {
        let fault = self.ends.too_long(line.length, max_line);
        let mut item = unreadable(&self.prefix, (self.line + 1, self.offset), fault);
        item.body = Some(Body::Bytes(Bytes::copy_from_slice(&line.head)));
        item.size = line.head.len() as u64;
        self.line += line.lines.max(1);
        self.offset += line.length;
        item.position = self.position();
        item
    }

    fn broken(&self, fault: Fault) -> SourceItem {
        unreadable(&self.prefix, (self.line + 1, self.offset), fault)
    }

    fn position(&mut self) -> Option<Position> {
        let mark = self.reader.mark(self.offset);
        let place = Place { file: self.index, offset: self.offset, line: self.line, rows: self.line, mark };
        serde_json::to_string(&place).ok().map(Position)
    }
}

fn place(line: u64, offset: u64) -> Fields {
    Fields::from_iter([("line".to_owned(), json!(line)), ("offset".to_owned(), json!(offset))])
}

fn unreadable(prefix: &str, (line, offset): (u64, u64), fault: Fault) -> SourceItem {
    let mut item = SourceItem::new(format!("{prefix}L{line}"), Version::default(), 0);
    item.body = Some(Body::Empty);
    item.fields = Arc::new(place(line, offset));
    item.fault = Some(fault.during(format!("reading line {line} at byte {offset}")));
    item
}

/// A block is known by where it begins; its version tells whoever reads the ledger little more, because to hash all of it
/// would cost a tenth of the work on it.
fn version(lines: &[u8]) -> Version {
    let (head, tail) = (lines.len().min(EDGE), lines.len().saturating_sub(EDGE));
    let length = (lines.len() as u64).to_le_bytes();
    Version(ContentHash::of_parts(&[&length, &lines[..head], &lines[tail..]]).to_hex()[..32].to_owned())
}

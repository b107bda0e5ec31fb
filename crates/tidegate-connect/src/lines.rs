//! Splits a stream of bytes into lines, or into the rows of a table, without ever holding more of one than is allowed.

use std::io::{self, Read};

use crate::record_ends::{Found, RecordEnds};

/// How much is asked of the reader at a time.
const CHUNK: usize = 256 << 10;
/// How much of an over-long line is kept, to show it.
pub(crate) const HEAD: usize = 4 << 10;

/// One line, without its line feed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The bytes; only the first [`HEAD`] of them if the line is too long.
    pub(crate) bytes: &'a [u8],
    /// How long it is, if it is longer than allowed.
    pub(crate) too_long: Option<u64>,
    /// Offset of its first byte in the stream.
    pub(crate) offset: u64,
    /// Number, from 1.
    pub(crate) number: u64,
}

/// What the splitter can say now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// A line.
    Line(Line<'a>),
    /// It needs more bytes, or word that there are none.
    More,
    /// The end.
    End,
}

/// Splits what it is fed. It does no I/O, so that files, pipes and decoders share it.
pub(crate) struct Lines {
    /// Bytes not yet handed out are `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Up to here the buffer is known to hold no end of a line.
    searched: usize,
    /// What ends a line, if that is not every line feed.
    records: Option<RecordEnds>,
    /// The longest line that is handed out whole, in bytes.
    max_line: usize,
    /// Offset of `buffer[start]` in the stream.
    offset: u64,
    /// Lines handed out, or lines that the rows handed out took.
    number: u64,
    /// Line feeds in what was skipped of a row.
    feeds: u64,
    /// The line being skipped because it is too long: its head, and how much of it has gone by.
    skipping: Option<(Vec<u8>, u64)>,
    /// Holds the head of a skipped line while the caller looks at it.
    head: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// Splits from the beginning of a stream.
    pub(crate) fn new(max_line: usize) -> Self {
        Self::at(max_line, 0, 0)
    }

    /// Splits from `offset`, before which there were `number` lines.
    pub(crate) fn at(max_line: usize, offset: u64, number: u64) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            records: None,
            max_line,
            offset,
            number,
            feeds: 0,
            skipping: None,
            head: Vec::new(),
            ended: false,
        }
    }

    /// Splits into what `records` finds instead. A row's number is that of the line on which it begins.
    pub(crate) fn of_records(mut self, records: RecordEnds) -> Self {
        self.records = Some(records);
        self
    }

    /// Offset of the next line, and how many came before it. Meaningful between lines.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.offset, self.number)
    }

    /// Reads once from `reader` into the buffer; nothing to read is the end.
    pub(crate) fn fill(&mut self, reader: &mut impl Read) -> io::Result<()> {
        if !self.feed(reader)? {
            self.end();
        }
        Ok(())
    }

    /// Reads once from `reader` into the buffer; whether there was anything.
    pub(crate) fn feed(&mut self, reader: &mut impl Read) -> io::Result<bool> {
        self.make_room();
        loop {
            match reader.read(&mut self.buffer[self.end..]) {
                Ok(got) => {
                    self.end += got;
                    return Ok(got > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Says that no more bytes will come: what is left is the last line.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Bytes the buffer takes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Makes room for a chunk: by moving what is left to the front, or by growing. The buffer never holds more than
    /// an allowed line and a chunk, because [`Self::next`] empties it once a line is too long.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.searched -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < CHUNK / 2 {
            let most = self.max_line + 1 + CHUNK;
            let size = (self.buffer.len() * 2).clamp(CHUNK, most.max(CHUNK));
            self.buffer.reserve_exact(size.saturating_sub(self.buffer.len()));
            self.buffer.resize(size, 0);
        }
    }

    /// The next line, if it is complete.
    pub(crate) fn next(&mut self) -> Next<'_> {
        match self.find() {
            Some((end, next)) => self.take(end, next),
            None if self.ended && self.start == self.end && self.skipping.is_none() => Next::End,
            None if self.ended => self.take(self.end, self.end),
            None => {
                if self.skipping.is_some() || self.end - self.start > self.max_line {
                    self.skip();
                }
                Next::More
            }
        }
    }

    /// Where the next line ends, and where the one after it begins.
    fn find(&mut self) -> Option<(usize, usize)> {
        let (at, piece) = (self.searched, &self.buffer[self.searched..self.end]);
        let found = match &mut self.records {
            Some(records) => records.find(piece, self.ended),
            None => {
                memchr::memchr(b'\n', piece).map_or(Found::More(piece.len()), |end| Found::End(end, end + 1))
            }
        };
        match found {
            Found::End(end, next) => Some((at + end, at + next)),
            Found::More(seen) => {
                self.searched = at + seen;
                None
            }
        }
    }

    /// Hands out the line that ends at `end`; the next one begins at `next`.
    fn take(&mut self, end: usize, next: usize) -> Next<'_> {
        let (start, offset) = (self.start, self.offset);
        let number = self.number + 1;
        self.number += self.lines_to(next);
        self.start = next;
        self.searched = next;
        self.offset += (next - start) as u64;
        let piece = &self.buffer[start..end];
        let (bytes, length, began) = match self.skipping.take() {
            Some((mut head, gone)) => {
                extend_head(&mut head, piece);
                self.head = head;
                (&self.head[..], gone + piece.len() as u64, offset - gone)
            }
            None => (piece, piece.len() as u64, offset),
        };
        let too_long = (length > self.max_line as u64).then_some(length);
        let bytes = if too_long.is_some() { &bytes[..bytes.len().min(HEAD)] } else { bytes };
        Next::Line(Line { bytes, too_long, offset: began, number })
    }

    /// How many lines there are up to `next`. A row takes at least one, also where a carriage return ends it.
    fn lines_to(&mut self, next: usize) -> u64 {
        let feeds = std::mem::take(&mut self.feeds);
        match self.records {
            Some(_) => (feeds + feeds_in(&self.buffer[self.start..next])).max(1),
            None => 1,
        }
    }

    /// Forgets what was seen of a line that is too long, but for its head.
    fn skip(&mut self) {
        let piece = &self.buffer[self.start..self.searched];
        let (head, gone) = self.skipping.get_or_insert_default();
        extend_head(head, piece);
        *gone += piece.len() as u64;
        self.offset += piece.len() as u64;
        if self.records.is_some() {
            self.feeds += feeds_in(piece);
        }
        self.start = self.searched;
    }
}

fn feeds_in(piece: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', piece).count() as u64
}

fn extend_head(head: &mut Vec<u8>, piece: &[u8]) {
    let room = HEAD - head.len();
    head.extend_from_slice(&piece[..piece.len().min(room)]);
}

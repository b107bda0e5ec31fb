//! Writes the text of a page and the blocks in it.
//!
//! White space is pending until a word follows: what separates is written only between two things that exist.

use tidegate_core::{BlockKind, Fault};

use super::cells::Table;
use super::entity;
use super::select::Piece;
use super::zone::{Place, Zone};
use crate::page::Room;

/// A heading longer than this (in bytes) is a mistake of the page: its text is prose.
const MAX_HEADING: usize = 400;
/// The most levels by which list items are indented.
const MAX_INDENT: usize = 8;

/// What to write before the next word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pending {
    Nothing,
    Gap,
    Line,
    /// A list item, and with it a line.
    Item,
}

pub(crate) struct Writer {
    out: String,
    pieces: Vec<Piece>,
    zone: Zone,
    /// The open block: its kind and where it starts.
    block: Option<(BlockKind, usize)>,
    pending: Pending,
    heading: Option<u8>,
    /// Open lists: the number of the current item, if items are numbered.
    lists: Vec<Option<u32>>,
    tables: Vec<Table>,
    /// Open verbatim elements.
    verbatim: usize,
    /// The line break after `<pre>` is not text.
    verbatim_start: bool,
    /// Where the open link starts in `out`, and the bytes inside links in the open block.
    link: Option<usize>,
    links: usize,
    /// Length of `out` when a definition began: a paragraph right there goes on with its term.
    definition: usize,
}

impl Writer {
    pub(crate) fn new(page_bytes: usize) -> Self {
        Self {
            // Documentation pages are about a third text; growing once more is cheap.
            out: String::with_capacity(page_bytes / 3),
            pieces: Vec::new(),
            zone: 0,
            block: None,
            pending: Pending::Nothing,
            heading: None,
            lists: Vec::new(),
            tables: Vec::new(),
            verbatim: 0,
            verbatim_start: false,
            link: None,
            links: 0,
            definition: usize::MAX,
        }
    }

    /// Whether the page fits into `room`: its text twice, as what is chosen of it is copied, and its pieces beside the
    /// blocks they become.
    pub(crate) fn check(&self, room: Room) -> Result<(), Fault> {
        let pieces = self.pieces.len() * (size_of::<Piece>() + 1);
        room.check(self.out.len() * 2 + pieces, self.pieces.len())
    }

    pub(crate) fn into_parts(self) -> (String, Vec<Piece>) {
        (self.out, self.pieces)
    }

    /// Moves on to another part of the page; a block is in one part only.
    pub(crate) fn set_zone(&mut self, zone: Zone) {
        if zone != self.zone {
            self.flush();
            self.zone = zone;
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
            self.plain(&rest[..at]);
            let Some((decoded, length)) = entity::decode(&rest[at..]) else {
                self.word("&");
                rest = &rest[at + 1..];
                continue;
            };
            let mut buffer = [0; 4];
            match decoded {
                entity::Decoded::Char('\u{a0}') | entity::Decoded::Text("\u{a0}" | "\\n" | "\\t") => {
                    self.plain(" ");
                }
                entity::Decoded::Char(c) => self.plain(c.encode_utf8(&mut buffer)),
                entity::Decoded::Text(text) => self.plain(text),
            }
            rest = &rest[at + length..];
        }
        self.plain(rest);
    }

    /// Text without references: verbatim, or its words with single spaces.
    fn plain(&mut self, text: &str) {
        if self.verbatim > 0 {
            return self.verbatim_text(text);
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let blanks = bytes[at..].iter().take_while(|b| is_blank(**b)).count();
            if blanks > 0 {
                self.pending = self.pending.max(Pending::Gap);
                at += blanks;
            }
            let length = bytes[at..].iter().position(|b| is_blank(*b)).unwrap_or(bytes.len() - at);
            if length > 0 {
                self.word(&text[at..at + length]);
                at += length;
            }
        }
    }

    fn verbatim_text(&mut self, mut text: &str) {
        if std::mem::take(&mut self.verbatim_start) {
            text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
        }
        if text.is_empty() || (self.block.is_none() && text.trim_matches(['\n', '\r']).is_empty()) {
            return;
        }
        self.pending = Pending::Nothing;
        if self.block.is_none() {
            self.begin();
        }
        self.out.push_str(text);
    }

    fn word(&mut self, word: &str) {
        if self.block.is_none() {
            self.begin();
        } else if self.pending != Pending::Nothing || !self.tables.is_empty() {
            self.separate();
        }
        self.out.push_str(word);
    }

    fn begin(&mut self) {
        let kind = if let Some(level) = self.heading {
            BlockKind::Heading(level)
        } else if self.verbatim > 0 {
            BlockKind::Code
        } else if self.in_table() {
            BlockKind::Table
        } else if self.lists.is_empty() {
            BlockKind::Paragraph
        } else {
            BlockKind::List
        };
        if !self.out.is_empty() {
            self.out.push_str("\n\n");
        }
        self.block = Some((kind, self.out.len()));
        self.link = self.link.map(|_| self.out.len());
        if kind == BlockKind::List && self.pending == Pending::Item {
            self.marker();
        }
        if let Some(table) = self.tables.last_mut() {
            table.forget_pending();
        }
        self.pending = Pending::Nothing;
    }

    /// Writes what is pending between the last word and the next.
    fn separate(&mut self) {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        if self.block.is_some_and(|(_, start)| start == self.out.len()) {
            return; // the only word so far was taken back
        }
        if self.heading.is_none()
            && self.verbatim == 0
            && let Some(table) = self.tables.last_mut()
            && table.separate(&mut self.out)
        {
            return;
        }
        match pending {
            Pending::Nothing => {}
            Pending::Item => {
                self.out.push('\n');
                self.indent(1);
                self.marker();
            }
            Pending::Line if self.heading.is_none() && !self.in_table() => {
                self.out.push('\n');
                self.indent(0);
            }
            Pending::Line | Pending::Gap => self.out.push(' '),
        }
    }

    fn indent(&mut self, less: usize) {
        let levels = self.lists.len().saturating_sub(less).min(MAX_INDENT);
        (0..levels).for_each(|_| self.out.push_str("  "));
    }

    fn marker(&mut self) {
        match self.lists.last() {
            Some(Some(number)) => {
                self.out.push_str(&number.to_string());
                self.out.push_str(". ");
            }
            _ => self.out.push_str("- "),
        }
    }

    fn in_table(&self) -> bool {
        self.tables.last().is_some_and(|table| !table.layout)
    }

    /// Ends the open block.
    pub(crate) fn flush(&mut self) {
        self.pending = if self.pending == Pending::Item { Pending::Item } else { Pending::Nothing };
        let Some((kind, start)) = self.block.take() else { return };
        self.end_link();
        let links = std::mem::take(&mut self.links);
        self.out.truncate(start + self.out[start..].trim_end().len());
        let text = &self.out[start..];
        if text.is_empty() {
            self.out.truncate(self.pieces.last().map_or(0, |piece| piece.span().end));
            return;
        }
        let kind = match kind {
            BlockKind::Heading(_) if text.len() > MAX_HEADING => BlockKind::Paragraph,
            BlockKind::Table if !text.contains(" | ") => BlockKind::Paragraph,
            kind => kind,
        };
        self.pieces.push(Piece::new(kind, start..self.out.len(), (links, self.zone)));
    }

    /// A paragraph or another block begins or ends here.
    pub(crate) fn paragraph(&mut self) {
        let Some((kind, _)) = self.block else { return };
        if self.out.len() == self.definition || kind == BlockKind::List {
            self.pending = self.pending.max(Pending::Line);
        } else if self.heading.is_some() || self.verbatim > 0 {
            self.pending = self.pending.max(Pending::Gap);
        } else if self.in_table() {
            if self.tables.last().is_some_and(|table| table.is_long_cell(self.out.len())) {
                self.make_layout();
            }
            self.pending = self.pending.max(Pending::Gap);
        } else {
            self.flush();
        }
    }

    pub(crate) fn line_break(&mut self) {
        if self.verbatim > 0 {
            self.verbatim_text("\n");
        } else {
            self.pending = self.pending.max(Pending::Line);
        }
    }

    pub(crate) fn open_heading(&mut self, level: Option<u8>) {
        self.make_layout();
        self.flush();
        self.heading = level;
    }

    pub(crate) fn close_heading(&mut self) {
        if self.heading.is_some() {
            self.flush();
            self.heading = None;
        }
    }

    pub(crate) fn enter(&mut self, place: Place) {
        self.close_heading();
        self.make_layout();
        match place {
            Place::Bullets | Place::Numbers => {
                if self.lists.is_empty() {
                    self.flush();
                }
                self.lists.push((place == Place::Numbers).then_some(0));
            }
            Place::Table => {
                self.flush();
                self.tables.push(Table::default());
            }
            Place::Verbatim => {
                self.flush();
                self.verbatim += 1;
                self.verbatim_start = true;
            }
        }
    }

    pub(crate) fn leave(&mut self, place: Place) {
        match place {
            Place::Bullets | Place::Numbers => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.flush();
                    self.pending = Pending::Nothing;
                } else {
                    self.pending = Pending::Line;
                }
            }
            Place::Table => {
                self.flush();
                self.tables.pop();
            }
            Place::Verbatim => {
                self.flush();
                self.verbatim = self.verbatim.saturating_sub(1);
            }
        }
    }

    pub(crate) fn item(&mut self) {
        if let Some(Some(number)) = self.lists.last_mut() {
            *number = number.saturating_add(1);
        }
        if self.lists.is_empty() {
            self.paragraph();
        } else {
            self.pending = Pending::Item;
        }
    }

    pub(crate) fn row(&mut self) {
        self.close_heading();
        match self.tables.last_mut() {
            Some(table) if !table.layout => table.row(),
            _ => self.flush(),
        }
    }

    pub(crate) fn cell(&mut self) {
        self.close_heading();
        match self.tables.last_mut() {
            Some(table) if !table.layout => table.cell(self.out.len()),
            _ => self.flush(),
        }
    }

    pub(crate) fn term(&mut self) {
        self.paragraph();
    }

    /// The definition of a term goes on in the block of its term.
    pub(crate) fn definition(&mut self) {
        self.pending = self.pending.max(Pending::Line);
        self.definition = self.out.len();
    }

    /// The table that holds this place turns out to be layout; what it has so far is a block.
    fn make_layout(&mut self) {
        if self.in_table() {
            self.flush();
            if let Some(table) = self.tables.last_mut() {
                table.layout = true;
            }
        }
    }

    /// A link begins; one without a target is only an anchor.
    pub(crate) fn begin_link(&mut self, has_target: bool) {
        self.link = has_target.then_some(self.out.len());
    }

    /// A link ends. Marks that only link a heading to itself are taken back.
    pub(crate) fn end_link(&mut self) {
        let Some(start) = self.link.take() else { return };
        let Some((_, block)) = self.block else { return };
        let start = start.max(block);
        let text = self.out[start..].trim();
        if matches!(text, "¶" | "§" | "#" | "🔗" | "\u{f0c1}") {
            self.out.truncate(start);
        } else {
            self.links += self.out.len() - start;
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | 0x0c)
}

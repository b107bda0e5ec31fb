//! Makes source items of lines.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tidegate_core::{Body, ContentHash, Fault, FaultKind, Fields, Position, SourceItem, Version};

use crate::key::encode_key;
use crate::lines::{HEAD, Line, Lines, Next};
use crate::row::{self, Row, RowFields, content_hash_of};

/// The longest line by default, in bytes.
pub const MAX_LINE: usize = 16 << 20;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowFormat {
    /// A JSON object.
    Json(RowFields),
    /// Text.
    Text,
    /// A JSON object that stays as it is written: the body is the object, whole. Its fields are only where the line
    /// stands: `line`, and `offset` in bytes of the decompressed file.
    Record {
        /// The field that identifies it: text or a whole number. Without one, records are known by line number.
        id: Option<String>,
    },
    /// Text that becomes a JSON object with one field of this name, otherwise as [`RowFormat::Record`].
    Line(String),
}

/// Makes items of the lines of one input.
pub(crate) struct Rows {
    /// What every key begins with, `#` included.
    prefix: String,
    format: RowFormat,
    max_line: usize,
    naming: Naming,
}

/// What a line without an id of its own is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Its number.
    Number,
    /// Its offset in a file that was begun anew this many times.
    Offset(u64),
}

impl Naming {
    fn name(self, number: u64, offset: u64) -> String {
        match self {
            Self::Number => format!("L{number}"),
            Self::Offset(generation) => format!("{generation}@{offset}"),
        }
    }
}

/// Items listed in one go.
pub(crate) struct Listed {
    pub(crate) items: Vec<SourceItem>,
    bytes: u64,
    max: usize,
}

/// Bytes of lines listed in one go at most: what is listed is in memory before the budget hears of it.
const LISTED: u64 = 4 << 20;

impl Listed {
    pub(crate) fn new(max: usize) -> Self {
        Self { items: Vec::new(), bytes: 0, max: max.max(1) }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.max || self.bytes >= LISTED
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Rows {
    pub(crate) fn new(prefix: String, format: RowFormat, max_line: usize) -> Self {
        Self { prefix, format, max_line, naming: Naming::Number }
    }

    pub(crate) fn set_naming(&mut self, naming: Naming) {
        self.naming = naming;
    }

    /// Takes whole lines out of the buffer until there is enough; whether the stream is at its end. `position` is
    /// asked, after each line, for the position behind it.
    pub(crate) fn take(
        &self,
        lines: &mut Lines,
        listed: &mut Listed,
        mut position: impl FnMut(u64, u64) -> Option<Position>,
    ) -> bool {
        while !listed.is_full() {
            let item = match lines.next() {
                Next::Line(line) => self.item(&line),
                Next::More => return false,
                Next::End => return true,
            };
            let Some(mut item) = item else { continue };
            let (offset, number) = lines.position();
            item.position = position(offset, number);
            listed.bytes += item.size;
            listed.items.push(item);
        }
        false
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The item of a line; `None` for a blank one.
    fn item(&self, line: &Line<'_>) -> Option<SourceItem> {
        if let Some(length) = line.too_long {
            let fault = Fault::new(
                FaultKind::TooLarge,
                format!("a line of {length} bytes, more than the limit of {}", self.max_line),
            );
            return Some(self.faulty(line, fault.hint("raise --max-line")));
        }
        let bytes =
            if line.offset == 0 { line.bytes.strip_prefix(BOM).unwrap_or(line.bytes) } else { line.bytes };
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let row = match &self.format {
            RowFormat::Json(names) => row::parse(bytes, names),
            RowFormat::Text => row::parse_text(bytes),
            RowFormat::Record { id } => row::parse_record(bytes, id.as_deref()),
            RowFormat::Line(field) => row::parse_line(bytes, field),
        };
        Some(match row {
            Ok(row) => self.row(row, bytes.len(), line),
            Err(fault) => self.faulty(line, fault),
        })
    }

    fn row(&self, row: Row, size: usize, line: &Line<'_>) -> SourceItem {
        let key = match &row.id {
            Some(id) => format!("{}{}", self.prefix, encode_key(Path::new(id))),
            None => format!("{}{}", self.prefix, self.naming.name(line.number, line.offset)),
        };
        let content = content_hash_of(&row.text, &row.fields);
        let mut item = SourceItem::new(key, version(&content), size as u64);
        item.content = Some(content);
        item.body = Some(Body::Text(row.text));
        item.fields = Arc::new(match &self.format {
            RowFormat::Json(_) | RowFormat::Text => row.fields,
            RowFormat::Record { .. } | RowFormat::Line(_) => Fields::from_iter([
                ("line".to_owned(), json!(line.number)),
                ("offset".to_owned(), json!(line.offset)),
            ]),
        });
        item
    }

    /// A line at fault is listed with how it begins, and where it is.
    fn faulty(&self, line: &Line<'_>, fault: Fault) -> SourceItem {
        let head = &line.bytes[..line.bytes.len().min(HEAD)];
        let length = line.too_long.unwrap_or(line.bytes.len() as u64);
        let hash = ContentHash::of_parts(&[head, &length.to_le_bytes()]);
        let name = self.naming.name(line.number, line.offset);
        // Where rows have ids, a row called L5 must not stand for line 5.
        let named = matches!(
            &self.format,
            RowFormat::Json(RowFields { id: Some(_), .. }) | RowFormat::Record { id: Some(_) }
        );
        let colon = if named { ":" } else { "" };
        let mut item = SourceItem::new(format!("{}{colon}{name}", self.prefix), version(&hash), 0);
        item.size = head.len() as u64;
        item.body = Some(Body::Bytes(Bytes::copy_from_slice(head)));
        item.fields = Arc::new(Fields::from_iter([
            ("line".to_owned(), json!(line.number)),
            ("offset".to_owned(), json!(line.offset)),
            ("length".to_owned(), json!(length)),
        ]));
        let place = format!("reading line {} at byte {}", line.number, line.offset);
        item.fault = Some(fault.during(place));
        item
    }

    /// The item that stands for what could not be read from `line` on.
    pub(crate) fn broken(&self, number: u64, offset: u64, fault: Fault) -> SourceItem {
        let line = Line { bytes: &[], too_long: None, offset, number };
        let mut item = self.faulty(&line, fault);
        item.version = Version::default(); // whatever went wrong may be over next time
        item
    }
}

fn version(hash: &ContentHash) -> Version {
    Version(hash.to_hex()[..32].to_owned())
}

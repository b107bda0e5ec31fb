//! Makes source items of lines.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tidegate_core::{Body, ContentHash, Fault, FaultKind, Fields, SourceItem, Version};

use crate::key::encode_key;
use crate::lines::{HEAD, Line};
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
}

/// Makes items of the lines of one input.
pub(crate) struct Rows {
    /// What every key begins with, `#` included.
    prefix: String,
    format: RowFormat,
    max_line: usize,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Rows {
    pub(crate) fn new(prefix: String, format: RowFormat, max_line: usize) -> Self {
        Self { prefix, format, max_line }
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The item of a line; `None` for a blank one. `name` is what the line is known by without an id of its own.
    pub(crate) fn item(&self, line: &Line<'_>, name: impl FnOnce() -> String) -> Option<SourceItem> {
        if let Some(length) = line.too_long {
            let fault = Fault::new(
                FaultKind::TooLarge,
                format!("a line of {length} bytes, more than the limit of {}", self.max_line),
            );
            return Some(self.faulty(line, name(), fault.hint("raise --max-line")));
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
        };
        Some(match row {
            Ok(row) => self.row(row, bytes.len(), name),
            Err(fault) => self.faulty(line, name(), fault),
        })
    }

    fn row(&self, row: Row, size: usize, name: impl FnOnce() -> String) -> SourceItem {
        let key = match &row.id {
            Some(id) => format!("{}{}", self.prefix, encode_key(Path::new(id))),
            None => format!("{}{}", self.prefix, name()),
        };
        let content = content_hash_of(&row.text, &row.fields);
        let mut item = SourceItem::new(key, version(&content), size as u64);
        item.content = Some(content);
        item.body = Some(Body::Text(row.text));
        item.fields = Arc::new(row.fields);
        item
    }

    /// A line at fault is listed with how it begins, and where it is.
    fn faulty(&self, line: &Line<'_>, name: String, fault: Fault) -> SourceItem {
        let head = &line.bytes[..line.bytes.len().min(HEAD)];
        let length = line.too_long.unwrap_or(line.bytes.len() as u64);
        let hash = ContentHash::of_parts(&[head, &length.to_le_bytes()]);
        // A name that no id can have, where rows have ids: an id is never empty and `:` could begin one, but a
        // colon and a line number of a broken line in the same file is no accident.
        let colon =
            if matches!(&self.format, RowFormat::Json(RowFields { id: Some(_), .. })) { ":" } else { "" };
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
        let mut item = self.faulty(&line, format!("L{number}"), fault);
        item.version = Version::default(); // whatever went wrong may be over next time
        item
    }
}

fn version(hash: &ContentHash) -> Version {
    Version(hash.to_hex()[..32].to_owned())
}

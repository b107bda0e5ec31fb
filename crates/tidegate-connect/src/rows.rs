//! Makes source items of lines.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use tidegate_core::{Body, ContentHash, Fault, FaultKind, Fields, Position, SourceItem, Version};

use crate::key::encode_key;
use crate::lines::{HEAD, Line, Lines, Next};
use crate::row::{self, Row, RowFields, content_hash_of};
use crate::table::{Columns, Table, TableOptions};

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
    /// A row of a table, which may take several lines and becomes a JSON object with a field for each column, otherwise
    /// as [`RowFormat::Record`].
    Table(TableOptions),
}

/// Makes items of the lines of one input.
pub(crate) struct Rows {
    /// What every key begins with, `#` included.
    prefix: String,
    format: RowFormat,
    max_line: usize,
    naming: Naming,
    /// For tables.
    table: Option<Table>,
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
        let table = match &format {
            RowFormat::Table(options) => Some(Table::new(options.clone())),
            _ => None,
        };
        Self { prefix, format, max_line, naming: Naming::Number, table }
    }

    /// What splits the input into rows, from `offset` on, before which there were `number` lines.
    pub(crate) fn lines(&self, (offset, number): (u64, u64)) -> Lines {
        let lines = Lines::at(self.max_line, offset, number);
        match &self.table {
            Some(table) => lines.of_records(table.ends(offset == 0)),
            None => lines,
        }
    }

    /// The columns of a table, once its first row was taken.
    pub(crate) fn columns(&self) -> Option<&Arc<Columns>> {
        self.table.as_ref()?.columns()
    }

    /// Tells a table what its columns are, where reading does not begin at the first row.
    pub(crate) fn know(&mut self, columns: Arc<Columns>) {
        if let Some(table) = &mut self.table {
            table.know(columns);
        }
    }

    /// What can end a line.
    pub(crate) fn feeds(&self) -> &'static [u8] {
        if self.table.is_some() { b"\n\r" } else { b"\n" }
    }

    pub(crate) fn set_naming(&mut self, naming: Naming) {
        self.naming = naming;
    }

    /// Takes whole lines out of the buffer until there is enough; whether the stream is at its end. `position` is
    /// asked, after each line, for the position behind it.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a table whose columns cannot be told.
    pub(crate) fn take(
        &mut self,
        lines: &mut Lines,
        listed: &mut Listed,
        mut position: impl FnMut(u64, u64) -> Option<Position>,
    ) -> Result<bool, Fault> {
        while !listed.is_full() {
            let item = match lines.next() {
                Next::Line(line) => self.item(&line)?,
                Next::More => return Ok(false),
                Next::End => return Ok(true),
            };
            let Some(mut item) = item else { continue };
            let (offset, number) = lines.position();
            item.position = position(offset, number);
            listed.bytes += item.size;
            listed.items.push(item);
        }
        Ok(false)
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The item of a line; `None` for a blank one, and for the header of a table.
    fn item(&mut self, line: &Line<'_>) -> Result<Option<SourceItem>, Fault> {
        let bytes =
            if line.offset == 0 { line.bytes.strip_prefix(BOM).unwrap_or(line.bytes) } else { line.bytes };
        // Rows of tables come without their line ends, and spaces may be all that is in one.
        let (bytes, blank) = match &self.table {
            Some(_) => (bytes, bytes.is_empty()),
            None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), bytes.iter().all(u8::is_ascii_whitespace)),
        };
        if blank && line.too_long.is_none() {
            return Ok(None);
        }
        if self.learn(bytes, line.too_long)? {
            return Ok(None);
        }
        if let Some(length) = line.too_long {
            return Ok(Some(self.faulty(line, self.too_long(length))));
        }
        let row = match (&self.format, &mut self.table) {
            (_, Some(table)) => table.row(bytes, line.offset + (line.bytes.len() - bytes.len()) as u64),
            (RowFormat::Json(names), _) => row::parse(bytes, names),
            (RowFormat::Record { id }, _) => row::parse_record(bytes, id.as_deref()),
            (RowFormat::Line(field), _) => row::parse_line(bytes, field),
            (RowFormat::Text | RowFormat::Table(_), _) => row::parse_text(bytes),
        };
        Ok(Some(match row {
            // An object holds the names of all columns, and so is larger than its row.
            Ok(row) if self.table.is_some() => {
                let size = row.text.len();
                self.row(row, size, line)
            }
            Ok(row) => self.row(row, bytes.len(), line),
            Err(fault) => self.faulty(line, fault),
        }))
    }

    /// Learns the columns of a table from its first row; whether that is the header.
    fn learn(&mut self, bytes: &[u8], too_long: Option<u64>) -> Result<bool, Fault> {
        let file = self.prefix.trim_end_matches('#');
        let Some(table) = self.table.as_mut().filter(|table| table.columns().is_none()) else {
            return Ok(false);
        };
        if let Some(length) = too_long {
            let most = self.max_line;
            let what = format!("the first row of {file} takes {length} bytes, more than the limit of {most}");
            let hint = "see whether its quotes are closed, or raise max_line in [input]";
            return Err(Fault::new(FaultKind::Config, what).hint(hint));
        }
        table.learn(bytes, file)
    }

    fn too_long(&self, length: u64) -> Fault {
        let most = self.max_line;
        let (what, hint) = match &self.table {
            Some(_) => ("row", "see whether its quotes are closed; else raise max_line in [input]"),
            None => ("line", "raise --max-line"),
        };
        let what = format!("a {what} of {length} bytes, more than the limit of {most}");
        Fault::new(FaultKind::TooLarge, what).hint(hint)
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
            RowFormat::Record { .. } | RowFormat::Line(_) | RowFormat::Table(_) => Fields::from_iter([
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
        ) || self.table.as_ref().is_some_and(Table::has_ids);
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

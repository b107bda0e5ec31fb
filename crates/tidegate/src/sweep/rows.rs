//! The lines of a block as objects: as they stand, of the rows of a table of text, or of those of a file of columns.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_connect::{TableObject, TableOptions, TableText};
use tidegate_core::{Fault, FaultKind, Record};
use tidegate_expr::Record as Row;

use super::Sweep;
use crate::config::{RowFormat, Source};

/// What the lines of blocks are.
pub(super) enum InRows {
    /// Objects.
    Lines,
    /// Rows of a table of text.
    Table(TableOptions, Known),
    /// Objects that were rows of a file of columns: known by their number in it, and by no place.
    Columns,
}

/// The columns that the last block had, and what takes its rows apart: mostly the next one has them too.
type Known = Mutex<Option<(Vec<String>, Arc<TableText>)>>;

/// One line of a block.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    bytes: &'a [u8],
    /// The same, if it is known to be UTF-8.
    text: Option<&'a str>,
    /// The object that it is, or should be, or is made into.
    pub(super) object: &'a [u8],
    /// Its number in its file, from 1.
    pub(super) number: u64,
    /// Where it begins in its file, if that says anything.
    pub(super) offset: Option<u64>,
}

impl Line<'_> {
    /// Where it stands, for whoever looks for it.
    pub(super) fn place(&self) -> String {
        match self.offset {
            Some(offset) => format!("line {} at byte {offset}", self.number),
            None => format!("row {}", self.number),
        }
    }
}

impl InRows {
    /// What the lines of blocks of `source` are.
    pub(super) fn of(source: &Source) -> Self {
        match source {
            Source::Jsonl(rows) if rows.format == RowFormat::Parquet => Self::Columns,
            Source::Jsonl(rows) => match &rows.table {
                Some(table) => Self::Table(table.options(None), Known::default()),
                None => Self::Lines,
            },
            _ => Self::Lines,
        }
    }

    /// Has every line of a block worked on.
    pub(super) fn each<'a>(
        &self,
        record: &Record,
        block: &[u8],
        (mut sweep, out): (Sweep<'a>, &mut Vec<u8>),
    ) -> Result<Sweep<'a>, Fault> {
        let number = |name: &str| record.fields.get(name).and_then(serde_json::Value::as_u64);
        let first = number("line").or(number("row")).unwrap_or(0);
        let offset = number("offset");
        let Self::Table(options, known) = self else {
            // A block that is UTF-8 as a whole is told so faster than line by line.
            let text = simdutf8::basic::from_utf8(block).ok();
            let mut lines = Lines { block, text, at: 0, number: first, offset };
            while let Some(line) = lines.next() {
                let row = match sweep.stage.too_long(line.bytes.len()) {
                    Some(fault) => Err(fault),
                    None => line.text.map_or_else(|| Row::parse(line.bytes), Row::of_text),
                };
                sweep.line(&line, row, out);
            }
            return Ok(sweep);
        };
        let table = columns_of(record, (options, known))?;
        let offset = offset.unwrap_or(0);
        let header = record.fields.get("header").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let mut object = TableObject::default();
        for row in table.rows(block, (offset == 0, header && options.header)) {
            let at = offset + row.at as u64;
            let number = first + row.lines;
            let read = match sweep.stage.too_long(row.bytes.len()) {
                Some(fault) => Err(fault),
                None => table.object(row.bytes, at, &mut object),
            };
            let line = Line { bytes: row.bytes, text: None, object: &object.json, number, offset: Some(at) };
            let row = read.and_then(|()| Row::of(&object.json, table.fields(&object)));
            sweep.line(&line, row, out);
        }
        Ok(sweep)
    }
}

/// What takes the rows of a block apart.
fn columns_of(record: &Record, (options, known): (&TableOptions, &Known)) -> Result<Arc<TableText>, Fault> {
    let names = record.fields.get("columns").and_then(serde_json::Value::as_array);
    let names = names.ok_or_else(|| Fault::new(FaultKind::Internal, "rows without their columns"))?;
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((before, table)) = &*known
        && before.iter().map(String::as_str).eq(names.iter().filter_map(serde_json::Value::as_str))
    {
        return Ok(table.clone());
    }
    let names: Vec<String> = names.iter().filter_map(serde_json::Value::as_str).map(str::to_owned).collect();
    let file = record.key.rsplit_once('#').map_or(&*record.key, |(file, _)| file);
    let table = Arc::new(TableText::new(options, &names, file)?);
    *known = Some((names, table.clone()));
    Ok(table)
}

/// The lines of a block that are not blank.
struct Lines<'a> {
    block: &'a [u8],
    /// The block, if it is UTF-8.
    text: Option<&'a str>,
    at: usize,
    number: u64,
    offset: Option<u64>,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<Line<'a>> {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        loop {
            let rest = self.block.get(self.at..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (number, offset) = (self.number, self.offset.map(|offset| offset + self.at as u64));
            let mut start = self.at;
            let mut bytes = &rest[..length];
            if offset == Some(0)
                && let Some(behind) = bytes.strip_prefix(BOM)
            {
                start += BOM.len();
                bytes = behind;
            }
            self.at += length + 1;
            self.number += 1;
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                let text = self.text.and_then(|text| text.get(start..start + bytes.len()));
                return Some(Line { bytes, text, object: bytes, number, offset });
            }
        }
    }
}

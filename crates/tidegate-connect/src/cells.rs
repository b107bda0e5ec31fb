//! JSON objects as rows of a table (CSV, TSV).
//!
//! A table has one list of columns for all its rows, and an object says only what it has itself. So the columns are those
//! of the first row, or those that somebody names; a field without a column is refused rather than lost.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use tidegate_core::{Fault, FaultKind, each_field};

/// How rows are laid out as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// What stands between fields: an ASCII character.
    pub delimiter: u8,
    /// The columns; fields that are none of them are left out. If empty, those of the first row.
    pub columns: Vec<String>,
    /// Columns behind those of the first row, where that does not have them: fields that later rows may have.
    pub also: Vec<String>,
}

/// A table whose columns are known.
pub(crate) struct Cells {
    columns: Vec<String>,
    places: HashMap<String, usize>,
    /// Whether fields without a column are left out.
    selects: bool,
    writer: csv_core::Writer,
}

impl Cells {
    /// The table of `shape`, whose columns it names, or are those that `object` has.
    ///
    /// # Errors
    /// An object that is none.
    pub(crate) fn beginning_with(object: &str, shape: &TableShape) -> Result<Self, Fault> {
        if !shape.columns.is_empty() {
            return Ok(Self::new(shape.columns.clone(), shape));
        }
        let mut columns: Vec<String> = Vec::new();
        let mut known = HashSet::new();
        let fields = fields_of(object)?;
        let names = fields.iter().map(|(name, _)| name.as_ref());
        for name in names.chain(shape.also.iter().map(String::as_str)) {
            if known.insert(name) {
                columns.push(name.to_owned());
            }
        }
        Ok(Self::new(columns, shape))
    }

    /// A table that was begun with these columns.
    pub(crate) fn new(columns: Vec<String>, shape: &TableShape) -> Self {
        let places = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        let writer = csv_core::WriterBuilder::new().delimiter(shape.delimiter).build();
        Self { columns, places, selects: !shape.columns.is_empty(), writer }
    }

    /// Appends the header.
    pub(crate) fn header(&self, out: &mut Vec<u8>) {
        self.row(self.columns.iter().map(|name| Some(Cow::Borrowed(name.as_str()))), out);
    }

    /// Appends the row that `object` is; nothing, if it cannot be one.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: a field that has no column. [`FaultKind::Malformed`]: an object that is none.
    pub(crate) fn put(&self, object: &str, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut cells: Vec<Option<Cow<'_, str>>> = vec![None; self.columns.len()];
        for (name, value) in fields_of(object)? {
            match self.places.get(name.as_ref()) {
                Some(at) => cells[*at] = cell_of(value),
                None if self.selects => {}
                None => return Err(no_column(&name)),
            }
        }
        self.row(cells.into_iter(), out);
        Ok(())
    }

    fn row<'a>(&self, cells: impl ExactSizeIterator<Item = Option<Cow<'a, str>>>, out: &mut Vec<u8>) {
        let single = cells.len() == 1;
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                out.push(self.writer.get_delimiter());
            }
            let cell = cell.unwrap_or_default();
            // A blank line would be passed over by whoever reads it.
            if (single && cell.is_empty()) || self.writer.should_quote(cell.as_bytes()) {
                quote(&cell, out);
            } else {
                out.extend_from_slice(cell.as_bytes());
            }
        }
        out.push(b'\n');
    }
}

fn quote(cell: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for (at, part) in cell.split('"').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

/// A value as it stands in a cell: text without its quotes, all else as it is written; nothing for null.
fn cell_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        // It was read as JSON before; half a character is all that can be wrong with it.
        Some(_) => Some(serde_json::from_str::<String>(text).map_or(Cow::Borrowed(text), Cow::Owned)),
        None if text == "null" => None,
        None => Some(Cow::Borrowed(text)),
    }
}

fn no_column(name: &str) -> Fault {
    let name: String = name.chars().take(60).collect();
    Fault::new(
        FaultKind::Validation,
        format!("the field {name:?} has no column: the first row did not have it"),
    )
    .hint("name all columns with columns = [\"…\"] in [output], and write the output anew with --overwrite")
}

/// The names of the fields of an object in their order; `None` if it is none.
#[must_use]
pub fn field_names(object: &str) -> Option<Vec<String>> {
    Some(fields_of(object).ok()?.into_iter().map(|(name, _)| name.into_owned()).collect())
}

/// The fields of an object in their order, each as it is written.
fn fields_of(object: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, Fault> {
    let mut fields = Vec::new();
    each_field(object, |name, value| fields.push((name, value)))
        .map_err(|error| Fault::new(FaultKind::Malformed, format!("{error}")))?;
    Ok(fields)
}

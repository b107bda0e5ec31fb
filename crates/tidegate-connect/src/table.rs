//! Rows of tables (CSV, TSV) as JSON objects: what the columns are called and what stands in them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::value::RawValue;
use tidegate_core::{Fault, FaultKind, Fields};

use crate::quoted::put_quoted;
use crate::record_ends::{RecordEnds, prime};
use crate::row::{Row, utf8};
use crate::split::{Field, Split, unquote};

/// How a table is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// What stands between fields: an ASCII character.
    pub delimiter: u8,
    /// Whether fields may stand in quotes, and then hold delimiters and line ends.
    pub quotes: bool,
    /// Whether the first row says what the columns are called.
    pub header: bool,
    /// What the columns are called, whatever the header says. Without a header and without these they are called
    /// `column_1`, `column_2` and so on.
    pub columns: Vec<String>,
    /// What columns hold that do not hold text.
    pub types: Vec<(String, CellType)>,
    /// The column that identifies a row: text or a whole number. Without one, rows are known by line number.
    pub id: Option<String>,
}

impl TableOptions {
    /// How fields and rows are told apart.
    pub(crate) fn split(&self) -> Split {
        Split { delimiter: self.delimiter, quotes: self.quotes }
    }
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { delimiter: b',', quotes: true, header: true, columns: Vec::new(), types: Vec::new(), id: None }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    /// Text as it stands.
    Text,
    /// A whole number as JSON writes it, or nothing.
    Integer,
    /// A number as JSON writes it, or nothing.
    Number,
    /// `true` or `false`, or nothing.
    Boolean,
}

/// A table being read.
pub(crate) struct Table {
    options: TableOptions,
    /// Takes rows apart. It is never copied: a copy of one finds an end behind every byte.
    reader: csv_core::Reader,
    /// Known once the first row was seen.
    columns: Option<Arc<Columns>>,
}

/// The columns of a table, in their order.
pub(crate) struct Columns {
    columns: Vec<Column>,
    /// The one that identifies a row.
    id: Option<usize>,
    /// Bytes that the names take in every object.
    size: usize,
}

struct Column {
    name: String,
    /// The name as a key of JSON, colon included.
    key: Vec<u8>,
    holds: CellType,
}

/// The fields of a row, without the quotes that they stood in.
pub(crate) struct Cells {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    /// The fields as bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text[start..*end].to_vec()).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        // Rows are looked at as a whole first, and quotes and delimiters are ASCII.
        starts
            .zip(&self.ends)
            .map(|(start, end)| std::str::from_utf8(&self.text[start..*end]).unwrap_or_default())
    }
}

/// Takes a row apart; `None` if it ends within quotes.
pub(crate) fn cells_of(reader: &mut csv_core::Reader, record: &[u8], expected: usize) -> Option<Cells> {
    reader.reset();
    prime(reader);
    // Room for one more than there can be: a reader without room says nothing else.
    let mut cells = Cells { text: vec![0; record.len() + 1], ends: vec![0; expected + 2] };
    let (mut filled, mut counted) = (0, 0);
    for piece in [record, b"\n"] {
        let mut at = 0;
        while at < piece.len() {
            let (result, read, wrote, ended) =
                reader.read_record(&piece[at..], &mut cells.text[filled..], &mut cells.ends[counted..]);
            (at, filled, counted) = (at + read, filled + wrote, counted + ended);
            match result {
                csv_core::ReadRecordResult::Record => {
                    cells.ends.truncate(counted);
                    return Some(cells);
                }
                csv_core::ReadRecordResult::OutputEndsFull => cells.ends.resize(2 * cells.ends.len(), 0),
                csv_core::ReadRecordResult::OutputFull => cells.text.resize(2 * cells.text.len(), 0),
                csv_core::ReadRecordResult::InputEmpty | csv_core::ReadRecordResult::End => {}
            }
        }
    }
    None
}

/// The reader of a table with this delimiter.
pub(crate) fn reader_of(delimiter: u8, quotes: bool) -> csv_core::Reader {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).quoting(quotes).build();
    prime(&mut reader);
    reader
}

/// The names in a header that is not ours to judge.
pub(crate) fn names_of(reader: &mut csv_core::Reader, record: &[u8]) -> Option<Vec<String>> {
    std::str::from_utf8(record).ok()?;
    Some(cells_of(reader, record, 0)?.iter().map(str::to_owned).collect())
}

impl Table {
    pub(crate) fn new(options: TableOptions) -> Self {
        let reader = reader_of(options.delimiter, options.quotes);
        Self { options, reader, columns: None }
    }

    /// What finds the ends of its rows; `fresh` says that they begin with those of the file.
    pub(crate) fn ends(&self, fresh: bool) -> RecordEnds {
        RecordEnds::new(reader_of(self.options.delimiter, self.options.quotes), fresh)
    }

    pub(crate) fn has_ids(&self) -> bool {
        self.options.id.is_some()
    }

    /// The columns, once they are known.
    pub(crate) fn columns(&self) -> Option<&Arc<Columns>> {
        self.columns.as_ref()
    }

    pub(crate) fn know(&mut self, columns: Arc<Columns>) {
        self.columns = Some(columns);
    }

    /// Learns from the first row of `file` what the columns are; whether it is the header and no row itself.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: columns that cannot be told apart, or that are not those that were named.
    pub(crate) fn learn(&mut self, record: &[u8], file: &str) -> Result<bool, Fault> {
        let which = if self.options.header { "header" } else { "first row" };
        let broken = |what: &str| refuse(format!("the {which} of {file} {what}"));
        if std::str::from_utf8(record).is_err() {
            let hint = "convert the file, for example with iconv -f UTF-16 -t UTF-8, or -f LATIN1";
            return Err(broken("is not UTF-8").hint(hint));
        }
        let Some(cells) = cells_of(&mut self.reader, record, 0) else {
            let hint = "close its quotes, or set quotes = false in [input] if quotes mean nothing there";
            return Err(broken("never closes its quotes").hint(hint));
        };
        let names: Vec<String> = match (&self.options.columns[..], self.options.header) {
            ([], true) => cells.iter().map(str::to_owned).collect(),
            ([], false) => (1..=cells.ends.len()).map(|number| format!("column_{number}")).collect(),
            (columns, _) => {
                let (named, there) = (columns.len(), cells.ends.len());
                if named != there {
                    let fault = refuse(format!("{file} has {there} columns, and {named} are named"));
                    return Err(fault.hint("name each of them once, in their order, with columns in [input]"));
                }
                columns.to_vec()
            }
        };
        self.columns = Some(Arc::new(Columns::new(&names, &self.options, file)?));
        Ok(self.options.header)
    }

    /// The row as an object. `offset` is where it begins.
    ///
    /// # Errors
    /// A row that is not as the columns are.
    pub(crate) fn row(&self, record: &[u8], offset: u64) -> Result<Row, Fault> {
        let columns = self
            .columns
            .as_ref()
            .ok_or_else(|| Fault::new(FaultKind::Internal, "a row was read before the columns were known"))?;
        let mut json = Vec::with_capacity(columns.size + record.len() + 2);
        let id = columns.object(self.options.split(), (record, offset), (&mut json, None))?;
        Ok(Row { text: String::from_utf8(json).unwrap_or_default().into(), id, fields: Fields::new() })
    }
}

impl Columns {
    /// What they are called.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.iter().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    pub(crate) fn new(names: &[String], options: &TableOptions, file: &str) -> Result<Self, Fault> {
        let hint = "name all columns with columns = [\"…\"] in [input], which then stand for the header";
        let mut places = HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(refuse(format!("column {} of {file} has no name", at + 1)).hint(hint));
            }
            if let Some(before) = places.insert(name.as_str(), at) {
                let (first, second) = (before + 1, at + 1);
                let name = shown(name);
                return Err(refuse(format!("columns {first} and {second} of {file} are both called {name}"))
                    .hint(hint));
            }
        }
        let find = |name: &str| {
            let known: Vec<String> = names.iter().take(20).map(|name| shown(name)).collect();
            let missing = || {
                refuse(format!("{file} has no column {}", shown(name)))
                    .hint(format!("its columns are {}", known.join(", ")))
            };
            places.get(name).copied().ok_or_else(missing)
        };
        let id = options.id.as_deref().map(find).transpose()?;
        let mut holds = vec![CellType::Text; names.len()];
        for (name, kind) in &options.types {
            holds[find(name)?] = *kind;
        }
        let columns: Vec<Column> =
            names.iter().zip(holds).map(|(name, holds)| Column::new(name.clone(), holds)).collect();
        let size = columns.iter().map(|column| column.key.len() + 3).sum();
        Ok(Self { columns, id, size })
    }

    /// Appends the row as an object, and to `places` where its values stand; what it is known by, if a column says so.
    /// `offset` is where it begins. What was appended of a row at fault is to be taken away again.
    ///
    /// # Errors
    /// A row that is not as the columns are.
    pub(crate) fn object(
        &self,
        split: Split,
        (record, offset): (&[u8], u64),
        (json, mut places): (&mut Vec<u8>, Option<&mut Vec<Range<usize>>>),
    ) -> Result<Option<String>, Fault> {
        let row = utf8(record).map_err(|_| not_utf8(record, offset))?;
        let (mut there, mut id, mut wrong, mut text) = (0, None, None, Vec::new());
        let closed = split.fields(record, |field| {
            let cell = match field {
                Field::Plain(at) => &row[at],
                Field::Quoted(at) => {
                    text.clear();
                    unquote(&record[at], &mut text);
                    // Quotes and delimiters are ASCII, and the row is UTF-8.
                    std::str::from_utf8(&text).unwrap_or_default()
                }
            };
            if let Some(column) = self.columns.get(there) {
                json.push(if there == 0 { b'{' } else { b',' });
                json.extend_from_slice(&column.key);
                let start = json.len();
                let put = column.put(cell, json);
                wrong = wrong.take().or(put.err());
                if let Some(places) = &mut places {
                    places.push(start..json.len());
                }
            }
            if self.id == Some(there) {
                id = Some(self.columns[there].id(cell));
            }
            there += 1;
        });
        if !closed {
            let hint = "close them, or set quotes = false in [input] if quotes mean nothing in this table";
            return Err(malformed("quotes that are never closed".to_owned()).hint(hint));
        }
        let wanted = self.columns.len();
        if there != wanted {
            let hint = "fields that hold the delimiter or a line end must stand in quotes";
            let fault = malformed(format!("the row has {there} fields, and the table {wanted} columns"));
            return Err(fault.hint(hint));
        }
        json.push(b'}');
        wrong.map_or(Ok(()), Err)?;
        id.transpose()
    }
}

impl Column {
    fn new(name: String, holds: CellType) -> Self {
        let mut key = Vec::with_capacity(name.len() + 3);
        put_quoted(&name, &mut key);
        key.push(b':');
        Self { name, key, holds }
    }

    /// Appends a cell as a value.
    fn put(&self, cell: &str, json: &mut Vec<u8>) -> Result<(), Fault> {
        let value = cell.trim_ascii();
        let value = match self.holds {
            CellType::Text => {
                put_quoted(cell, json);
                return Ok(());
            }
            _ if value.is_empty() => "null",
            CellType::Integer if is_integer(value) => value,
            CellType::Number if is_number(value) => value,
            CellType::Boolean if value.eq_ignore_ascii_case("true") => "true",
            CellType::Boolean if value.eq_ignore_ascii_case("false") => "false",
            kind => return Err(self.not_a(kind, cell)),
        };
        json.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn not_a(&self, kind: CellType, cell: &str) -> Fault {
        let what = match kind {
            CellType::Integer => "a whole number",
            CellType::Number => "a number",
            CellType::Boolean | CellType::Text => "true or false",
        };
        let message = format!("column {} holds {}, which is not {what}", shown(&self.name), shown(cell));
        let hint = match kind {
            CellType::Boolean | CellType::Text => {
                "mend the row, or call the column \"text\" in [input.types]"
            }
            _ => "numbers are written as in JSON; mend the row, or call the column \"text\" in [input.types]",
        };
        Fault::new(FaultKind::Validation, message).hint(hint)
    }

    fn id(&self, cell: &str) -> Result<String, Fault> {
        let id = if self.holds == CellType::Text { cell } else { cell.trim_ascii() };
        match self.holds {
            _ if id.is_empty() => {
                Err(malformed(format!("column {} identifies rows, and is empty", shown(&self.name))))
            }
            CellType::Text | CellType::Integer => Ok(id.to_owned()),
            _ => Err(malformed(format!("column {} is neither text nor a whole number", shown(&self.name)))),
        }
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

fn is_integer(text: &str) -> bool {
    text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit()) && is_number(text)
}

/// How a text begins, in quotes.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn not_utf8(record: &[u8], offset: u64) -> Fault {
    let valid = std::str::from_utf8(record).map_or_else(|error| error.valid_up_to(), str::len) as u64;
    Fault::new(FaultKind::Encoding, format!("not UTF-8 at byte {}", offset + valid))
        .hint("convert the file, for example with iconv")
}

fn malformed(message: String) -> Fault {
    Fault::new(FaultKind::Malformed, message)
}

fn refuse(message: String) -> Fault {
    Fault::new(FaultKind::Config, message)
}

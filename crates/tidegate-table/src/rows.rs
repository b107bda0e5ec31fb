//! Rows of Parquet files as a source: each row is an item, with its object in hand.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate_connect::{
    content_hash_of, encode_key, gathered, other_input, peeked, place_of, regular_files, row_prefix,
};
use tidegate_core::{
    Body, ContentHash, Cx, Fault, FaultKind, Fetch, Fetched, Fields, Listing, Position, Source, SourceItem,
    Stop, Version,
};

use crate::cell::{self, Misfit};
use crate::file::{Batches, Table};
use crate::mark::Mark;

/// Bytes of rows listed in one go at most: what is listed is in memory before the budget hears of it.
const LISTED: usize = 4 << 20;

/// Bytes of a block, but for the rest of its last row.
const BLOCK: usize = 1 << 20;
/// Bytes at each end of a block that its version covers.
const EDGE: usize = 4 << 10;

/// How the rows of files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRowsOptions {
    /// The column that identifies a row: text or a whole number. Without one, rows are known by their number.
    pub id: Option<String>,
    /// Rows whose objects are longer are put aside, in bytes.
    pub max_row: usize,
    /// Whether items carry positions to resume from.
    pub stream: bool,
    /// Ends after so many rows, those before a resumed position counted; zero means no limit.
    pub limit: u64,
    /// Whether an item is as many rows as make a block, a line each, instead of one. Ids and limits mean nothing then.
    pub blocks: bool,
}

/// Lists the rows of Parquet files, in order.
///
/// The body of an item is the row as an object on one line; its field `row` is its number in its file, from 1. Where items
/// are blocks, it is that of the first.
pub struct TableRows {
    /// What is read; away while a step runs on the compute pool.
    reader: Option<Reader>,
}

/// Where a stream of rows was left.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    #[serde(rename = "f")]
    file: usize,
    /// Rows of that file that are done.
    #[serde(rename = "l")]
    row: u64,
    /// Rows up to here, of this file and those before it.
    #[serde(rename = "r")]
    rows: u64,
    #[serde(flatten)]
    mark: Mark,
}

struct Reader {
    paths: Vec<PathBuf>,
    options: TableRowsOptions,
    /// The file to read next.
    next: usize,
    resume: Option<Place>,
    /// Rows listed so far, those before a resumed position included.
    rows: u64,
    open: Option<OpenFile>,
}

/// A file being read.
struct OpenFile {
    index: usize,
    prefix: String,
    table: Table,
    /// The row group to read next, and how many of its rows are done already.
    group: usize,
    skipped: u64,
    batches: Option<Batches>,
    batch: Option<RecordBatch>,
    /// The row of the batch that is next.
    at: usize,
    /// Rows of the file that are listed.
    row: u64,
}

impl TableRows {
    /// Looks whether the files are there.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a path that is not a regular file.
    pub fn open(paths: &[PathBuf], options: TableRowsOptions) -> Result<Self, Fault> {
        let paths = regular_files(paths)?;
        let reader = Reader { paths, options, next: 0, resume: None, rows: 0, open: None };
        Ok(Self { reader: Some(reader) })
    }

    /// The first `max` rows, or fewer where there are no more, for whoever wants to see what there is without a run.
    ///
    /// # Errors
    /// As listing them.
    pub fn peek(mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        let reader = self.reader.as_mut().ok_or_else(other_input)?;
        peeked(reader, max, Reader::is_over, Reader::gather)
    }

    /// Goes on after `position`. That the file is still the same is seen when it is opened: it must have its size, and
    /// its last bytes (up to 64 KiB, with the footer) must hash to what they did.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`] for a position that is not one of these files.
    pub fn resume(&mut self, position: &Position) -> Result<(), Fault> {
        let reader = self.reader.as_mut().ok_or_else(other_input)?;
        let place = place_of(position, reader.paths.len(), |place: &Place| place.file)?;
        reader.next = place.file;
        reader.rows = place.rows;
        reader.resume = Some(place);
        Ok(())
    }
}

#[async_trait]
impl Source for TableRows {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        if cx.stop() != Stop::Go {
            return Ok(Listing::Quiet);
        }
        let items = gathered(&mut self.reader, cx, move |reader| reader.gather(max.max(1))).await?;
        Ok(if items.is_empty() { Listing::End(None) } else { Listing::Items(items) })
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(InHand)
    }
}

impl Reader {
    /// Whether nothing is left to be listed.
    fn is_over(&self) -> bool {
        self.is_enough() || (self.open.is_none() && self.next == self.paths.len())
    }

    fn is_enough(&self) -> bool {
        self.options.limit > 0 && self.rows >= self.options.limit
    }

    /// Reads on until there are `max` rows, enough bytes of them, or no more.
    fn gather(&mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < max && bytes < LISTED && !self.is_enough() {
            let Some(file) = &mut self.open else {
                if !self.open_next(&mut items)? {
                    break;
                }
                continue;
            };
            let listed = match self.options.blocks {
                true => file.next_block(&self.options, self.rows),
                false => file.next(&self.options, self.rows).map(|item| item.map(|item| (item, 1))),
            };
            match listed {
                Ok(Some((item, rows))) => {
                    self.rows += rows;
                    bytes += usize::try_from(item.size).unwrap_or(usize::MAX);
                    items.push(item);
                }
                Ok(None) => self.open = None,
                Err(fault) => {
                    items.push(file.broken(&self.options, fault));
                    self.open = None;
                }
            }
        }
        Ok(items)
    }

    /// Opens the next file; `false` if there is none. One that cannot be read is listed as such and passed over.
    fn open_next(&mut self, items: &mut Vec<SourceItem>) -> Result<bool, Fault> {
        let Some(path) = self.paths.get(self.next) else { return Ok(false) };
        let prefix = row_prefix(&encode_key(path));
        let index = self.next;
        match (Table::open(path), self.resume.take()) {
            (Ok(table), Some(place)) if table.mark != place.mark => {
                return Err(other_input().during(format!("resuming {}", path.display())));
            }
            (Ok(table), place) => {
                let mut file = OpenFile::new(index, prefix, table);
                file.skip(place.map_or(0, |place| place.row));
                self.open = Some(file);
            }
            (Err(fault), Some(_)) => {
                return Err(other_input().cause(Why(fault)).during(format!("resuming {}", path.display())));
            }
            (Err(fault), None) => items.push(unreadable((&prefix, 1), &self.options, fault)),
        }
        self.next += 1;
        Ok(true)
    }
}

/// A fault as the cause of another.
#[derive(Debug)]
struct Why(Fault);

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Why {}

impl OpenFile {
    fn new(index: usize, prefix: String, table: Table) -> Self {
        Self { index, prefix, table, group: 0, skipped: 0, batches: None, batch: None, at: 0, row: 0 }
    }

    /// Passes over the first rows: whole row groups without looking at them.
    fn skip(&mut self, rows: u64) {
        let mut left = rows;
        for group in self.table.groups() {
            if left < group {
                break;
            }
            left -= group;
            self.group += 1;
        }
        (self.skipped, self.row) = (left, rows);
    }

    /// The next row; `None` behind the last. `before` rows were listed before it, of all files.
    fn next(&mut self, options: &TableRowsOptions, before: u64) -> Result<Option<SourceItem>, Fault> {
        loop {
            if let Some(batch) = self.batch.take_if(|batch| self.at >= batch.num_rows()) {
                drop(batch);
            }
            if let Some(batch) = &self.batch {
                let mut item = self.item(batch, options);
                self.at += 1;
                self.row += 1;
                item.position = self.position(options, before + 1);
                return Ok(Some(item));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The next rows as one item, and how many they are; `None` behind the last. A row at fault is an item of its own.
    fn next_block(
        &mut self,
        options: &TableRowsOptions,
        before: u64,
    ) -> Result<Option<(SourceItem, u64)>, Fault> {
        let (first, mut lines) = (self.row, Vec::new());
        let mut broken = None;
        while lines.len() < BLOCK && broken.is_none() {
            let Some(batch) = self.batch.as_ref().filter(|batch| self.at < batch.num_rows()) else {
                // What was read goes out before anything is said of what was not.
                match self.fill() {
                    Ok(true) => continue,
                    Err(fault) if self.row == first => return Err(fault),
                    Ok(false) | Err(_) => break,
                }
            };
            match object(batch, self.at, (options, &mut lines)) {
                Ok(()) => lines.push(b'\n'),
                Err(_) if self.row > first => break,
                Err(fault) => broken = Some(fault),
            }
            self.at += 1;
            self.row += 1;
        }
        let rows = self.row - first;
        if rows == 0 {
            return Ok(None);
        }
        let mut item = match broken {
            Some(fault) => unreadable((&self.prefix, first + 1), options, fault),
            None => self.block(first + 1, lines),
        };
        item.position = self.position(options, before + rows);
        Ok(Some((item, rows)))
    }

    /// The item of rows that are lines already.
    fn block(&self, first: u64, lines: Vec<u8>) -> SourceItem {
        let edges = [&lines[..lines.len().min(EDGE)], &lines[lines.len().saturating_sub(EDGE)..]];
        let content = ContentHash::of_parts(&[&(lines.len() as u64).to_le_bytes(), edges[0], edges[1]]);
        let size = lines.len() as u64;
        let mut item = SourceItem::new(format!("{}@{first}", self.prefix), version(&content), size);
        item.body = Some(Body::Bytes(lines.into()));
        item.fields = place(first);
        item
    }

    /// Where reading goes on, `rows` being those of all files up to here.
    fn position(&self, options: &TableRowsOptions, rows: u64) -> Option<Position> {
        let place = Place { file: self.index, row: self.row, rows, mark: self.table.mark.clone() };
        options.stream.then(|| serde_json::to_string(&place).ok().map(Position))?
    }

    /// Reads the next batch; `false` behind the last.
    fn fill(&mut self) -> Result<bool, Fault> {
        loop {
            if let Some(batches) = &mut self.batches {
                if let Some(batch) = batches.next()? {
                    (self.batch, self.at) = (Some(batch), 0);
                    return Ok(true);
                }
                self.batches = None;
            }
            let Some(rows) = self.table.groups().nth(self.group) else { return Ok(false) };
            if rows > self.skipped {
                self.batches = Some(self.table.group(self.group, self.skipped)?);
            }
            self.skipped = 0;
            self.group += 1;
        }
    }

    /// The item of the row that is next in the batch.
    fn item(&self, batch: &RecordBatch, options: &TableRowsOptions) -> SourceItem {
        let number = self.row + 1;
        match self.row(batch, options) {
            Ok((name, text)) => {
                let content = content_hash_of(&text, &Fields::new());
                let name = name.unwrap_or_else(|| format!("L{number}"));
                let size = text.len() as u64;
                let mut item = SourceItem::new(format!("{}{name}", self.prefix), version(&content), size);
                item.content = Some(content);
                item.body = Some(Body::Text(text.into()));
                item.fields = place(number);
                item
            }
            Err(fault) => unreadable((&self.prefix, number), options, fault),
        }
    }

    /// What the row is called, where a column says so, and its object.
    fn row(
        &self,
        batch: &RecordBatch,
        options: &TableRowsOptions,
    ) -> Result<(Option<String>, String), Fault> {
        let mut out = Vec::new();
        object(batch, self.at, (options, &mut out))?;
        let name = options.id.as_ref().map(|column| id(batch, self.at, column)).transpose()?;
        let text = String::from_utf8(out).map_err(|_| not_utf8())?;
        Ok((name, text))
    }

    /// The item that stands for what cannot be read from here on.
    fn broken(&self, options: &TableRowsOptions, fault: Fault) -> SourceItem {
        unreadable((&self.prefix, self.row + 1), options, fault)
    }
}

/// Appends a row as an object; nothing, if it is at fault.
fn object(
    batch: &RecordBatch,
    row: usize,
    (options, out): (&TableRowsOptions, &mut Vec<u8>),
) -> Result<(), Fault> {
    let (before, most) = (out.len(), options.max_row);
    let written = cell::object(batch, row, (most, &mut *out)).map_err(|misfit| match misfit {
        Misfit::TooLong => Fault::new(FaultKind::TooLarge, format!("a row of more than {most} bytes"))
            .hint("raise max_line in [input]"),
        Misfit::Value { column, what } => {
            Fault::new(FaultKind::Malformed, format!("column {column:?}: {what}"))
                .hint("write the column anew as text")
        }
    });
    written.inspect_err(|_| out.truncate(before))
}

fn not_utf8() -> Fault {
    Fault::new(FaultKind::Encoding, "a text that is not UTF-8").hint("write the file anew")
}

/// What a row is known by.
fn id(batch: &RecordBatch, row: usize, column: &str) -> Result<String, Fault> {
    let malformed = |what: String| Fault::new(FaultKind::Malformed, what);
    let array = batch.column_by_name(column).ok_or_else(|| malformed(format!("no column {column:?}")))?;
    let value = cell::alone(array, row).and_then(|json| serde_json::from_slice(&json).ok());
    match value {
        Some(serde_json::Value::String(id)) if !id.is_empty() => Ok(encode_key(std::path::Path::new(&id))),
        Some(serde_json::Value::Number(id)) if !id.is_f64() => Ok(id.to_string()),
        _ => Err(malformed(format!("column {column:?} is neither text nor a whole number"))),
    }
}

fn place(row: u64) -> Arc<Fields> {
    Arc::new(Fields::from_iter([("row".to_owned(), json!(row))]))
}

fn version(hash: &ContentHash) -> Version {
    Version(hash.to_hex()[..32].to_owned())
}

/// A row at fault, or the first of a file that cannot be read further.
fn unreadable((prefix, row): (&str, u64), options: &TableRowsOptions, fault: Fault) -> SourceItem {
    // Where rows have ids, a row called L5 must not stand for the fifth.
    let colon = if options.id.is_some() { ":" } else { "" };
    let mut item = SourceItem::new(format!("{prefix}{colon}L{row}"), Version::default(), 0);
    item.body = Some(Body::Empty);
    item.fields = place(row);
    item.fault = Some(fault.during(format!("reading row {row}")));
    item
}

/// Items are listed with their content.
struct InHand;

#[async_trait]
impl Fetch for InHand {
    async fn fetch(&self, _cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        Err(Fault::new(FaultKind::Internal, "an item listed with its content was fetched")
            .during(format!("reading {}", item.key)))
    }
}

//! Rows on their way into a table: fitted to its columns, or put aside where they have fields without one.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tidegate_core::item::Failure;
use tidegate_core::{Body, Cx, Fault, FaultKind, Outcome, Record, Unit};

use crate::cells::{Cells, TableShape};
use crate::decode::decoded;
use crate::files::FIRST;
use crate::lines::{Lines, Next};
use crate::open::read_fault;
use crate::record_ends::RecordEnds;
use crate::rows::MAX_LINE;
use crate::spool::Spool;
use crate::table::{names_of, reader_of};
use crate::unfit::UnfitLines;
use crate::writing::is_stored;

/// What the stage is called in the quarantine.
const STAGE: &str = "output";

/// The table that rows are fitted to.
pub(crate) struct Fit {
    shape: TableShape,
    /// Known once there was a row.
    cells: Option<Arc<Cells>>,
}

/// The rows of a commit, one text for each unit, empty where there is none.
#[derive(Default)]
pub(crate) struct Fitted {
    /// What stands above the first row.
    pub(crate) header: Vec<u8>,
    pub(crate) rows: Vec<Vec<u8>>,
    /// What makes rows of the lines that were kept aside for large units: those stay there until they are written.
    pub(crate) cells: Option<Arc<Cells>>,
    /// Whether there are such lines.
    aside: bool,
}

impl Fitted {
    /// The same for a table that has its header.
    pub(crate) fn without_header(self) -> Self {
        Self { header: Vec::new(), ..self }
    }

    /// Whether anything is to be written.
    pub(crate) fn has_rows(&self) -> bool {
        self.aside || self.rows.iter().any(|row| !row.is_empty())
    }
}

impl Fit {
    /// A table with rows still to come.
    pub(crate) fn new(shape: TableShape) -> Self {
        Self { shape, cells: None }
    }

    /// Goes on with the table at `path`, which has a header.
    ///
    /// # Errors
    /// [`FaultKind::Guarded`]: it does not read.
    pub(crate) fn resume(&mut self, path: &Path) -> Result<(), Fault> {
        let columns = match &self.shape.columns[..] {
            [] => header_of(path, &self.shape).ok_or_else(|| {
                Fault::new(FaultKind::Guarded, "the output is left alone: its first line is no header")
                    .during(format!("reading {}", path.display()))
            })?,
            columns => columns.to_vec(),
        };
        self.cells = Some(Arc::new(Cells::new(columns, &self.shape)));
        Ok(())
    }

    /// The rows of `units`, made on the compute pool; `spools` are the lines that were kept aside for each. A unit whose
    /// row cannot be one is put aside.
    ///
    /// # Errors
    /// The compute pool was shut down; lines that were kept cannot be read.
    pub(crate) async fn rows(
        &mut self,
        cx: &Cx,
        (units, spools): (&mut Vec<Unit>, &[Vec<Spool>]),
    ) -> Result<Fitted, Fault> {
        let (taken, shape, cells) = (std::mem::take(units), self.shape.clone(), self.cells.clone());
        let spools = spools.to_vec();
        let (fitted, taken) = cx.compute(FIRST, move || fit((taken, &spools), &shape, cells)).await?;
        *units = taken;
        let fitted = fitted.map_err(read_fault)?;
        self.cells.clone_from(&fitted.cells);
        Ok(fitted)
    }
}

/// Why a unit has no rows.
enum Unfit {
    /// A record at fault, by its place among those that are not kept aside.
    Record(Fault, Option<usize>),
    /// What was kept aside cannot be read.
    Lost(io::Error),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// The rows of units, and the units again.
fn fit(
    (mut units, spools): (Vec<Unit>, &[Vec<Spool>]),
    shape: &TableShape,
    cells: Option<Arc<Cells>>,
) -> (io::Result<Fitted>, Vec<Unit>) {
    let mut fitted = Fitted { cells, ..Fitted::default() };
    for (unit, spools) in units.iter_mut().zip(spools) {
        let mut row = Vec::new();
        if is_stored(unit) && unit.records.first().is_some_and(is_block) {
            fit_block(unit, shape, (&mut fitted.cells, &mut row));
        } else if is_stored(unit) {
            match fit_unit((unit, spools), shape, (&mut fitted.cells, &mut row)) {
                Ok(()) => fitted.aside |= spools.iter().any(|spool| spool.lines > 0),
                Err(Unfit::Lost(error)) => return (Err(error), units),
                Err(Unfit::Record(fault, record)) => {
                    put_aside(unit, &fault, record);
                    row.clear();
                }
            }
        }
        fitted.rows.push(row);
    }
    if let Some(cells) = &fitted.cells {
        cells.header(&mut fitted.header);
    }
    (Ok(fitted), units)
}

/// Whether a record is a block of lines, each a row of its own.
fn is_block(record: &Record) -> bool {
    matches!(record.body, Body::Bytes(_))
}

/// Appends the rows of a block. One that cannot be a row is put aside alone.
fn fit_block(unit: &mut Unit, shape: &TableShape, (cells, rows): (&mut Option<Arc<Cells>>, &mut Vec<u8>)) {
    let mut unfit = UnfitLines::default();
    if let Some(record) = unit.records.first()
        && let Body::Bytes(lines) = &record.body
    {
        rows.reserve(lines.len());
        let lines = lines.split_inclusive(|byte| *byte == b'\n');
        for (nth, line) in lines.enumerate() {
            // Whoever made the lines made them of text.
            let object = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('\n');
            if let Err(fault) = put(object, shape, (cells, rows)) {
                unfit.note(record, nth, (STAGE, fault));
            }
        }
    }
    unfit.settle(unit, STAGE);
}

/// Appends the rows of a unit, and looks whether what was kept aside for it fits as well; else why not.
fn fit_unit(
    (unit, spools): (&Unit, &[Spool]),
    shape: &TableShape,
    (cells, row): (&mut Option<Arc<Cells>>, &mut Vec<u8>),
) -> Result<(), Unfit> {
    let mut tried = Vec::new();
    for spool in spools {
        spool.each(|line| {
            tried.clear();
            put(line, shape, (cells, &mut tried)).map_err(|fault| Unfit::Record(fault, None))
        })?;
    }
    for (at, record) in unit.records.iter().enumerate() {
        let object = record.body.as_text().unwrap_or_default();
        put(object, shape, (cells, row))
            .map_err(|fault| Unfit::Record(fault.during(place_of(record)), Some(at)))?;
    }
    Ok(())
}

/// Appends the row of an object. The first says what the columns are.
fn put(
    object: &str,
    shape: &TableShape,
    (cells, row): (&mut Option<Arc<Cells>>, &mut Vec<u8>),
) -> Result<(), Fault> {
    let known = match cells {
        Some(known) => known,
        None => cells.insert(Arc::new(Cells::beginning_with(object, shape)?)),
    };
    known.put(object, row)
}

fn place_of(record: &Record) -> String {
    let number = |name: &str| record.fields.get(name).and_then(serde_json::Value::as_u64);
    match (number("line"), number("offset")) {
        (Some(line), Some(offset)) => format!("writing the row of line {line} at byte {offset}"),
        _ => "writing the row".to_owned(),
    }
}

/// Puts a unit aside, which the engine then counts as such: to refuse the whole commit would have the engine commit all
/// others one by one.
fn put_aside(unit: &mut Unit, fault: &Fault, record: Option<usize>) {
    let exhibit = record
        .and_then(|record| unit.records.get(record))
        .map(|record| record.body.clone())
        .unwrap_or(Body::Empty);
    unit.records.clear();
    for item in &mut unit.items {
        item.outcome = Outcome::Quarantined;
        item.asides.clear();
        item.failure = Some(Failure { stage: STAGE.into(), fault: fault.clone(), exhibit: exhibit.clone() });
    }
}

/// The columns of a table that was begun.
fn header_of(path: &Path, shape: &TableShape) -> Option<Vec<String>> {
    let (mut input, _) = decoded(File::open(path).ok()?).ok()?;
    let ends = RecordEnds::new(reader_of(shape.delimiter, true), true);
    let mut lines = Lines::new(4 * MAX_LINE).of_records(ends);
    loop {
        match lines.next() {
            Next::Line(line) if line.too_long.is_none() => {
                return names_of(&mut reader_of(shape.delimiter, true), line.bytes);
            }
            Next::Line(_) | Next::End => return None,
            Next::More => lines.fill(&mut input).ok()?,
        }
    }
}

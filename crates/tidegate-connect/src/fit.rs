//! Rows on their way into a table: fitted to its columns, or put aside where they have fields without one.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use tidegate_core::item::Failure;
use tidegate_core::{Body, Cx, Fault, FaultKind, Outcome, Record, Unit};

use crate::cells::{Cells, TableShape};
use crate::decode::decoded;
use crate::files::FIRST;
use crate::lines::{Lines, Next};
use crate::record_ends::RecordEnds;
use crate::rows::MAX_LINE;
use crate::table::{names_of, reader_of};
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
}

impl Fitted {
    /// The same for a table that has its header.
    pub(crate) fn without_header(self) -> Self {
        Self { header: Vec::new(), ..self }
    }

    /// Whether anything is to be written.
    pub(crate) fn has_rows(&self) -> bool {
        self.rows.iter().any(|row| !row.is_empty())
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

    /// The rows of `units`, made on the compute pool. A unit whose row cannot be one is put aside.
    ///
    /// # Errors
    /// The compute pool was shut down.
    pub(crate) async fn rows(&mut self, cx: &Cx, units: &mut Vec<Unit>) -> Result<Fitted, Fault> {
        let (taken, shape, cells) = (std::mem::take(units), self.shape.clone(), self.cells.clone());
        let (fitted, cells, taken) = cx.compute(FIRST, move || fit(taken, &shape, cells)).await?;
        (self.cells, *units) = (cells, taken);
        Ok(fitted)
    }
}

fn fit(
    mut units: Vec<Unit>,
    shape: &TableShape,
    mut cells: Option<Arc<Cells>>,
) -> (Fitted, Option<Arc<Cells>>, Vec<Unit>) {
    let mut fitted = Fitted::default();
    for unit in &mut units {
        let mut row = Vec::new();
        if is_stored(unit)
            && let Err((fault, record)) = fit_unit(unit, shape, (&mut cells, &mut row))
        {
            put_aside(unit, &fault, record);
            row.clear();
        }
        fitted.rows.push(row);
    }
    if let Some(cells) = &cells {
        cells.header(&mut fitted.header);
    }
    (fitted, cells, units)
}

/// Appends the rows of a unit; else why not, and which record is at fault.
fn fit_unit(
    unit: &Unit,
    shape: &TableShape,
    (cells, row): (&mut Option<Arc<Cells>>, &mut Vec<u8>),
) -> Result<(), (Fault, usize)> {
    for (at, record) in unit.records.iter().enumerate() {
        let object = record.body.as_text().unwrap_or_default();
        let known = match cells {
            Some(known) => Ok(known),
            None => Cells::beginning_with(object, shape).map(|begun| cells.insert(Arc::new(begun))),
        };
        let put = known.and_then(|known| known.put(object, row));
        put.map_err(|fault| (fault.during(place_of(record)), at))?;
    }
    Ok(())
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
fn put_aside(unit: &mut Unit, fault: &Fault, record: usize) {
    let exhibit = unit.records.get(record).map(|record| record.body.clone()).unwrap_or(Body::Empty);
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

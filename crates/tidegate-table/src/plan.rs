//! What becomes of rows before they are written: whether they fit, what their columns are, and where a part ends.
//!
//! All of it follows from the rows in their order alone. So a run that was killed and went on, or that committed its
//! rows in other groups, makes the same parts with the same columns.

use std::sync::Arc;

use tidegate_core::{ContentHash, killpoint};

use crate::build::{Builder, Misfit, Probe};
use crate::infer::Shape;
use crate::pairs::pairs;
use crate::types::{Columns, Type};

/// Rows of a part, and bytes of their objects, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Default for Bounds {
    /// A part of this size is made in about a second, is a few megabytes when compressed, and its rows are few enough
    /// to be inferred from.
    fn default() -> Self {
        Self { rows: killpoint::smaller(500_000), bytes: 64 << 20 }
    }
}

/// More columns than this has no table, those within structures not counted.
const COLUMNS: usize = 4_096;

/// The rows that are no part of a sealed part yet.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    bounds: Bounds,
    state: State,
    /// Rows since the last part ended, and bytes of their lines.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Identifies all lines up to here.
    pub(crate) chain: u64,
}

#[derive(Debug, Clone)]
enum State {
    /// Until the first part is full, types that nobody named follow from its rows.
    Open(Vec<Open>),
    Fixed(Arc<Columns>),
}

/// A column whose type may not be known yet.
#[derive(Debug, Clone)]
struct Open {
    name: String,
    named: Option<Type>,
    shape: Shape,
    /// How many columns were met in rows before it; it was in none yet if there is no number.
    met: Option<usize>,
}

impl Open {
    fn new(name: String, named: Option<Type>) -> Self {
        Self { name, named, shape: Shape::Nothing, met: None }
    }
}

/// Where a part ends: at so many rows and bytes behind the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) chain: u64,
    pub(crate) columns: Arc<Columns>,
}

/// Takes rows one after the other, for a plan.
pub(crate) struct Taking<'a> {
    plan: &'a mut Plan,
    fixed: Option<Builder>,
    probes: Vec<Option<Probe>>,
    pub(crate) cuts: Vec<Cut>,
}

impl Plan {
    /// A plan of rows behind `chain`; `columns` are those that are named, or fixed by parts that are there.
    pub(crate) fn new(bounds: Bounds, chain: u64, columns: Known) -> Self {
        let state = match columns {
            Known::Fixed(columns) => State::Fixed(Arc::new(columns)),
            Known::Named(named) => {
                State::Open(named.into_iter().map(|(name, named)| Open::new(name, named)).collect())
            }
        };
        Self { bounds, state, rows: 0, bytes: 0, chain }
    }

    pub(crate) fn taking(&mut self) -> Taking<'_> {
        let mut taking = Taking { plan: self, fixed: None, probes: Vec::new(), cuts: Vec::new() };
        taking.prepare();
        taking
    }

    /// The columns as they are now.
    pub(crate) fn columns(&self) -> Arc<Columns> {
        match &self.state {
            State::Fixed(columns) => columns.clone(),
            State::Open(open) => {
                let mut open: Vec<&Open> = open.iter().collect();
                // As rows have them; what none had stands behind.
                open.sort_by_key(|column| column.met.unwrap_or(usize::MAX));
                let of = |column: &Open| column.named.clone().unwrap_or_else(|| column.shape.column());
                Arc::new(open.into_iter().map(|column| (column.name.clone(), of(column))).collect())
            }
        }
    }
}

/// What is known of columns before the first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// These, in this order, and perhaps more behind them; those without a type follow from their values.
    Named(Vec<(String, Option<Type>)>),
    /// These and no others.
    Fixed(Columns),
}

/// The link behind `chain` that a line makes; 63 bits, because databases count with signs.
pub(crate) fn linked(chain: u64, line: &str) -> u64 {
    let hash = ContentHash::of_parts(&[&chain.to_le_bytes(), line.as_bytes()]).0;
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes)) >> 1
}

impl Taking<'_> {
    fn prepare(&mut self) {
        match &self.plan.state {
            State::Fixed(columns) => self.fixed = Some(Builder::new(columns)),
            State::Open(open) => {
                self.probes = open.iter().map(|column| column.named.as_ref().map(Probe::new)).collect();
            }
        }
    }

    /// Takes a row, or says why it is none of the table's.
    pub(crate) fn row(&mut self, object: &str) -> Result<(), Misfit> {
        match &mut self.fixed {
            Some(builder) => builder.check(object)?,
            None => self.infer(object)?,
        }
        let plan = &mut *self.plan;
        plan.rows += 1;
        plan.bytes += object.len() as u64 + 1;
        plan.chain = linked(plan.chain, object);
        if plan.rows >= plan.bounds.rows || plan.bytes >= plan.bounds.bytes {
            let columns = plan.columns();
            self.cuts.push(Cut {
                rows: plan.rows,
                bytes: plan.bytes,
                chain: plan.chain,
                columns: columns.clone(),
            });
            (plan.rows, plan.bytes) = (0, 0);
            if matches!(plan.state, State::Open(_)) {
                plan.state = State::Fixed(columns);
                self.prepare();
            }
        }
        Ok(())
    }

    fn infer(&mut self, object: &str) -> Result<(), Misfit> {
        let State::Open(open) = &mut self.plan.state else { return Ok(()) };
        let misfit = |column: &str, what: String, known| Misfit { column: column.to_owned(), what, known };
        let fields = pairs(object).map_err(|what| misfit("", what, true))?;
        // All of it is looked at before any of it is remembered: a row that does not fit says nothing of columns.
        for (name, raw) in &fields {
            let place = open.iter().position(|column| column.name == *name);
            if let Some(probe) = place.and_then(|place| self.probes[place].as_mut()) {
                probe.check(raw.get()).map_err(|what| misfit(name, what, true))?;
            }
        }
        if open.len() + fields.len() > COLUMNS
            && fields.iter().filter(|(name, _)| open.iter().all(|column| column.name != *name)).count()
                + open.len()
                > COLUMNS
        {
            return Err(misfit("", format!("its fields would make more than {COLUMNS} columns"), true));
        }
        for (name, raw) in fields {
            let place = open.iter().position(|column| column.name == name).unwrap_or_else(|| {
                open.push(Open::new(name, None));
                self.probes.push(None);
                open.len() - 1
            });
            if open[place].met.is_none() {
                open[place].met = Some(open.iter().filter(|column| column.met.is_some()).count());
            }
            if open[place].named.is_none() {
                open[place].shape.see(raw.get());
            }
        }
        Ok(())
    }
}

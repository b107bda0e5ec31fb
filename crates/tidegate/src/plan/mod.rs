//! What a map job will take, before it is run: calls, tokens, money and time.
//!
//! The records go through the steps of the job as a run would take them, with the journal's answers where it has some
//! and something that stands in for the others; nothing is sent. What a plan had to assume it says.

mod judge;
mod learned;
mod pace;
mod past;
mod rows;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tidegate_core::report::Taken;
use tidegate_core::{Body, Fault, FaultKind};
use tidegate_sandbox::Program;

use crate::config::Config;
use crate::map;
use crate::services::Services;
use judge::{Curve, Judge, Looked};
use past::Past;
use rows::{Read, Reading, Row, Sample};
use walk::Walk;

/// What a plan is told beside the job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanOptions {
    /// Looks at about so many records, spread evenly over the inputs; 0 looks at all.
    pub sample: u64,
    /// How long a call takes. `None`: as long as those of earlier runs, or what is assumed.
    pub latency: Option<Duration>,
    /// Tokens of an answer. `None`: as many as answers in the journal have, or what is assumed.
    pub output_tokens: Option<u64>,
    /// Starts the programs of the job and parses its documents, as [`crate::JobOptions::parser`] does; `None` where it
    /// has neither.
    pub launcher: Option<Program>,
}

/// What a job will take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The records.
    pub rows: PlannedRows,
    /// Each step that asks.
    pub steps: Vec<PlannedStep>,
    /// All steps together. Its `cost` is 0 where no price is known.
    pub total: Taken,
    /// Whether the price of all models is known.
    pub priced: bool,
    /// What makes it take as long as it does.
    pub binding: String,
    /// Of a sample: by which share the tokens of all records may differ from what is said here, 95 times of 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What is wrong with records.
    pub faults: Faults,
    /// Whether the money suffices that may be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Allowance>,
    /// What was assumed, and where figures are from.
    pub notes: Vec<String>,
}

/// The records of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PlannedRows {
    /// There are.
    pub total: u64,
    /// Of these, looked at.
    pub read: u64,
    /// Left out by a filter.
    pub left_out: u64,
}

/// What a step will take.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlannedStep {
    /// Its name.
    pub step: String,
    /// Its model.
    pub model: String,
    /// Records it asks about.
    pub records: u64,
    /// Records that it lets pass.
    pub passed: u64,
    /// Of those it asks about, answered in the journal.
    pub paid: u64,
    /// Of those it asks about, with the question of another record.
    pub repeated: u64,
    /// Calls to be sent.
    pub calls: u64,
    /// Tokens to be sent.
    pub input_tokens: u64,
    /// Tokens to be answered.
    pub output_tokens: u64,
    /// Money, in the currency of the price table; `None` where no price is known.
    pub cost: Option<f64>,
    /// Seconds, if this step ran alone.
    pub seconds: f64,
    /// What makes it take as long as it does.
    pub binding: String,
}

/// Records at fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Faulty>,
}

/// A record at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Faulty {
    /// Its key.
    pub source: String,
    /// The class of the fault.
    pub class: &'static str,
    /// The fault.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Money that may be spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Allowance {
    /// How much.
    pub money: f64,
    /// Whether it suffices; `None` where a price is not known.
    pub suffices: Option<bool>,
    /// About the record at which it is used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops_at_row: Option<u64>,
}

/// Items of a sample whose records go through the steps together.
const TOGETHER: usize = 256;

/// What the map job that `config` is will take. Nothing is sent, nothing is written, and no key is needed. Blocks the
/// calling thread while records are read and counted; `seen` is told how many there were so far. Documents are counted
/// by the file, each of which may hold several records.
///
/// # Errors
/// [`FaultKind::Config`]: no map job, or one that could not be run either; inputs or a store that cannot be read.
///
/// # Cancel safety
/// Safe.
pub async fn plan(
    config: &Config,
    options: &PlanOptions,
    seen: &mut (dyn FnMut(u64) + Send),
) -> Result<Plan, Fault> {
    let Some(map) = &config.map else { return Err(Fault::new(FaultKind::Config, "this is no map job")) };
    map::check(config)?;
    let services = Arc::new(Services::offline(config)?);
    let store = map::store_of(config)?;
    let mut reading =
        Reading::new(config, (&services, &map::journal_of(store.as_ref())), options.launcher.as_ref())?;
    let past = Past::of(store.as_ref())?;
    let mut walk =
        Walk::new((config, map), &services, (store, options.output_tokens), options.launcher.as_ref())?;
    let mut curve = Curve::default();
    let looked = match options.sample {
        0 => all(&mut reading, (&mut walk, &mut curve), seen).await?,
        want => some(&mut reading, (&mut walk, want), seen).await?,
    };
    Judge { config, map, services: &services, past: &past, options, looked }.plan(&walk, &curve)
}

/// Takes all records through the steps.
async fn all(
    reading: &mut Reading,
    (walk, curve): (&mut Walk, &mut Curve),
    seen: &mut (dyn FnMut(u64) + Send),
) -> Result<Looked, Fault> {
    while let Some(items) = reading.list().await? {
        let rows = noted(reading.read(items).await, &mut walk.faults)?;
        walk.through(rows).await?;
        curve.note(reading.seen, walk);
        seen(reading.seen);
    }
    Ok(Looked { total: reading.seen, read: reading.seen, aside: 0 })
}

/// Lists all items, and takes a sample of at least `want` of them through the steps.
async fn some(
    reading: &mut Reading,
    (walk, want): (&mut Walk, u64),
    seen: &mut (dyn FnMut(u64) + Send),
) -> Result<Looked, Fault> {
    let (mut sample, mut number) = (Sample::new(want), 0);
    while let Some(items) = reading.list().await? {
        for mut item in items {
            if let Some(faulty) = Reading::at_fault(&mut item) {
                noted(vec![Err(faulty)], &mut walk.faults)?;
                continue;
            }
            sample.offer(number, (item.body.as_ref().map_or(0, Body::weight) as usize, item));
            number += 1;
        }
        seen(reading.seen);
    }
    let aside = walk.faults.count;
    let mut sample = sample.items().into_iter();
    let read = sample.len() as u64;
    while sample.len() > 0 {
        let items = sample.by_ref().take(TOGETHER).collect();
        let rows = noted(reading.read(items).await, &mut walk.faults)?;
        walk.through(rows).await?;
    }
    Ok(Looked { total: reading.seen, read, aside })
}

/// The records, of which those that could not be read go no further.
fn noted(read: Vec<Read>, faults: &mut Faults) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::with_capacity(read.len());
    for row in read {
        match row {
            Ok(row) => rows.push(row),
            Err((mut row, fault)) => {
                faults.note(&mut row, fault)?;
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

//! Where records go.

use async_trait::async_trait;

use crate::context::Cx;
use crate::fault::Fault;
use crate::item::{Position, Unit};
use crate::record::Record;
use crate::stage::Grouping;
use crate::tether::UnitId;

/// Settled units to be made durable together.
#[derive(Debug, Default)]
pub struct Commit {
    /// The units.
    pub units: Vec<Unit>,
    /// For streams: once this commit is durable, everything up to here is settled.
    pub position: Option<Position>,
    /// Effects outside the ledger that become true with this commit: output name → committed length in bytes.
    pub lengths: Vec<(String, u64)>,
}

/// Takes settled units. The outcome of every item is durable when [`Sink::commit`] returns `Ok`, and not before.
#[async_trait]
pub trait Sink: Send {
    /// How many units a commit should hold.
    fn grouping(&self) -> Grouping;

    /// Whether units must arrive in listing order. The engine then holds settled units back until every earlier
    /// one is settled, within the memory budget: a late head stops intake.
    fn ordered(&self) -> bool {
        false
    }

    /// Takes part of a unit too large to hold in memory, before the unit is settled. Nothing staged may be visible
    /// to readers until the unit commits, and what was staged for a unit that never commits is swept at the next
    /// start. Within a part the records are in order of their place; parts come in order of arrival, so that a later
    /// one may hold earlier places.
    ///
    /// # Errors
    /// Storage faults.
    async fn stage(&mut self, cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault>;

    /// Makes units durable, all or none. May be called again with the same units after a fault.
    ///
    /// # Errors
    /// Storage faults; a record fault if one of the units cannot be stored. The engine then commits them one by one.
    async fn commit(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(), Fault>;

    /// Called once after the last commit of a run that was not aborted.
    ///
    /// # Errors
    /// Storage faults.
    async fn finish(&mut self, cx: &Cx) -> Result<(), Fault>;
}

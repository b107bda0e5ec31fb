//! The rows of a map job while it runs: counted by the line also where the engine counts blocks of them.

use std::sync::Arc;

use tidegate_engine::Monitor;

use crate::sweep::Tally;

/// Counts the rows of a map job. Cheap to ask at any time.
pub struct RowCount {
    monitor: Arc<Monitor>,
    /// What counts lines, where the engine counts blocks of them.
    tally: Option<Arc<Tally>>,
}

/// How far a map job has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsSoFar {
    /// Rows read.
    pub read: u64,
    /// Of these, rows that are dealt with: written, left out or put aside.
    pub done: u64,
    /// Rows written.
    pub written: u64,
    /// Rows put aside.
    pub aside: u64,
}

impl RowCount {
    pub(crate) fn new(monitor: Arc<Monitor>, tally: Option<Arc<Tally>>) -> Self {
        Self { monitor, tally }
    }

    /// The rows so far.
    #[must_use]
    pub fn now(&self) -> RowsSoFar {
        let records = self.monitor.records();
        match &self.tally {
            Some(tally) => tally.so_far(records.quarantined),
            None => RowsSoFar {
                read: records.seen,
                done: records.stored + records.unchanged + records.quarantined + records.pending,
                written: self.monitor.committed(),
                aside: records.quarantined,
            },
        }
    }
}

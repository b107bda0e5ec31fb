//! Counts lines where the engine counts blocks.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tidegate_connect::UnfitLines;
use tidegate_core::counters::Counter;
use tidegate_core::{Commit, Cx, Fault, Grouping, Record, Sink, UnitId};

use crate::row_count::RowsSoFar;

/// What became of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rows {
    pub(super) seen: u64,
    /// Written.
    pub(super) kept: u64,
    /// Left out by a filter.
    pub(super) dropped: u64,
    /// Put aside.
    pub(super) aside: u64,
}

/// The field of a block's record that holds its counts.
const FIELD: &str = "rows";

impl Rows {
    pub(super) fn write(self, record: &mut Record) {
        let counts = serde_json::json!([self.seen, self.kept, self.dropped, self.aside]);
        Arc::make_mut(&mut record.fields).insert(FIELD.to_owned(), counts);
    }

    pub(super) fn of(record: &Record) -> Self {
        let count =
            |at: usize| record.fields.get(FIELD).and_then(|counts| counts.get(at)?.as_u64()).unwrap_or(0);
        // What a table had no place for.
        let unfit = UnfitLines::count_of(record).min(count(1));
        Self { seen: count(0), kept: count(1) - unfit, dropped: count(2), aside: count(3) + unfit }
    }
}

/// Lines of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Worked on.
    pub(crate) swept: Counter,
    /// Of these, in blocks that are committed: written or left out.
    pub(crate) done: Counter,
    /// Of these, left out by a filter.
    pub(crate) dropped: Counter,
    /// In committed blocks, put aside.
    pub(crate) aside: Counter,
}

impl Tally {
    pub(super) fn swept(&self, rows: Rows) {
        self.swept.add(rows.seen);
    }

    /// Rows so far, of which the engine put aside `unreadable`.
    pub(crate) fn so_far(&self, unreadable: u64) -> RowsSoFar {
        let (dropped, aside) = (self.dropped.get(), self.aside.get() + unreadable);
        let done = self.done.get();
        RowsSoFar {
            read: self.swept.get() + unreadable,
            done: done + aside,
            // The counters move while they are read.
            written: done.saturating_sub(dropped),
            aside,
        }
    }

    pub(super) fn committed(&self, rows: Rows) {
        self.done.add(rows.kept + rows.dropped);
        self.dropped.add(rows.dropped);
        self.aside.add(rows.aside);
    }
}

/// Counts the lines of the blocks that a sink commits.
pub(crate) struct Tallied {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) tally: Arc<Tally>,
}

#[async_trait]
impl Sink for Tallied {
    fn grouping(&self) -> Grouping {
        self.sink.grouping()
    }

    fn ordered(&self) -> bool {
        self.sink.ordered()
    }

    async fn stage(&mut self, cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        self.sink.stage(cx, unit, records).await
    }

    async fn commit(&mut self, cx: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        let counts = |commit: &Commit| -> Vec<Rows> {
            commit.units.iter().flat_map(|unit| &unit.records).map(Rows::of).collect()
        };
        self.sink.commit(cx, commit).await?;
        counts(commit).into_iter().for_each(|rows| self.tally.committed(rows));
        Ok(())
    }

    async fn finish(&mut self, cx: &Cx) -> Result<(), Fault> {
        self.sink.finish(cx).await
    }
}

//! The store as a sink: settled units become searchable.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{Commit, Cx, Fault, Grouping, Ledger as _, Record, Sink, UnitId};

use crate::ledger::PipelineLedger;

/// Writes units through the ledger of a run, outcome and chunks in the same transaction.
pub struct StoreSink {
    ledger: Arc<PipelineLedger>,
}

impl StoreSink {
    /// A sink that commits through `ledger`.
    #[must_use]
    pub fn new(ledger: Arc<PipelineLedger>) -> Self {
        Self { ledger }
    }
}

#[async_trait]
impl Sink for StoreSink {
    /// A transaction costs about as much as ten small documents, so a few hundred share one; nobody waits longer
    /// than a fifth of a second for the others.
    fn grouping(&self) -> Grouping {
        Grouping { items: 256, bytes: 4 << 20, tokens: 0, linger: Duration::from_millis(200) }
    }

    async fn stage(&mut self, _: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        self.ledger.stage(unit, records).await
    }

    async fn commit(&mut self, _: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        self.ledger.commit(commit).await
    }

    async fn finish(&mut self, _: &Cx) -> Result<(), Fault> {
        Ok(())
    }
}

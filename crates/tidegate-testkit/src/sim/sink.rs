//! Sinks: one transactional like a store, one a file that is appended to and committed by its length.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Commit, Cx, Fault, FaultKind, Grouping, Record, Sink, UnitId};

use super::expect::tag;
use super::gauge::Sim;

/// Both kinds; the plan says which.
pub(crate) struct SimSink(pub(crate) Arc<Sim>);

impl SimSink {
    fn fault(&self, (per_mille, kind): (u64, &'static str)) -> Option<Fault> {
        if !self.0.chance(per_mille) {
            return None;
        }
        if self.0.chance(200) {
            self.0.tally("commit full");
            return Some(Fault::new(FaultKind::StorageFull, "sim: full"));
        }
        self.0.tally(kind);
        Some(Fault::new(FaultKind::StorageBusy, "sim: busy"))
    }

    /// Whether one of the units cannot be stored.
    fn refused(&self, commit: &Commit) -> bool {
        let bad = |text: &str| text.split('\n').any(|line| tag(line) == 's');
        let lasting = self.0.lasting();
        commit.units.iter().filter(|unit| unit.items.iter().all(|item| item.failure.is_none())).any(|unit| {
            let staged = unit.items.iter().filter_map(|item| lasting.durable.staged.get(&item.ordinal));
            unit.records.iter().any(|record| record.body.as_text().is_some_and(bad))
                || staged.flatten().any(|(.., text)| bad(text))
        })
    }

    fn apply(&self, commit: &Commit) -> Result<(), Fault> {
        let mut guard = self.0.lasting();
        let lasting = &mut *guard;
        if let Err(violation) = lasting.durable.apply(commit, (&lasting.world, &self.0.plan)) {
            lasting.violations.push(violation);
            return Err(Fault::new(FaultKind::StorageBroken, "sim: a violation was found"));
        }
        Ok(())
    }
}

#[async_trait]
impl Sink for SimSink {
    fn grouping(&self) -> Grouping {
        self.0.plan.commit
    }

    fn ordered(&self) -> bool {
        self.0.plan.ordered
    }

    async fn stage(&mut self, _cx: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        let _call = self.0.begin(&self.0.committing, ("commit and stage", 1));
        self.0.tally("staged part");
        self.0.nap().await;
        if self.0.chance(self.0.faults.busy_before) {
            self.0.tally("stage busy");
            self.0.answered("store", false);
            return Err(Fault::new(FaultKind::StorageBusy, "sim: busy"));
        }
        self.0.answered("store", true);
        let staged = self.0.lasting().durable.stage(unit, (records, &self.0.plan));
        staged.map_err(|violation| {
            self.0.violation(violation);
            Fault::new(FaultKind::StorageBroken, "sim: a violation was found")
        })
    }

    async fn commit(&mut self, _cx: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        let _call = self.0.begin(&self.0.committing, ("commit and stage", 1));
        self.0.nap().await;
        if let Some(fault) = self.fault((self.0.faults.busy_before, "commit busy before")) {
            self.0.answered("store", false);
            return Err(fault);
        }
        if self.refused(commit) {
            self.0.answered("store", true);
            self.0.tally("commit refusal");
            return Err(Fault::new(FaultKind::Refused, "sim: one document cannot be stored"));
        }
        self.apply(commit)?;
        self.0.nap().await;
        if let Some(fault) = self.fault((self.0.faults.busy_after, "commit busy after")) {
            self.0.answered("store", false);
            return Err(fault);
        }
        self.0.answered("store", true);
        self.0.lasting().durable.acknowledge(commit);
        Ok(())
    }

    async fn finish(&mut self, _cx: &Cx) -> Result<(), Fault> {
        self.0.nap().await;
        Ok(())
    }
}

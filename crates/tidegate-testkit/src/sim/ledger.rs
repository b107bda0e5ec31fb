//! The ledger: says what is to do, and removes what is gone.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{
    Commit, Coverage, Fault, FaultKind, Ledger, Position, SourceItem, Sweep, SweepPolicy, Verdict,
};

use super::durable::Durable;
use super::gauge::Sim;

/// Reads and writes the durable rows.
pub(crate) struct SimLedger(pub(crate) Arc<Sim>);

impl SimLedger {
    fn busy(&self, kind: &'static str) -> Option<Fault> {
        let busy = self.0.chance(self.0.faults.busy_before / 2);
        self.0.answered("source", !busy);
        busy.then(|| {
            self.0.tally(kind);
            Fault::new(FaultKind::StorageBusy, "sim: busy")
        })
    }
}

fn assess(durable: &mut Durable, item: &SourceItem) -> Verdict {
    let key = item.key.to_string();
    durable.run.listed += 1;
    durable.run.seen.insert(key.clone());
    match durable.rows.get(&key) {
        Some(row) if row.version == item.version && row.aside.is_none() => {
            durable.run.skipped_unchanged += 1;
            Verdict::Unchanged
        }
        Some(row) if row.version == item.version => {
            durable.run.skipped_quarantined += 1;
            Verdict::StillQuarantined
        }
        row => {
            let known = row.filter(|row| row.aside.is_none()).and_then(|row| row.hash);
            // What went aside for another's fault may be stored in other company.
            let aside = row.filter(|row| row.aside.is_some() && !row.mate).and_then(|row| row.hash);
            durable.run.went.insert(key);
            Verdict::Go { known, aside }
        }
    }
}

#[async_trait]
impl Ledger for SimLedger {
    async fn assess(&self, items: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        self.0.nap().await;
        if let Some(fault) = self.busy("assess busy") {
            return Err(fault);
        }
        let durable = &mut self.0.lasting().durable;
        Ok(items.iter().map(|item| assess(durable, item)).collect())
    }

    async fn resume(&self) -> Result<Option<Position>, Fault> {
        Ok(self.0.lasting().durable.position.map(|index| Position(index.to_string())))
    }

    async fn commit(&self, _commit: &Commit) -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Internal, "sim: the sink commits"))
    }

    async fn sweep(&self, _coverage: &Coverage, _policy: SweepPolicy) -> Result<Sweep, Fault> {
        self.0.nap().await;
        if let Some(fault) = self.busy("sweep busy") {
            return Err(fault);
        }
        let mut guard = self.0.lasting();
        let lasting = &mut *guard;
        let durable = &mut lasting.durable;
        let open = |key: &&String| {
            let applied = durable.rows.contains_key(*key);
            let there = lasting.world.things.iter().any(|thing| thing.key == **key);
            there && !applied && !durable.run.given_up.contains(*key)
        };
        if let Some(key) = durable.run.went.iter().find(open) {
            lasting.violations.push(format!("vanished items were removed before {key} was durable"));
        }
        let known = durable.rows.len() as u64;
        let gone: Vec<String> =
            durable.rows.keys().filter(|key| !durable.run.seen.contains(*key)).cloned().collect();
        for key in &gone {
            durable.rows.remove(key);
            durable.docs.remove(key);
        }
        durable.run.deleted += gone.len() as u64;
        Ok(Sweep { deleted: gone.len() as u64, known, ..Sweep::default() })
    }
}

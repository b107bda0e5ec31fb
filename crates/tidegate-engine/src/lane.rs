//! What the workers of one stage share: where records come from and go to, and whom to tell what became of them.

use std::sync::Arc;

use tidegate_core::counters::StageCounters;
use tidegate_core::{Advice, Cx, Fault, FaultKind, Record, Stop, Tether, advise};

use crate::book::Settlement;
use crate::halt::Halt;
use crate::monitor::{Monitor, StageView};
use crate::queue::{Producer, Queue, Took};

/// What the workers of one stage share.
#[derive(Clone)]
pub(crate) struct Lane {
    pub(crate) cx: Cx,
    pub(crate) input: Arc<Queue>,
    /// Absent for the sink.
    pub(crate) output: Option<Producer>,
    pub(crate) view: StageView,
    /// Later stages first, so that what is nearly done is finished.
    pub(crate) depth: u64,
    pub(crate) book: Arc<Settlement>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) halt: Halt,
}

impl Lane {
    pub(crate) fn counters(&self) -> &StageCounters {
        &self.view.counters
    }

    /// The next records with work to do; `None` once the input has ended. What was put aside meanwhile is dropped.
    ///
    /// # Cancel safety
    /// Nothing is taken unless the future is ready.
    pub(crate) async fn next(&self, most: usize, bytes: u64) -> Option<Vec<Record>> {
        loop {
            let waiting = tokio::time::Instant::now();
            let mut records = self.input.pop(most, bytes, self.view.width).await?;
            self.counters().wait_input.record(waiting.elapsed());
            records.retain(|record| !record.tether().is_failed());
            if !records.is_empty() {
                self.counters().taken.add(records.len() as u64);
                self.counters().busy.add(records.len() as u64);
                return Some(records);
            }
        }
    }

    /// One more record, if one waits and `fits`. What was put aside meanwhile is dropped.
    pub(crate) fn take_one(&self, fits: impl Fn(&Record) -> bool) -> Took {
        loop {
            let took = self.input.take_if(|record| record.tether().is_failed() || fits(record));
            if let Took::One(record) = &took {
                if record.tether().is_failed() {
                    continue;
                }
                self.counters().taken.add(1);
                self.counters().busy.add(1);
            }
            return took;
        }
    }

    /// Hands a record on, waiting for room.
    pub(crate) async fn emit(&self, record: Record) {
        if let Some(output) = &self.output {
            output.push(record, self.counters()).await;
        }
    }

    /// Puts aside whatever `tether` holds, or stops the run if the fault is not a record's. Whoever can try again does
    /// so first; here a fault that should pass leaves the item to the next run.
    pub(crate) fn fail(&self, tether: &Tether, fault: &Fault) {
        match advise(fault) {
            Advice::Quarantine => {
                self.counters().failed.add(1);
                let unit = tether.unit().unwrap_or_default();
                tracing::info!(run = %self.cx.run, stage = %self.view.name, item = unit, class = fault.kind().name(), %fault, "quarantined");
                tether.fail(&self.view.name, fault);
            }
            Advice::Again => tether.pend(),
            // Not begun, because the run was told to stop: no reason to leave unfinished what others have begun.
            Advice::StopRun
                if fault.kind() == FaultKind::Cancelled
                    && (Stop::Drain..Stop::Abort).contains(&self.cx.stop()) =>
            {
                tether.pend();
            }
            // What reports this has no lane that could be held.
            Advice::Hold(_) => {
                tether.pend();
                let doing = format!("{} reported an outage, which it cannot wait out", self.view.name);
                self.halt.stop(&Fault::new(FaultKind::Internal, doing).cause(fault.clone()));
            }
            Advice::StopRun => {
                tether.pend();
                self.halt.stop(fault);
            }
        }
    }

    /// The same for one worker, whose waits for limits are counted apart from the others'.
    pub(crate) fn for_worker(self) -> Self {
        Self { cx: self.cx.for_worker(), ..self }
    }

    /// Counts a try that began at `started`: what it waited for a limit is no work.
    pub(crate) fn tried(&self, started: tokio::time::Instant) {
        let waited = self.cx.take_waited();
        self.counters().work.record(started.elapsed().saturating_sub(waited));
        if !waited.is_zero() {
            self.counters().wait_limit.record(waited);
        }
    }

    pub(crate) fn urgency(&self, records: &[Record]) -> u64 {
        let ordinal = records.first().map_or(0, |record| record.ordinal);
        (64u64.saturating_sub(self.depth) << 48) | (ordinal & ((1 << 48) - 1))
    }
}

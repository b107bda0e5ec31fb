//! What a run looks like from outside while it runs, and its report when it ended. Counts only; others render.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_core::Budget;
use tidegate_core::counters::{Counter, StageCounters};
use tidegate_core::report::{Records, Report, RunState, StageReport};
use tokio::time::Instant;

/// One stage as seen from outside.
#[derive(Debug, Clone)]
pub struct StageView {
    /// Its name.
    pub name: Arc<str>,
    /// How many records or groups it works on at once.
    pub width: usize,
    /// What it did.
    pub counters: Arc<StageCounters>,
}

/// The live view of a run. Cheap to read at any time.
#[derive(Debug)]
pub struct Monitor {
    pub(crate) seen: Counter,
    pub(crate) stored: Counter,
    pub(crate) unchanged: Counter,
    pub(crate) quarantined: Counter,
    pub(crate) deleted: Counter,
    pub(crate) pending: Counter,
    /// Records that reached the sink and were committed.
    pub(crate) committed: Counter,
    /// Bytes read from the source.
    pub(crate) read_bytes: Counter,
    stages: Vec<StageView>,
    budget: Budget,
    started: Instant,
    holding: Mutex<Option<String>>,
}

impl Monitor {
    pub(crate) fn new(stages: Vec<StageView>, budget: Budget) -> Self {
        Self {
            seen: Counter::default(),
            stored: Counter::default(),
            unchanged: Counter::default(),
            quarantined: Counter::default(),
            deleted: Counter::default(),
            pending: Counter::default(),
            committed: Counter::default(),
            read_bytes: Counter::default(),
            stages,
            budget,
            started: Instant::now(),
            holding: Mutex::new(None),
        }
    }

    /// Outcomes so far. While the run goes on, what is in flight is in `seen` only.
    #[must_use]
    pub fn records(&self) -> Records {
        Records {
            seen: self.seen.get(),
            stored: self.stored.get(),
            unchanged: self.unchanged.get(),
            quarantined: self.quarantined.get(),
            deleted: self.deleted.get(),
            pending: self.pending.get(),
        }
    }

    /// Records (chunks, lines) committed so far.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed.get()
    }

    /// Bytes read from the source so far.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.get()
    }

    /// The stages, in flow order, the source's reading first and the sink last.
    #[must_use]
    pub fn stages(&self) -> &[StageView] {
        &self.stages
    }

    /// The memory budget.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How long the run has been going.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the run is held by now, if anything.
    #[must_use]
    pub fn held_by(&self) -> Option<String> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nothing waits before a stage and nothing is being worked on.
    pub(crate) fn rests(&self) -> bool {
        let rests = |stage: &StageView| stage.counters.queued.get() == 0 && stage.counters.busy.get() == 0;
        self.stages.iter().all(rests)
    }

    pub(crate) fn holding(&self, what: Option<String>) {
        *self.holding.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// The report so far. Chunk, embedding, call and memory figures are left for whoever knows them.
    #[must_use]
    pub fn report(&self, run: &str, state: RunState) -> Report {
        Report {
            run: run.to_owned(),
            state,
            records: self.records(),
            seconds: self.elapsed().as_secs_f64(),
            stages: self.stages.iter().map(stage_report).collect(),
            bottleneck: self.bottleneck(),
            ..Report::default()
        }
    }

    /// The stage whose workers were busy for the largest share of the run, or the source if all mostly waited.
    #[must_use]
    pub fn bottleneck(&self) -> String {
        let elapsed = self.elapsed().as_secs_f64().max(1e-9);
        let share = |stage: &StageView| {
            let limited = stage.counters.wait_limit.sum().as_secs_f64() / elapsed;
            let busy = stage.counters.work.sum().as_secs_f64() / (stage.width.max(1) as f64 * elapsed);
            // A limit binds whoever waits for it, however many workers stand ready.
            (busy + limited / stage.width.max(1) as f64).max(limited.min(1.0))
        };
        let busiest =
            self.stages.iter().map(|stage| (share(stage), stage)).max_by(|a, b| a.0.total_cmp(&b.0));
        match busiest {
            Some((share, stage)) if share >= 0.25 => stage.name.to_string(),
            _ => "source".to_owned(),
        }
    }
}

fn stage_report(stage: &StageView) -> StageReport {
    let counters = &stage.counters;
    let ms = |q: f64| counters.work.quantile(q).as_secs_f64() * 1e3;
    StageReport {
        name: stage.name.to_string(),
        taken: counters.taken.get(),
        emitted: counters.emitted.get(),
        failed: counters.failed.get(),
        dropped: counters.dropped.get(),
        wait_input_s: counters.wait_input.sum().as_secs_f64(),
        wait_output_s: counters.wait_output.sum().as_secs_f64(),
        wait_limit_s: counters.wait_limit.sum().as_secs_f64(),
        work_s: counters.work.sum().as_secs_f64(),
        p50_ms: ms(0.50),
        p95_ms: ms(0.95),
        p99_ms: ms(0.99),
    }
}

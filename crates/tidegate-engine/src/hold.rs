//! Holding: what failed through no record's fault is kept and tried again, for as long as the run may be held.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_core::{Advice, Cx, Fault, FaultKind, Stop, advise};
use tokio::time::Instant;

use crate::monitor::Monitor;
use crate::mutant::planted;

/// The longest pause between two tries at something held.
const LONGEST: Duration = Duration::from_secs(30);

/// A hint may ask for more than a clock can count.
const FURTHEST: Duration = Duration::from_secs(30 * 24 * 3_600);

/// One thing that can be held: a stage, the sink, the ledger.
pub(crate) struct Hold {
    what: String,
    /// How long it may be held in all before the run stops resumable.
    most: Duration,
    /// The stop that ends the waiting.
    until: Stop,
    state: Mutex<Option<Held>>,
    /// It was held for too long: nothing more is tried in this run.
    over: AtomicBool,
}

#[derive(Clone, Copy)]
struct Held {
    since: Instant,
    pause: Duration,
    /// When the next try is due.
    next: Instant,
}

impl Hold {
    pub(crate) fn new(what: impl Into<String>, most: Duration) -> Self {
        Self {
            what: what.into(),
            most,
            until: Stop::Drain,
            state: Mutex::new(None),
            over: AtomicBool::new(false),
        }
    }

    /// A drain does not end the waiting: what is in flight can only be finished through what is held here.
    pub(crate) fn through_drain(self) -> Self {
        Self { until: Stop::Abort, ..self }
    }

    /// Waits before the next try: at least `pause`, doubling while the fault lasts.
    ///
    /// # Errors
    /// The fault itself, once it lasted too long or the run is to stop: what is held then stays pending.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn wait(
        &self,
        cx: &Cx,
        monitor: &Monitor,
        (fault, pause): (&Fault, Duration),
    ) -> Result<(), Fault> {
        let (held, first) = self.begin(pause);
        let lasted = held.since.elapsed();
        let most = if planted("held for ever") { FURTHEST } else { self.most };
        if lasted >= most {
            self.over.store(true, Ordering::Release);
        }
        // A full disk is not emptied by waiting for it: whoever stops the run ends that, with one try more.
        let until =
            if fault.kind() == FaultKind::StorageFull { self.until.min(Stop::Quiet) } else { self.until };
        if lasted >= most || cx.stop() >= until {
            return Err(fault.clone().during(format!("{} was held for {lasted:.0?}", self.what)));
        }
        let rest = held.next.saturating_duration_since(Instant::now()).min(most - lasted);
        if first {
            let wait_ms = rest.as_millis() as u64;
            tracing::warn!(run = %cx.run, stage = self.what, fault = %fault, wait_ms, "held");
        }
        monitor.holding(Some(format!("{}: {fault}", self.what)));
        tokio::select! {
            biased;
            () = cx.stopped(until) => {
                if until < self.until && cx.stop() < self.until { Ok(()) } else { Err(fault.clone()) }
            }
            () = tokio::time::sleep(rest) => Ok(()),
        }
    }

    /// Whether it was given up: what still comes would only meet the same outage, one timeout after the other.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Waits out a fault that can be waited out; returns any other.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub(crate) async fn wait_or_fail(&self, cx: &Cx, monitor: &Monitor, fault: Fault) -> Result<(), Fault> {
        match advise(&fault) {
            Advice::Hold(pause) => self.wait(cx, monitor, (&fault, pause)).await,
            _ => Err(fault),
        }
    }

    /// Notes that it works again.
    pub(crate) fn lift(&self, monitor: &Monitor) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.take().is_some() {
            monitor.holding(None);
        }
    }

    /// Begins a pause or joins one; whether it is the first of an outage, or one of twice the length.
    fn begin(&self, pause: Duration) -> (Held, bool) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let pause = pause.min(FURTHEST);
        let (held, first) = match *state {
            None => (Held { since: now, pause, next: now + pause }, true),
            // Others failed at the same time: one outage, one pause.
            Some(held) if now < held.next => (Held { next: held.next.max(now + pause), ..held }, false),
            Some(held) => {
                let pause = held.pause.saturating_mul(2).min(LONGEST).max(pause);
                (Held { since: held.since, pause, next: now + pause }, pause > held.pause)
            }
        };
        *state = Some(held);
        (held, first)
    }
}

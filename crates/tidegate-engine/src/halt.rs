//! Why and how far a run is to stop: whoever cannot go on says so here, and the first reason stays.

use std::sync::{Arc, Mutex, PoisonError};

use tidegate_core::report::RunState;
use tidegate_core::{Fault, FaultKind, StopHandle, Sweep};

/// Why and how far the run is to stop.
#[derive(Clone)]
pub(crate) struct Halt {
    pub(crate) stop: StopHandle,
    pub(crate) verdict: Arc<Mutex<Verdict>>,
}

#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) fault: Option<Fault>,
    pub(crate) state: RunState,
    pub(crate) source_ended: bool,
    pub(crate) sweep: Sweep,
}

impl Halt {
    /// Nothing can go on; or, where a service will not go on for us, what does not need it is finished.
    pub(crate) fn stop(&self, fault: &Fault) {
        let (state, finish) = match fault.kind() {
            FaultKind::Blocked => (RunState::Stopped, true),
            FaultKind::Budget => (RunState::Budget, true),
            FaultKind::Cancelled => (RunState::Stopped, false),
            _ => (RunState::Failed, false),
        };
        self.conclude(fault, state);
        if finish { self.stop.drain() } else { self.stop.abort() }
    }

    /// A stage was held too long: the others finish what they can.
    pub(crate) fn held_too_long(&self, fault: &Fault) {
        self.conclude(fault, RunState::Stopped);
        self.stop.drain();
    }

    /// The sink was held too long: nothing can be finished.
    pub(crate) fn sink_held_too_long(&self, fault: &Fault) {
        self.conclude(fault, RunState::Stopped);
        self.stop.abort();
    }

    pub(crate) fn source_ended(&self) {
        self.lock().source_ended = true;
    }

    pub(crate) fn swept(&self, sweep: Sweep) {
        let mut verdict = self.lock();
        verdict.sweep.deleted += sweep.deleted;
        verdict.sweep.moved += sweep.moved;
        verdict.sweep.refused += sweep.refused;
        verdict.sweep.known += sweep.known;
    }

    fn conclude(&self, fault: &Fault, state: RunState) {
        let mut verdict = self.lock();
        if verdict.fault.is_none() {
            (verdict.fault, verdict.state) = (Some(fault.clone()), state);
        }
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

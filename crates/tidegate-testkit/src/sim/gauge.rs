//! What all doubles of one round share: the dice, the clock, the faults, and where violations are noted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_core::{Fault, FaultKind};
use tidegate_engine::StopHandle;
use tokio::time::Instant;

use super::durable::Durable;
use super::plan::{Faults, Plan, Target};
use super::rng::Rng;
use super::tally::Tally;
use super::world::World;

/// What survives a crash, and the dice.
pub(crate) struct Lasting {
    pub(crate) world: World,
    pub(crate) durable: Durable,
    pub(crate) rng: Rng,
    pub(crate) tally: Tally,
    pub(crate) violations: Vec<String>,
}

/// One round's shared state.
pub(crate) struct Sim {
    pub(crate) plan: Arc<Plan>,
    pub(crate) faults: Faults,
    pub(crate) endless: bool,
    lasting: Arc<Mutex<Lasting>>,
    started: Instant,
    /// To see how far a stop has gone.
    pub(crate) stop: StopHandle,
    /// Since when each lane has answered nothing but outages.
    down: Mutex<BTreeMap<&'static str, Instant>>,
    /// Busy doubles, to check concurrency.
    pub(crate) fetching: Busy,
    pub(crate) eaching: Busy,
    pub(crate) embedding: Busy,
    pub(crate) committing: Busy,
}

/// Counts how many calls are under way.
#[derive(Default)]
pub(crate) struct Busy(Arc<AtomicUsize>);

/// One call under way.
pub(crate) struct Call(Arc<AtomicUsize>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sim {
    pub(crate) fn new(
        plan: Arc<Plan>,
        (faults, endless): (Faults, bool),
        lasting: Arc<Mutex<Lasting>>,
    ) -> Self {
        Self {
            plan,
            faults,
            endless,
            lasting,
            started: Instant::now(),
            stop: StopHandle::new(),
            down: Mutex::default(),
            fetching: Busy::default(),
            eaching: Busy::default(),
            embedding: Busy::default(),
            committing: Busy::default(),
        }
    }

    pub(crate) fn lasting(&self) -> MutexGuard<'_, Lasting> {
        self.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.lasting().rng.chance(per_mille)
    }

    pub(crate) fn tally(&self, kind: &'static str) {
        self.lasting().tally.add(kind);
    }

    pub(crate) fn violation(&self, what: String) {
        self.lasting().violations.push(what);
    }

    /// Takes some time, or none.
    pub(crate) async fn nap(&self) {
        let most = self.faults.latency;
        let ms = {
            let rng = &mut self.lasting().rng;
            if most == 0 || rng.chance(300) { 0 } else { rng.between(1, most) }
        };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// The fault of an outage, if there is one now.
    pub(crate) fn outage(&self, target: Target, kind: &'static str) -> Option<Fault> {
        let now = self.started.elapsed().as_millis() as u64;
        let out =
            |(what, from, until): &(Target, u64, u64)| *what == target && (*from..*until).contains(&now);
        if !self.faults.outages.iter().any(out) {
            return None;
        }
        self.tally(kind);
        let mut lasting = self.lasting();
        let fault = match lasting.rng.below(3) {
            0 => Fault::new(FaultKind::Unavailable, "down"),
            1 => Fault::new(FaultKind::Timeout, "no answer"),
            _ => Fault::new(FaultKind::RateLimited, "too many requests").wait(Duration::from_millis(700)),
        };
        Some(fault)
    }

    /// Notes that a lane answered, or that it did not. What is down must be given up after `max_hold`, not before.
    pub(crate) fn answered(&self, lane: &'static str, answered: bool) {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            down.remove(lane);
            return;
        }
        let lasted = down.entry(lane).or_insert_with(Instant::now).elapsed();
        let run = &mut self.lasting().durable.run;
        run.longest_down = run.longest_down.max(lasted);
        if lasted > self.plan.options.max_hold + Duration::from_secs(3) {
            run.overheld = Some(lane);
        }
    }

    /// Begins a call of which at most `most` may be under way.
    pub(crate) fn begin(&self, busy: &Busy, (what, most): (&str, usize)) -> Call {
        let now = busy.0.fetch_add(1, Ordering::Relaxed) + 1;
        if now > most {
            self.violation(format!("{now} calls of {what} at once; {most} are allowed"));
        }
        Call(busy.0.clone())
    }
}

/// Panics without the noise of the panic hook: thousands of these are planned.
pub(crate) fn planned_panic(what: &str) -> ! {
    std::panic::resume_unwind(Box::new(format!("sim: {what}")))
}

//! The lane itself: admission, and what others ask of it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tidegate_core::{Fault, FaultKind, Stop};
use tokio::time::Instant;

use super::admission::{Admission, Denied, Extra, FailureKind, Outcome, Priority};
use super::context::CallCx;
use super::counters::LaneCounters;
use super::dice::Dice;
use super::line::Key;
use super::settings::{LaneName, LaneSettings};
use super::spend::Spend;
use super::state::{Grant, Joined, Look, State};
use super::ticket::Ticket;
use super::view::LaneView;

/// Below this fill of its emptiest bucket a lane does not hedge: what the hedge takes, a first try lacks.
const HEDGE_FILL: f64 = 0.2;

/// So many names of models are kept, and none that is longer, in bytes: they come from outside.
const MOST_NAMED: usize = 8;
const LONGEST_NAME: usize = 256;

/// One waiter keeps the time for the whole line. Every other looks for itself after this time, and then less and less
/// often: somebody may hold the leading future without polling it.
const DOUBT: Duration = Duration::from_secs(1);
const DOUBT_MOST: Duration = Duration::from_secs(32);

/// A provider, a model and a key: the unit of limits, breaker, concurrency and priority.
#[derive(Debug)]
pub struct Lane {
    name: LaneName,
    pub(super) settings: LaneSettings,
    pub(super) counters: Arc<LaneCounters>,
    pub(super) dice: Dice,
    /// Models that answers named where that was not the lane's own, in the order of their coming.
    named: Mutex<Vec<String>>,
    /// The one lock; never held across an await, and nobody is woken under it.
    state: Mutex<State>,
}

impl Lane {
    /// A lane that has sent nothing yet. Its budget, if it has one, is its own.
    #[must_use]
    pub fn new(name: LaneName, settings: LaneSettings) -> Arc<Self> {
        let limited = settings.budget.is_some() || settings.max_tokens.is_some();
        let spend = limited.then(|| Arc::new(Spend::new(settings.budget, settings.max_tokens)));
        Self::build(name, settings, spend)
    }

    /// A lane that spends from a budget that it shares with others.
    #[must_use]
    pub fn with_spend(name: LaneName, settings: LaneSettings, spend: Arc<Spend>) -> Arc<Self> {
        Self::build(name, settings, Some(spend))
    }

    fn build(name: LaneName, settings: LaneSettings, spend: Option<Arc<Spend>>) -> Arc<Self> {
        let counters = Arc::new(LaneCounters::default());
        let state = State::new(&settings, counters.clone(), spend, Instant::now());
        let dice = Dice::new(settings.seed);
        Arc::new(Self { name, settings, counters, dice, named: Mutex::default(), state: Mutex::new(state) })
    }

    /// Waits for the call's turn: for the breaker, a pause, the limits, the concurrency and the budget.
    ///
    /// # Errors
    /// Why the call is not to be sent. Only what waits can change that is waited for.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in line and everything that was reserved.
    pub async fn admit(self: &Arc<Self>, ask: &Admission, cx: &CallCx) -> Result<Ticket, Denied> {
        // Whoever stops a run does not want it to pay for more: only what was sent is waited for.
        if cx.stop() >= cx.unsent() {
            return Err(stopped());
        }
        let mut ask = *ask;
        ask.deadline = match (ask.deadline, cx.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match self.with(|state, now| state.join(now, &ask))? {
            Joined::In(grant) => Ok(Ticket::new(self.clone(), grant)),
            Joined::Waiting(key) => self.wait(Place { lane: self, key }, cx).await,
        }
    }

    /// A snapshot.
    #[must_use]
    pub fn view(&self) -> LaneView {
        self.with(|state, now| state.view(now, &self.name))
    }

    /// Tells the lane that its service was seen to answer: what waits for its breaker waits no longer.
    pub fn vouch(&self) {
        self.with(|state, now| state.vouch(now));
    }

    /// What the lane did so far.
    #[must_use]
    pub fn counters(&self) -> &LaneCounters {
        &self.counters
    }

    /// An answer names `model` as the one that made it.
    pub(crate) fn note_model(&self, model: &str) {
        if model == self.name.model {
            return;
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if named.len() < MOST_NAMED
            && model.len() <= LONGEST_NAME
            && !named.iter().any(|known| known == model)
        {
            named.push(model.to_owned());
        }
    }

    /// The models that answers named as the ones that made them, where that was not the name that was asked for; the
    /// first few. What a name is worth is the caller's to judge: many services add a date to it.
    #[must_use]
    pub fn models_named(&self) -> Vec<String> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &LaneName {
        &self.name
    }

    /// Whether the breaker lets calls pass.
    pub(crate) fn is_closed(&self) -> bool {
        self.with(|state, _| state.breaker.is_closed())
    }

    /// After how long a call in flight is worth a second try; `None` while nothing is to be hedged.
    #[must_use]
    pub fn hedge_after(&self) -> Option<Duration> {
        self.with(|state, now| {
            let calm = state.breaker.is_closed() && state.pause.until(now).is_none();
            let may = calm && state.purse.may_hedge() && state.limiter.fullness(now) >= HEDGE_FILL;
            may.then(|| state.latency.p95(now)).flatten()
        })
    }

    /// How long to wait before try number `attempt` + 1, the first try being number 1. `hint` is what the service
    /// asked for; `throttled` says that it had no room.
    #[must_use]
    pub fn backoff(
        &self,
        attempt: u32,
        hint: Option<Duration>,
        throttled: bool,
        priority: Priority,
    ) -> Duration {
        super::backoff::backoff(&self.dice, attempt, hint, (throttled, priority))
    }

    async fn wait(self: &Arc<Self>, place: Place<'_>, cx: &CallCx) -> Result<Ticket, Denied> {
        let (mut drained, mut doubt) = (false, DOUBT);
        loop {
            let alarm = match self.with(|state, now| state.look(now, place.key)) {
                Look::End(end) => return end.map(|grant| Ticket::new(self.clone(), grant)),
                Look::Wait { at, leads: true, .. } => at,
                Look::Wait { at, deadline, .. } => {
                    let at = at.max(Instant::now() + doubt);
                    doubt = (doubt * 2).min(DOUBT_MOST);
                    deadline.map_or(at, |deadline| deadline.min(at))
                }
            };
            let level = if drained { cx.unsent() } else { Stop::Drain };
            tokio::select! {
                biased;
                () = cx.stopped(level) => {
                    if cx.stop() >= cx.unsent() {
                        return Err(stopped());
                    }
                    drained = true;
                    self.with(|state, now| state.drain(now, place.key));
                }
                () = self.nudged(place.key) => {}
                () = tokio::time::sleep_until(alarm) => {}
            }
        }
    }

    /// Waits until there is something new for `key`.
    async fn nudged(&self, key: Key) {
        poll_fn(|context| {
            let ready = self.lock().listen(key, context.waker());
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Does `work` under the lock and wakes afterwards whoever it let go.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = Instant::now();
        let (done, wakes) = {
            let mut state = self.lock();
            let done = work(&mut state, now);
            (done, state.take_wakes())
        };
        wakes.into_iter().for_each(std::task::Waker::wake);
        done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing under the lock panics on input; if a defect does, a lane that goes on beats one that is lost.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_sent(&self, grant: &Grant) {
        self.counters.sent.add(1);
        match grant.wish.extra {
            Extra::No => {}
            Extra::Retry | Extra::Throttled => self.counters.retried.add(1),
            Extra::Hedge => self.counters.hedged.add(1),
        }
    }

    pub(super) fn count_end(&self, outcome: &Outcome, grant: &Grant) {
        match outcome {
            Outcome::Answered { usage, cost, .. } => {
                let usage = usage.unwrap_or(tidegate_core::Usage {
                    input_tokens: grant.wish.charge.input_tokens,
                    cached_tokens: 0,
                    output_tokens: grant.wish.charge.output_tokens,
                });
                self.counters.input_tokens.add(usage.input_tokens);
                self.counters.output_tokens.add(usage.output_tokens);
                if *cost != 0.0 {
                    self.counters.cost.add(*cost);
                }
            }
            Outcome::Failed { kind: FailureKind::RateLimited, .. } => self.counters.rate_limited.add(1),
            Outcome::Failed { .. } => self.counters.failed.add(1),
        }
    }
}

/// A place in line; dropping it leaves the line.
struct Place<'a> {
    lane: &'a Lane,
    key: Key,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lane.with(|state, now| state.leave_line(now, self.key));
    }
}

fn stopped() -> Denied {
    Denied::Stopped(Fault::new(FaultKind::Cancelled, "the run was told to stop before the call was sent"))
}

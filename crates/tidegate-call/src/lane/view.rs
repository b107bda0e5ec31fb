//! What a lane shows of itself: for status, explain and reports.

use std::time::Duration;

use tidegate_core::Fault;
use tokio::time::Instant;

use super::breaker::BreakerState;
use super::causes::Cause;
use super::rule::LimitView;
use super::settings::LaneName;
use super::state::State;

/// A lane at one moment.
#[derive(Debug, Clone)]
pub struct LaneView {
    /// Its name.
    pub name: LaneName,
    /// Calls in flight.
    pub in_flight: u32,
    /// Calls that may be in flight.
    pub allowed: u32,
    /// Hedges, interactive and bulk calls in line.
    pub waiting: [usize; 3],
    /// Repeats that wait for the budget of extra calls.
    pub parked: usize,
    /// What the line waits for.
    pub cause: Option<Cause>,
    /// Until when, where it is known.
    pub ready_in: Option<Duration>,
    /// The breaker.
    pub breaker: BreakerState,
    /// For how long nobody was answered, while the breaker is not closed.
    pub held: Option<Duration>,
    /// How long the lane as a whole still pauses.
    pub paused: Option<Duration>,
    /// Why nothing will be answered until somebody acts.
    pub blocked: Option<Fault>,
    /// Why the last call failed, while the breaker is not closed.
    pub failing: Option<Fault>,
    /// Every limit with its use.
    pub limits: Vec<LimitView>,
    /// The requests a second that refusals taught, where no limit is known.
    pub guessed_rate: Option<f64>,
    /// What is left of the budget of extra calls, from 0 to 1.
    pub extra_left: f64,
    /// The smoothed round trip of answered calls.
    pub round_trip: Duration,
    /// What 95 of 100 recent answers did not exceed.
    pub p95: Option<Duration>,
}

impl State {
    pub(super) fn view(&mut self, now: Instant, name: &LaneName) -> LaneView {
        let from_now = |at: Instant| at.saturating_duration_since(now);
        let (waiting, parked) = self.line.lengths();
        LaneView {
            name: name.clone(),
            in_flight: self.permits.in_flight(),
            allowed: self.permits.allowed(),
            waiting,
            parked,
            cause: self.clocks.running(),
            ready_in: self.ready_at().map(from_now),
            breaker: self.breaker.state(now),
            held: self.breaker.since().map(|since| now.saturating_duration_since(since)),
            paused: self.pause.until(now).map(from_now),
            blocked: self.blocked.clone(),
            failing: self.last_fault.clone().filter(|_| !self.breaker.is_closed()),
            limits: self.limiter.views(now),
            guessed_rate: self.limiter.guessed_rate(),
            extra_left: self.purse.left(),
            round_trip: self.signals.rtt(),
            p95: self.latency.p95(now),
        }
    }
}

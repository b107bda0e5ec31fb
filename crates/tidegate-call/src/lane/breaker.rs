//! The circuit breaker: a lane that answers nobody is left alone, and one waiting call at a time tries it again.

use std::time::Duration;

use tokio::time::Instant;

use crate::mutant::planted;

/// The sliding window: ten buckets of three seconds.
const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_secs(3);
/// Fewer calls in the window say nothing as a share.
const ENOUGH: u32 = 20;
/// The share of failures that trips.
const FAILED: f64 = 0.5;
/// The share of slow answers that trips.
const SLOW: f64 = 0.8;
/// Failures in a row that trip a lane with few calls.
const ROW: u32 = 5;
/// Failures in a row that trip any lane. A lane that answered thousands a moment ago would otherwise send for half a
/// minute until they have left the window; by chance so many do not happen together even at 40 % of failures.
const LONG_ROW: u32 = 20;
/// The first rest; it doubles up to [`REST_MOST`]. A server that is restarted is back within seconds, and is found back
/// after half as long again as it was away; one that stays away is asked a dozen times in ten minutes.
const REST: Duration = Duration::from_millis(1_500);
const REST_MOST: Duration = Duration::from_secs(120);
/// Rests differ by this share either way, so that lanes that failed together do not return together.
const SPREAD: f64 = 0.2;
/// A hint longer than this is a lie or another day's work.
const HINT_MOST: Duration = Duration::from_secs(86_400);
/// Good probes in a row that close it.
const CURED: u32 = 3;

/// What a call showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Showing {
    /// The service is well.
    Well,
    /// It is well, but slow.
    Slow,
    /// It is not.
    Failed,
    /// Nothing: the call was given up, or never reached it.
    Nothing,
}

/// Where the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// None pass.
    Open,
    /// One at a time.
    HalfOpen,
}

/// Whether a call may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    Yes,
    /// Yes, and its end decides.
    Probe,
    /// Not before this; `None` while a probe is out.
    No(Option<Instant>),
}

/// Which pass a call was given; its end is judged by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    epoch: u32,
    probe: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    index: u64,
    calls: u32,
    failed: u32,
    slow: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { probing: bool, good: u32 },
}

/// The breaker of one lane.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Counts changes of state: what was sent in another epoch proves nothing about this one.
    epoch: u32,
    /// How often it opened in a row.
    trips: u32,
    /// Since when nobody was answered, while it is not closed.
    since: Option<Instant>,
    row: u32,
    tallies: [Tally; BUCKETS],
    origin: Instant,
}

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Closed,
            epoch: 0,
            trips: 0,
            since: None,
            row: 0,
            tallies: [Tally::default(); BUCKETS],
            origin: now,
        }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if until > now => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Since when it is not closed.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether a call may pass now. Takes nothing: [`Self::enter`] does.
    pub(super) fn pass(&self, now: Instant) -> Pass {
        match self.state {
            State::Closed => Pass::Yes,
            State::Open { .. } if planted("the breaker never half-opens") => Pass::No(None),
            State::Open { until } if until > now => Pass::No(Some(until)),
            State::HalfOpen { probing: true, .. } => Pass::No(None),
            State::Open { .. } | State::HalfOpen { .. } => Pass::Probe,
        }
    }

    /// A call passes. Only after [`Self::pass`] allowed it.
    pub(super) fn enter(&mut self) -> Stamp {
        if let State::Open { .. } = self.state {
            self.change(State::HalfOpen { probing: false, good: 0 });
        }
        let probe = match &mut self.state {
            State::HalfOpen { probing, .. } => {
                *probing = true;
                true
            }
            State::Closed | State::Open { .. } => false,
        };
        Stamp { epoch: self.epoch, probe }
    }

    /// A call ended. `wait` is how long the service asks to be left alone; `chance` is from 0 to 1. True if the
    /// breaker changed its state.
    pub(super) fn leave(&mut self, now: Instant, stamp: Stamp, seen: Seen) -> bool {
        if stamp.epoch != self.epoch {
            if let (State::Open { until }, Some(wait)) = (&mut self.state, seen.wait) {
                *until = (*until).max(now + wait.min(HINT_MOST));
            }
            return false;
        }
        match self.state {
            State::Closed => self.leave_closed(now, seen),
            State::HalfOpen { good, .. } if stamp.probe => self.leave_probe(now, good, seen),
            State::HalfOpen { .. } | State::Open { .. } => false,
        }
    }

    fn leave_closed(&mut self, now: Instant, seen: Seen) -> bool {
        if seen.showing == Showing::Nothing {
            return false;
        }
        let failed = seen.showing == Showing::Failed;
        self.row = if failed { self.row + 1 } else { 0 };
        let tally = self.tally(now);
        tally.calls += 1;
        tally.failed += u32::from(failed);
        tally.slow += u32::from(seen.showing == Showing::Slow);
        let trips = self.trips_now(now);
        if trips {
            self.open(now, seen);
        }
        trips
    }

    fn leave_probe(&mut self, now: Instant, good: u32, seen: Seen) -> bool {
        match seen.showing {
            Showing::Nothing if planted("a cancelled probe is not given back") => {}
            Showing::Nothing => self.state = State::HalfOpen { probing: false, good },
            Showing::Failed => self.open(now, seen),
            Showing::Well | Showing::Slow if good + 1 >= CURED => self.heal(),
            Showing::Well | Showing::Slow => self.state = State::HalfOpen { probing: false, good: good + 1 },
        }
        !matches!(self.state, State::HalfOpen { .. })
    }

    /// The service was seen to be well by somebody who did not come through here.
    pub(super) fn heal(&mut self) {
        self.trips = 0;
        self.since = None;
        self.row = 0;
        self.tallies = [Tally::default(); BUCKETS];
        self.change(State::Closed);
    }

    fn open(&mut self, now: Instant, seen: Seen) {
        let rest = REST.saturating_mul(1 << self.trips.min(8)).min(REST_MOST);
        let rest = rest.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * seen.chance);
        let rest = rest.max(seen.wait.unwrap_or_default().min(HINT_MOST));
        self.trips += 1;
        self.since.get_or_insert(now);
        self.change(State::Open { until: now + rest });
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }

    fn tally(&mut self, now: Instant) -> &mut Tally {
        let index = self.index(now);
        let tally = &mut self.tallies[(index % BUCKETS as u64) as usize];
        if tally.index != index {
            *tally = Tally { index, ..Tally::default() };
        }
        tally
    }

    fn trips_now(&self, now: Instant) -> bool {
        if self.row >= LONG_ROW {
            return true;
        }
        let oldest = (self.index(now) + 1).saturating_sub(BUCKETS as u64);
        let mut sum = Tally::default();
        for tally in self.tallies.iter().filter(|tally| tally.index >= oldest) {
            sum.calls += tally.calls;
            sum.failed += tally.failed;
            sum.slow += tally.slow;
        }
        if sum.calls < ENOUGH {
            return self.row >= ROW;
        }
        let calls = f64::from(sum.calls);
        f64::from(sum.failed) >= FAILED * calls || f64::from(sum.slow) >= SLOW * calls
    }

    fn index(&self, now: Instant) -> u64 {
        (now.saturating_duration_since(self.origin).as_millis() / BUCKET.as_millis()) as u64
    }
}

/// What the end of a call tells the breaker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Whether the service is well.
    pub(super) showing: Showing,
    /// How long it asks to be left alone.
    pub(super) wait: Option<Duration>,
    /// From 0 to 1, for the spread of rests.
    pub(super) chance: f64,
}

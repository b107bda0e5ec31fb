//! How many calls may be in flight.
//!
//! Two things bound it. Refusals: the limit is cut when the lane as a whole is refused, and grows by one a round trip
//! afterwards. Latency: while nothing is refused, the level is searched beyond which more calls in flight only make
//! each of them slower. A limit that shrinks below what is in flight is a debt: nobody enters until it is paid.

use std::time::Duration;

use tokio::time::Instant;

use super::cohort::{Cohort, Mark, Measure};
use super::search::{Next, Search, Way};
use super::settings::Concurrency;
use crate::mutant::planted;

/// What a refusal of the lane as a whole leaves of the limit.
const CUT: f64 = 0.7;
/// Cuts that follow each other faster belong to one failure; the limit before it is where recovery leads.
const EPISODE: Duration = Duration::from_secs(10);
/// Round trips of rest between two searches, at first; it doubles while they find nothing new.
const REST: u32 = 24;
const REST_MOST: u32 = 256;
/// What is found is taken with so much more: to be a little above the knee costs little throughput, below it all.
const ROOM: f64 = 1.03;
/// A change of the median latency (as a logarithm) that ends a rest: a third.
const DRIFT: f64 = 0.29;
/// A growth of the level after which climbing looks back whether it paid: a fourth.
const LOOK_BACK: f64 = 0.22;
/// Bounds of the size of a cohort.
const COHORT: (u32, u32) = (32, 160);
/// The smallest cohort of a slow start.
const COHORT_FAST: u32 = 4;

/// How a call ended, as far as room for others goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Answered after so long.
    Answered(Duration),
    /// Any other way.
    Other,
}

#[derive(Debug)]
enum Phase {
    /// The limit is the user's.
    Fixed,
    /// Looking for the level beyond which more bring nothing.
    Search(Search),
    /// Refused lately: one more a round trip.
    Climb { base: Option<Measure>, credit: f64 },
    /// Found; looking again after some cohorts.
    Rest { base: Measure, left: u32, first: bool },
}

/// The permits of one lane.
#[derive(Debug)]
pub(super) struct Permits {
    limit: f64,
    in_flight: u32,
    least: f64,
    most: f64,
    first: f64,
    phase: Phase,
    cohort: Cohort,
    /// When it was last cut, and the limit before that failure.
    cut: Option<Instant>,
    peak: f64,
    /// How long the next rest is, in cohorts, and the level of the last one.
    patience: u32,
    rested_at: f64,
    /// Below this the limit doubles every round trip: it was borne before.
    regrow: f64,
}

impl Permits {
    pub(super) fn new(concurrency: Concurrency) -> Self {
        let (first, least, most, phase) = match concurrency {
            // Two at least: with one in flight, a call that hangs would be the whole lane's.
            Concurrency::Fixed(n) => (n.max(1), n.clamp(1, 2), n.max(1), Phase::Fixed),
            Concurrency::Adaptive { first, least, most } => {
                let least = least.max(1);
                let most = most.max(least);
                let first = first.clamp(least, most);
                let bounds = (f64::from(least), f64::from(most));
                (first, least, most, Phase::Search(Search::slow_start(f64::from(first), bounds)))
            }
        };
        let mut permits = Self {
            limit: f64::from(first),
            in_flight: 0,
            least: f64::from(least),
            most: f64::from(most),
            first: f64::from(first),
            phase,
            cohort: Cohort::default(),
            cut: None,
            peak: f64::from(first),
            patience: REST,
            rested_at: 0.0,
            regrow: 0.0,
        };
        permits.begin_cohort(0);
        permits
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.allowed() + u32::from(planted("one more than may be in flight"))
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn allowed(&self) -> u32 {
        self.limit.round() as u32
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.phase, Phase::Fixed)
    }

    pub(super) fn enter(&mut self) -> Mark {
        self.in_flight += 1;
        // Only calls sent at full concurrency measure it: a lane with little to do neither grows nor shrinks.
        if self.is_fixed() || f64::from(self.in_flight) < 0.9 * f64::from(self.allowed()) {
            return Mark::default();
        }
        self.cohort.enter(self.in_flight)
    }

    pub(super) fn leave(&mut self, mark: Mark, end: End) {
        let busy = f64::from(self.in_flight) >= self.limit / 2.0;
        self.in_flight = self.in_flight.saturating_sub(1);
        let took = match end {
            End::Answered(took) => Some(took),
            End::Other => None,
        };
        if took.is_some() && busy {
            self.grow();
        }
        if let Some(measure) = self.cohort.leave(mark, took) {
            self.measured(measure);
        }
    }

    /// The lane as a whole was refused. At most one cut a round trip; whether this was one.
    pub(super) fn cut(&mut self, now: Instant, rtt: Duration) -> bool {
        if self.cut.is_some_and(|cut| now < cut + rtt) {
            return false;
        }
        let first = self.cut.is_none_or(|cut| now > cut + EPISODE);
        if first {
            self.peak = self.limit;
        }
        self.cut = Some(now);
        self.limit = (self.limit * CUT).clamp(self.least, self.most);
        if self.is_fixed() {
            self.regrow = self.most;
            return true;
        }
        self.regrow = 0.0;
        // Refusals often end a queue: the first time it is seen whether far fewer in flight do as well.
        self.phase = if first {
            let search = Search::around(self.limit, (self.least, self.most), Way::Down);
            Phase::Search(search.striding(0.4).down_only())
        } else {
            Phase::Climb { base: None, credit: 0.0 }
        };
        self.begin_cohort(self.allowed());
        true
    }

    /// The lane answers nobody: what comes back starts small, and is soon where it was.
    pub(super) fn trip(&mut self, now: Instant) {
        if self.cut.is_none_or(|cut| now > cut + EPISODE) {
            self.peak = self.limit;
        }
        self.cut = Some(now);
        self.limit = self.limit.min(self.first.min(4.0)).max(self.least);
        if !self.is_fixed() {
            self.phase = Phase::Climb { base: None, credit: 0.0 };
            self.begin_cohort(self.allowed());
        }
    }

    /// The lane answers again.
    pub(super) fn recover(&mut self) {
        self.regrow = if self.is_fixed() { self.most } else { self.peak.min(self.most) };
    }

    fn grow(&mut self) {
        if self.limit < self.regrow {
            self.limit = (self.limit + 1.0).min(self.regrow);
            return;
        }
        if let Phase::Climb { credit, .. } = &mut self.phase {
            *credit += 1.0;
            if *credit >= self.limit {
                *credit = 0.0;
                self.limit = (self.limit + 1.0).min(self.most);
            }
        }
    }

    fn measured(&mut self, measure: Measure) {
        match &mut self.phase {
            Phase::Fixed => {}
            Phase::Search(search) => match search.measured(measure) {
                Next::At(level) => self.go(level),
                Next::Found(level) if search.is_down_only() && level >= self.limit => {
                    self.phase = Phase::Climb { base: None, credit: 0.0 };
                    self.begin_cohort(0);
                }
                Next::Found(level) => {
                    self.rest(level, measure);
                }
            },
            Phase::Climb { .. } => self.climbed(measure),
            Phase::Rest { .. } => self.rested(measure),
        }
    }

    /// Climbing: whether the last fourth of the way paid.
    fn climbed(&mut self, measure: Measure) {
        let Phase::Climb { base, .. } = &mut self.phase else { return };
        let before = *base.get_or_insert(measure);
        let grown = (measure.level / before.level).ln();
        if grown < LOOK_BACK {
            self.begin_cohort(0);
            return;
        }
        *base = Some(measure);
        let dear = measure.log - before.log - (measure.variance + before.variance).sqrt() > 0.6 * grown;
        if dear || self.limit >= self.most {
            let way = if dear { Way::Down } else { Way::Up };
            self.phase = Phase::Search(Search::around(self.limit, (self.least, self.most), way));
        }
        self.begin_cohort(0);
    }

    fn rested(&mut self, measure: Measure) {
        let bounds = (self.least, self.most);
        let Phase::Rest { base, left, first } = &mut self.phase else { return };
        let drift = measure.log - base.log;
        let drifted = drift.abs() > DRIFT + 3.0 * (measure.variance + base.variance).sqrt();
        *left = left.saturating_sub(1);
        // The first cohort of a rest is its base: the one before was measured at another level.
        if std::mem::take(first) {
            *base = measure;
        } else if drifted {
            let way = if drift > 0.0 { Way::Down } else { Way::Up };
            self.phase = Phase::Search(Search::around(self.limit, bounds, way).striding(0.4));
        } else if *left == 0 {
            self.phase = Phase::Search(Search::around(self.limit, bounds, Way::Up));
        }
        self.begin_cohort(0);
    }

    /// Rests at `level`, the longer the more often it was found.
    fn rest(&mut self, level: f64, measure: Measure) {
        let known = (level / self.rested_at.max(0.1)).ln().abs() < LOOK_BACK / 2.0;
        self.patience = if known { (self.patience * 2).min(REST_MOST) } else { REST };
        self.rested_at = level;
        self.go((level * ROOM).min(self.most));
        let cohorts = (self.patience * self.allowed()).div_ceil(self.cohort_size());
        self.phase = Phase::Rest { base: measure, left: cohorts, first: true };
    }

    fn go(&mut self, level: f64) {
        let level = level.clamp(self.least, self.most);
        let moved = level.round() != self.limit.round();
        self.limit = level;
        self.begin_cohort(if moved && !self.is_fast() { self.allowed() / 2 } else { 0 });
    }

    fn is_fast(&self) -> bool {
        matches!(&self.phase, Phase::Search(search) if search.is_fast())
    }

    fn begin_cohort(&mut self, skip: u32) {
        self.cohort.begin(self.cohort_size(), skip);
    }

    fn cohort_size(&self) -> u32 {
        let fast = self.is_fast();
        let quiet = matches!(&self.phase, Phase::Search(search) if search.is_quiet());
        let allowed = self.allowed();
        let size = if fast || quiet { allowed } else { 2 * allowed };
        let least = if fast { COHORT_FAST } else { COHORT.0 };
        size.clamp(least, COHORT.1)
    }
}

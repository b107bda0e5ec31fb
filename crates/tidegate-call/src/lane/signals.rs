//! Tells one call's bad luck from a service that refuses a lane as a whole.
//!
//! Single refusals scattered among good answers say nothing of how much the service bears: cutting for each of them
//! would leave a lane with a few per cent of random faults at a handful of calls in flight. Several within one round
//! trip, and a good part of all that ended in it, do.

use std::time::Duration;

use tokio::time::Instant;

/// Refusals within one round trip that count as one signal.
const TOGETHER: u32 = 3;
/// The share of all ends in that time that they must be.
const SHARE: f64 = 0.25;
/// Answers in a row that say "too many", each a second or more after the one before, after which the lane as a whole
/// rests; twice as long after each further one, up to a minute. A service that allows a request in six seconds, and
/// counts those that it refuses, would otherwise be asked just too often for ever, and never answer.
const ROW: u32 = 16;
const PAUSE: Duration = Duration::from_secs(1);
/// How fast the smoothed round trip follows.
const FOLLOW: f64 = 0.1;
/// The round trip before the first answer.
const FIRST: Duration = Duration::from_secs(1);
/// Half of the shortest round trip in which refusals are counted: a service next door answers in less time than lies
/// between two ends of calls that were refused together.
const LEAST: Duration = Duration::from_millis(1);

/// How a call ended, as far as refusals go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Answered, or refused for what was asked.
    Good,
    /// No room: overloaded, timed out, connection refused.
    Refused,
    /// 429.
    Limited,
}

#[derive(Debug, Clone, Copy, Default)]
struct Half {
    ended: u32,
    refused: u32,
    limited: u32,
    /// The longest hint among the refusals.
    wait: Duration,
}

/// What the last round trip showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Showing {
    /// The lane as a whole was refused.
    pub(super) refused: bool,
    /// It was told "too many" as a whole.
    pub(super) limited: bool,
    /// Nearly everything was refused.
    pub(super) whole: bool,
    /// The longest hint of all.
    pub(super) wait: Duration,
}

/// The refusals of the last round trip.
#[derive(Debug)]
pub(super) struct Signals {
    rtt: Option<f64>,
    halves: [Half; 2],
    since: Instant,
    /// Ends in a row that said "too many", a second apart at least, and when the last of them was counted: what was
    /// sent together is refused together, and counts as one.
    row: u32,
    counted: Option<Instant>,
}

impl Signals {
    pub(super) fn new(now: Instant) -> Self {
        Self { rtt: None, halves: [Half::default(); 2], since: now, row: 0, counted: None }
    }

    /// The smoothed round trip.
    pub(super) fn rtt(&self) -> Duration {
        self.rtt.map_or(FIRST, Duration::from_secs_f64)
    }

    /// An answer took so long. A single long one moves the smoothed round trip little.
    pub(super) fn answered(&mut self, took: Duration) {
        let took = took.as_secs_f64();
        let rtt = self.rtt.get_or_insert(took);
        *rtt += FOLLOW * (took.min(*rtt * 4.0 + 1e-3) - *rtt);
    }

    /// A call ended while `others` were in flight. They count as if they were good: refusals are quicker than answers,
    /// and the few that come back first from a full lane say nothing of the rest.
    pub(super) fn note(
        &mut self,
        now: Instant,
        sign: Sign,
        (wait, others): (Option<Duration>, u32),
    ) -> Showing {
        self.turn(now);
        self.count(now, sign);
        let half = &mut self.halves[0];
        half.ended += 1;
        if sign == Sign::Good {
            return Showing::default();
        }
        half.refused += 1;
        half.limited += u32::from(sign == Sign::Limited);
        half.wait = half.wait.max(wait.unwrap_or_default());
        let shown = self.judge(others);
        let Some(more) = self.row.checked_sub(ROW) else { return shown };
        let rest = PAUSE.saturating_mul(1 << more.min(6));
        Showing { limited: true, wait: shown.wait.max(rest), ..shown }
    }

    fn count(&mut self, now: Instant, sign: Sign) {
        if sign != Sign::Limited {
            self.row = 0;
        } else if self.counted.is_none_or(|counted| now >= counted + PAUSE) {
            self.row += 1;
            self.counted = Some(now);
        }
    }

    /// Forgets what was acted upon. A lane that gave way to refusals of all kinds has not rested yet: those that said
    /// "too many" still count towards that.
    pub(super) fn acted(&mut self, shown: Showing) {
        let rest = |half: Half| Half { ended: half.limited, refused: 0, ..half };
        if shown.limited {
            self.halves = [Half::default(); 2];
        } else if shown.refused {
            self.halves = self.halves.map(rest);
        }
    }

    fn judge(&self, others: u32) -> Showing {
        let [a, b] = &self.halves;
        let ended = f64::from(a.ended + b.ended + others);
        let (refused, limited) = (a.refused + b.refused, a.limited + b.limited);
        let many = |n: u32, share: f64| n >= TOGETHER && f64::from(n) >= share * ended;
        Showing {
            refused: many(refused, SHARE),
            limited: many(limited, SHARE),
            whole: many(refused, 2.0 * SHARE),
            wait: a.wait.max(b.wait),
        }
    }

    fn turn(&mut self, now: Instant) {
        let half = (self.rtt() / 2).max(LEAST);
        let past = now.saturating_duration_since(self.since);
        if past >= half {
            self.halves = [Half::default(), if past < 2 * half { self.halves[0] } else { Half::default() }];
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_is_refused_again_and_again_rests_longer_each_time() {
        let start = Instant::now();
        let mut signals = Signals::new(start);
        let mut refused =
            |at: u64| signals.note(start + Duration::from_secs(at), Sign::Limited, (None, 0)).wait;
        assert!((0..15).all(|n| refused(n * 10).is_zero()));
        let rests: Vec<u64> = (15..24).map(|n| refused(n * 10).as_secs()).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        signals.note(start + Duration::from_secs(300), Sign::Good, (None, 0));
        assert!(signals.note(start + Duration::from_secs(310), Sign::Limited, (None, 0)).wait.is_zero());
    }

    #[test]
    fn what_is_refused_together_counts_once() {
        let start = Instant::now();
        let mut signals = Signals::new(start);
        for ms in 0..200 {
            let shown = signals.note(start + Duration::from_millis(ms), Sign::Limited, (None, 64));
            assert!(shown.wait.is_zero(), "{ms}");
        }
    }

    #[test]
    fn what_is_refused_at_once_counts_however_quick_the_service_is() {
        let now = Instant::now();
        let mut signals = Signals::new(now);
        signals.answered(Duration::ZERO);
        let limited: Vec<bool> =
            (0..3).map(|_| signals.note(now, Sign::Limited, (None, 0)).limited).collect();
        assert_eq!(limited, [false, false, true]);
    }

    #[test]
    fn what_says_too_many_counts_after_the_lane_gave_way_to_other_refusals() {
        let now = Instant::now();
        let mut signals = Signals::new(now);
        let mut shown = |sign| {
            let shown = signals.note(now, sign, (Some(Duration::from_secs(7)), 0));
            signals.acted(shown);
            (shown.refused, shown.limited)
        };
        assert_eq!([shown(Sign::Refused), shown(Sign::Limited)], [(false, false); 2]);
        assert_eq!(shown(Sign::Limited), (true, false));
        assert_eq!(shown(Sign::Limited), (false, true));
        assert_eq!([shown(Sign::Limited), shown(Sign::Limited)], [(false, false); 2], "it was acted upon");
    }
}

//! The budget of extra calls: how many retries and hedges a lane may add to what it is asked for.
//!
//! Retries without a budget turn a service's trouble into three times its load. Every success earns a little, every
//! repeat spends, and a repeat that is answered gets back what it spent: it did the service no harm. So a service that
//! fails one call in five is carried at full speed, one that fails half of them gets one repeat for nine first tries,
//! and one that fails every call gets a few repeats a minute. Without giving back, the repeats that are left when a run
//! has no first tries any more would wait for the trickle, minutes for some seconds' work. For the same reason the budget
//! is full again when somebody has seen that the service answers: then it is what was asked for that fails, and every
//! record has few tries of its own.

use tokio::time::Instant;

use super::admission::Extra;

/// The most that is saved.
const MOST: f64 = 500.0;
/// A repeat after a failure.
const RETRY: f64 = 10.0;
/// A repeat after a refusal for want of room: the service is well, so it weighs less.
const THROTTLED: f64 = 5.0;
/// Earned by every success.
const EARNED: f64 = 1.0;
/// The share of calls that may be hedged.
const HEDGED: f64 = 0.05;
/// Hedges that may be saved up, and those a new lane has.
const HEDGES: f64 = 20.0;
/// Below this share of the budget nothing is hedged: repeats of failed calls go first.
const LOW: f64 = 0.2;

/// The budget.
#[derive(Debug)]
pub(super) struct Purse {
    level: f64,
    hedges: f64,
    /// Earned a second by doing nothing, so that a lane without any success still tries now and then.
    trickle: f64,
    at: Instant,
}

impl Purse {
    /// A full budget, which earns `repeats` a minute by doing nothing.
    pub(super) fn new(now: Instant, repeats: f64) -> Self {
        Self { level: MOST, hedges: HEDGES, trickle: repeats.max(1e-3) * RETRY / 60.0, at: now }
    }

    /// Whether `extra` can be paid; in how long otherwise, if time alone brings it.
    pub(super) fn ready(&mut self, now: Instant, extra: Extra) -> Result<(), Option<Instant>> {
        self.fill(now);
        let missing = match extra {
            Extra::Hedge if self.hedges < 1.0 || self.is_low() => return Err(None),
            Extra::No | Extra::Hedge => return Ok(()),
            Extra::Retry => RETRY - self.level,
            Extra::Throttled => THROTTLED - self.level,
        };
        if missing <= 1e-9 {
            return Ok(());
        }
        Err(Some(now + std::time::Duration::from_secs_f64(missing / self.trickle + 1e-3)))
    }

    pub(super) fn spend(&mut self, extra: Extra) {
        match extra {
            Extra::No => {}
            Extra::Retry => self.level -= RETRY,
            Extra::Throttled => self.level -= THROTTLED,
            Extra::Hedge => self.hedges -= 1.0,
        }
    }

    /// Gives back what was spent on a call that was never sent, or on a repeat that was answered.
    pub(super) fn refund(&mut self, extra: Extra) {
        match extra {
            Extra::No => {}
            Extra::Retry => self.level = (self.level + RETRY).min(MOST),
            Extra::Throttled => self.level = (self.level + THROTTLED).min(MOST),
            Extra::Hedge => self.hedges = (self.hedges + 1.0).min(HEDGES),
        }
    }

    /// A call was answered.
    pub(super) fn earn(&mut self, extra: Extra) {
        match extra {
            Extra::Retry | Extra::Throttled => self.refund(extra),
            // What a hedge spent was for the second request, and that was sent.
            Extra::No | Extra::Hedge => {}
        }
        self.level = (self.level + EARNED).min(MOST);
        self.hedges = (self.hedges + HEDGED).min(HEDGES);
    }

    /// The service was seen to be well: what failed was not the service, and what it cost is given back.
    pub(super) fn vouch(&mut self) {
        self.level = MOST;
    }

    pub(super) fn may_hedge(&self) -> bool {
        self.hedges >= 1.0 && !self.is_low()
    }

    /// What is left, from 0 to 1.
    pub(super) fn left(&self) -> f64 {
        (self.level / MOST).clamp(0.0, 1.0)
    }

    fn is_low(&self) -> bool {
        self.level < MOST * LOW
    }

    fn fill(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + past * self.trickle).min(MOST);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How long a repeat waits once all is spent.
    fn wait(purse: &mut Purse, now: Instant) -> Duration {
        while purse.ready(now, Extra::Retry).is_ok() {
            purse.spend(Extra::Retry);
        }
        let at = purse.ready(now, Extra::Retry).unwrap_err().expect("time brings it");
        at.saturating_duration_since(now)
    }

    #[test]
    fn a_lane_without_answers_repeats_as_often_as_it_was_told() {
        let now = Instant::now();
        let seconds = |repeats: f64| wait(&mut Purse::new(now, repeats), now).as_secs_f64().round();
        assert_eq!((seconds(6.0), seconds(60.0)), (10.0, 1.0));
    }

    #[test]
    fn what_failed_beside_a_service_that_answers_costs_nothing() {
        let now = Instant::now();
        let mut purse = Purse::new(now, 6.0);
        assert!(wait(&mut purse, now) > Duration::from_secs(9));
        purse.vouch();
        assert_eq!((purse.ready(now, Extra::Retry), purse.left()), (Ok(()), 1.0));
    }
}

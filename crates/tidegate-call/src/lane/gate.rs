//! Whether a call may go now, and what holds it if not.

use std::time::Duration;

use tidegate_core::{Fault, FaultKind};
use tokio::time::Instant;

use super::admission::{Denied, Priority};
use super::breaker::Pass;
use super::causes::Cause;
use super::spend::Leave;
use super::state::{State, Wish};

/// What an interactive call is told while a probe is out and nobody knows for how long.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What the lane says to a call.
pub(super) enum Gate {
    /// It may go.
    Open,
    /// Held by this, until then where it is known.
    Wait(Cause, Option<Instant>),
    /// It need not wait.
    Shut(Denied),
}

impl State {
    /// Breaker, pause, limits, concurrency, money, in this order: the first that holds a call is the one that is
    /// named, and nothing is taken before all agree.
    pub(super) fn gate(&mut self, now: Instant, wish: &Wish) -> Gate {
        let waits = match self.breaker.pass(now) {
            Pass::No(at) => Some((Cause::Breaker, at)),
            Pass::Yes | Pass::Probe => None,
        };
        let waits = waits.or_else(|| self.pause.until(now).map(|at| (Cause::Pause, Some(at))));
        let waits = waits.or_else(|| {
            let (unit, at) = self.limiter.ready(now, &wish.needs)?;
            Some((Cause::of(unit), Some(at)))
        });
        let waits = waits.or_else(|| (!self.permits.has_room()).then_some((Cause::Concurrency, None)));
        if let Some((cause, at)) = waits {
            return self.held(now, wish, (cause, at));
        }
        match self.spend.as_ref().map_or(Leave::Yes, |spend| spend.leave(wish.money, wish.free)) {
            Leave::Yes => Gate::Open,
            Leave::Later if self.permits.in_flight() > 0 => Gate::Wait(Cause::Budget, None),
            Leave::Later => Gate::Shut(Denied::Budget(Fault::new(
                FaultKind::Budget,
                "calls of other lanes have reserved what is left of the budget",
            ))),
            Leave::Never(fault) => Gate::Shut(Denied::Budget(fault)),
        }
    }

    /// Whether a call that cannot go now waits at all.
    fn held(&self, now: Instant, wish: &Wish, (cause, at): (Cause, Option<Instant>)) -> Gate {
        if cause == Cause::Breaker && wish.priority == Priority::Interactive {
            let wait = at.map_or(TRY_AGAIN, |at| at.saturating_duration_since(now));
            return Gate::Shut(Denied::Open(wait));
        }
        if let (Some(deadline), Some(at)) = (wish.deadline, at)
            && deadline <= at
        {
            return Gate::Shut(Denied::Deadline);
        }
        let hold_ends = match cause {
            Cause::Breaker => self.breaker.since().map(|since| since + self.max_hold),
            _ => None,
        };
        let over = hold_ends.is_some_and(|end| end <= now)
            || at.is_some_and(|at| at.saturating_duration_since(now) > self.max_hold);
        if over {
            return Gate::Shut(Denied::HeldTooLong(self.hold_fault(cause)));
        }
        Gate::Wait(
            cause,
            match (at, hold_ends) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        )
    }

    fn hold_fault(&self, cause: Cause) -> Fault {
        let kind = match cause {
            Cause::Breaker => FaultKind::Unavailable,
            _ => FaultKind::RateLimited,
        };
        let message = format!("held for longer than work waits ({} s)", self.max_hold.as_secs());
        let fault = match &self.last_fault {
            Some(last) => Fault::new(last.kind(), message).cause(last.clone()),
            None => Fault::new(kind, message),
        };
        fault.hint("nothing is lost: run again once the service answers, or wait longer with --max-hold")
    }
}

//! What a lane learns from the end of a call.

use std::time::Duration;

use tidegate_core::{Usage, WireFaultKind};
use tokio::time::Instant;

use super::admission::{Denied, FailureKind, Outcome};
use super::breaker::{Seen, Showing};
use super::concurrency::End;
use super::limiter::Used;
use super::signals::{self, Sign};
use super::spend::Reserved;
use super::state::{Grant, State};
use crate::mutant::planted;

/// How long the lane rests when it was refused as a whole and nobody said for how long.
const PAUSE: Duration = Duration::from_secs(1);
/// How often that doubles while nobody is answered: to 32 s.
const PAUSE_DOUBLES: u32 = 5;

/// The end of a call.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// When it was sent; `None` if it never was.
    pub(super) sent: Option<Instant>,
    /// From 0 to 1, for the spread of rests.
    pub(super) chance: f64,
    /// An answer that took longer was slow.
    pub(super) slow: Option<Duration>,
}

impl State {
    /// A call ended.
    pub(super) fn settle(&mut self, now: Instant, grant: &Grant, ended: &Ended) {
        match &ended.outcome {
            Outcome::Answered { usage, cost, .. } => self.answered(now, grant, ended, (*usage, *cost)),
            Outcome::Failed { kind, wait, fault, .. } => {
                self.last_fault = fault.clone().or_else(|| self.last_fault.take());
                self.failed(now, grant, ended, (*kind, *wait));
                if let (FailureKind::Blocked, Some(fault)) = (kind, fault)
                    && !planted("a blocked lane goes on")
                {
                    self.blocked = Some(fault.clone());
                    self.deny_all(&Denied::Blocked(fault.clone()));
                }
            }
        }
        let (Outcome::Answered { quotas, .. } | Outcome::Failed { quotas, .. }) = &ended.outcome;
        let began = ended.sent.unwrap_or(grant.at);
        if let Some(rest) = self.limiter.reconcile(now, began, quotas) {
            self.pause.extend(now, rest);
            self.permits.cut(now, self.signals.rtt());
        }
        self.pump(now);
    }

    /// A call was given up: before it was sent as if it never was, afterwards with its request kept counted.
    pub(super) fn cancel(&mut self, now: Instant, grant: &Grant, sent: bool) {
        if sent {
            self.limiter.settle(now, grant.at, &grant.wish.needs, Used::NoTokens);
            self.nothing_seen(now, grant);
            self.let_go(grant, End::Other, Reserved::default());
        } else {
            self.give_back(now, grant);
        }
        self.pump(now);
    }

    /// Undoes an admission of which nothing came.
    pub(super) fn give_back(&mut self, now: Instant, grant: &Grant) {
        self.limiter.settle(now, grant.at, &grant.wish.needs, Used::Nothing);
        self.purse.refund(grant.wish.extra);
        self.nothing_seen(now, grant);
        self.let_go(grant, End::Other, Reserved::default());
    }

    fn let_go(&mut self, grant: &Grant, end: End, spent: Reserved) {
        self.permits.leave(grant.mark, end);
        if let Some(spend) = &self.spend {
            spend.settle(grant.wish.money, spent);
        }
    }

    /// A call was told "too many".
    fn limited(&mut self, now: Instant, shown: signals::Showing, hint: (Option<Duration>, f64)) {
        let (hint, chance) = (hint.0.unwrap_or_default(), hint.1);
        let rest = shown.limited.then(|| {
            let guess = PAUSE.saturating_mul(1 << self.rests.min(PAUSE_DOUBLES)).mul_f64(chance);
            let wait = if shown.wait.is_zero() { guess } else { shown.wait };
            wait.max(self.signals.rtt())
        });
        if let Some(rest) = rest {
            // In-flight calls refused together are one refusal, however many of them come back.
            self.rests += u32::from(self.pause.until(now).is_none());
            self.pause.extend(now, rest);
        }
        if self.limiter.limited(now, rest, hint) {
            self.pause.extend(now, hint);
        }
    }

    /// Tells the breaker, and follows it: what it opens starts small again.
    fn judge(&mut self, now: Instant, grant: &Grant, seen: Seen) {
        if self.breaker.leave(now, grant.stamp, seen) {
            if self.breaker.is_closed() {
                self.permits.recover();
            } else {
                self.permits.trip(now);
            }
        }
    }

    fn nothing_seen(&mut self, now: Instant, grant: &Grant) {
        let seen = Seen { showing: Showing::Nothing, wait: None, chance: 0.5 };
        self.breaker.leave(now, grant.stamp, seen);
    }

    fn answered(&mut self, now: Instant, grant: &Grant, ended: &Ended, paid: (Option<Usage>, f64)) {
        let (usage, cost) = paid;
        let took = now.saturating_duration_since(ended.sent.unwrap_or(grant.at));
        let used = usage.map_or(Used::AsReserved, Used::Exactly);
        let used = if planted("success is refunded") { Used::Nothing } else { used };
        self.limiter.settle(now, grant.at, &grant.wish.needs, used);
        if let Some(usage) = usage {
            self.limiter.learn(&grant.wish.charge, &usage);
        }
        let tokens = usage.map_or(grant.wish.money.tokens, |usage| usage.input_tokens + usage.output_tokens);
        self.limiter.ended();
        self.purse.earn(grant.wish.extra);
        self.rests = 0;
        self.latency.record(now, took);
        self.counters.latency.record(took);
        self.signals.answered(took);
        self.signals.note(now, Sign::Good, (None, 0));
        let showing = if ended.slow.is_some_and(|slow| took > slow) { Showing::Slow } else { Showing::Well };
        let seen = Seen { showing, wait: None, chance: ended.chance };
        self.judge(now, grant, seen);
        self.let_go(grant, End::Answered(took), Reserved { cost, tokens });
    }

    fn failed(
        &mut self,
        now: Instant,
        grant: &Grant,
        ended: &Ended,
        (kind, wait): (FailureKind, Option<Duration>),
    ) {
        self.limiter.settle(now, grant.at, &grant.wish.needs, used_by(kind));
        let seen = Seen { showing: showing(kind), wait, chance: ended.chance };
        self.judge(now, grant, seen);
        let others = self.permits.in_flight().saturating_sub(1);
        let shown = self.signals.note(now, sign(kind), (wait, others));
        if kind == FailureKind::RateLimited {
            self.limited(now, shown, (wait, ended.chance));
        } else {
            self.limiter.ended();
        }
        // A concurrency that the user set gives way to nothing less than the failure of the whole lane.
        if if self.permits.is_fixed() { shown.whole } else { shown.refused } {
            self.permits.cut(now, self.signals.rtt());
        }
        self.signals.acted(shown);
        self.let_go(grant, End::Other, Reserved::default());
    }
}

/// What a failed call counts: nothing that never arrived; no tokens where the service refused; the estimate where
/// nobody knows.
fn used_by(kind: FailureKind) -> Used {
    match kind {
        FailureKind::RateLimited => Used::NoTokens,
        FailureKind::Wire(kind) if !kind.may_have_been_served() => Used::Nothing,
        _ => Used::AsReserved,
    }
}

fn showing(kind: FailureKind) -> Showing {
    match kind {
        // A service that refuses is well, whatever it refuses.
        FailureKind::RateLimited | FailureKind::Refused | FailureKind::Blocked => Showing::Well,
        FailureKind::Overloaded
        | FailureKind::Unavailable
        | FailureKind::Wire(_)
        | FailureKind::BadResponse => Showing::Failed,
    }
}

fn sign(kind: FailureKind) -> Sign {
    match kind {
        FailureKind::RateLimited => Sign::Limited,
        FailureKind::Overloaded | FailureKind::Wire(WireFaultKind::ConnectRefused) => Sign::Refused,
        FailureKind::Wire(kind) if kind.is_timeout() => Sign::Refused,
        FailureKind::Unavailable
        | FailureKind::Wire(_)
        | FailureKind::BadResponse
        | FailureKind::Refused
        | FailureKind::Blocked => Sign::Good,
    }
}

//! One limit of a lane, with what its service says of it.

use std::time::Duration;

use tidegate_core::{Charge, Quota, QuotaUnit, Usage};
use tokio::time::Instant;

use super::bucket::{Bucket, pace};
use super::limiter::{Needs, Used};
use super::settings::Limit;

/// The longest rest for a drained limit: the next answer says more.
const REST_MOST: Duration = Duration::from_secs(5);
/// The rest where a drained limit does not say when it fills.
const REST: Duration = Duration::from_secs(1);

/// A limit, its bucket, and the calls in flight that reserved some of it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) limit: Limit,
    pub(super) bucket: Bucket,
    /// Whether the service taught it.
    pub(super) learned: bool,
    /// What the settings allow; a service that says less is believed, one that says more is not.
    configured: u64,
    born: Instant,
    reserved: u64,
    /// When the newest request began whose answer was believed.
    newest: Option<Instant>,
    /// Since when the service says that nothing is left.
    drained: Option<Instant>,
}

impl Rule {
    pub(super) fn new(limit: Limit, share: f64, now: Instant) -> Self {
        Self {
            limit,
            bucket: Bucket::new(&limit, share, now),
            learned: false,
            configured: limit.amount,
            born: now,
            reserved: 0,
            newest: None,
            drained: None,
        }
    }

    pub(super) fn need(&self, needs: &Needs) -> u64 {
        needs[index(self.limit.unit)].min(self.limit.amount)
    }

    pub(super) fn ready(&mut self, now: Instant, needs: &Needs) -> Option<Instant> {
        self.bucket.ready(now, self.need(needs))
    }

    pub(super) fn take(&mut self, now: Instant, needs: &Needs) {
        let need = self.need(needs);
        self.reserved += need;
        self.bucket.take(now, need);
    }

    pub(super) fn settle(&mut self, now: Instant, at: Instant, needs: &Needs, used: Used) {
        if at < self.born {
            return; // let in before this limit was known
        }
        let unit = self.limit.unit;
        let reserved = self.need(needs);
        self.reserved = self.reserved.saturating_sub(reserved);
        let actual = match used {
            Used::AsReserved => reserved,
            Used::Nothing => 0,
            Used::NoTokens if is_tokens(unit) => 0,
            Used::Exactly(usage) if is_tokens(unit) => tokens(unit, &usage),
            Used::NoTokens | Used::Exactly(_) => reserved,
        };
        self.bucket.correct(now, at, difference(actual, reserved));
    }

    /// Whether `quota` speaks of this limit.
    pub(super) fn is_about(&self, quota: &Quota) -> bool {
        self.limit.unit == quota.unit && self.limit.per == quota.window
    }

    /// Believes `quota` where it is newer and tighter; how long the lane is to rest, if nothing is left.
    pub(super) fn reconcile(
        &mut self,
        now: Instant,
        began: Instant,
        quota: &Quota,
        share: f64,
    ) -> Option<Duration> {
        if self.newest.is_some_and(|newest| began < newest) {
            return None;
        }
        self.newest = Some(began);
        if let Some(said) = quota.limit.filter(|limit| *limit > 0) {
            self.set_amount(now, if self.learned { said } else { said.min(self.configured) }, share);
        }
        let remaining = quota.remaining?;
        if remaining > 0 {
            self.drained = None;
        } else if now.saturating_duration_since(*self.drained.get_or_insert(now)) >= self.limit.per {
            // It has been saying so for a whole window, and yet it answers: it is not so.
            return None;
        }
        self.bucket.tighten(now, remaining as f64 - self.reserved as f64);
        (remaining == 0).then(|| quota.reset.unwrap_or(REST).min(REST_MOST).min(self.limit.per))
    }

    /// Paces at `share` of the limit from now on.
    pub(super) fn slow_down(&mut self, now: Instant, share: f64) {
        self.bucket.set_rate(now, pace(&self.limit, share));
    }

    pub(super) fn view(&mut self, now: Instant) -> LimitView {
        LimitView {
            limit: self.limit,
            used: self.bucket.used(now),
            rate: self.bucket.rate(),
            learned: self.learned,
        }
    }

    fn set_amount(&mut self, now: Instant, amount: u64, share: f64) {
        if amount != self.limit.amount {
            self.limit.amount = amount;
            self.bucket.set_amount(amount);
            self.bucket.set_rate(now, pace(&self.limit, share));
        }
    }
}

/// A limit and its use.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitView {
    /// The limit.
    pub limit: Limit,
    /// Units counted in the current window.
    pub used: u64,
    /// Units a second let through at most now; endless for limits over long windows.
    pub rate: f64,
    /// Whether the service taught it, rather than the settings.
    pub learned: bool,
}

/// The place of a unit in [`Needs`].
pub(super) fn index(unit: QuotaUnit) -> usize {
    unit as usize
}

pub(super) fn is_tokens(unit: QuotaUnit) -> bool {
    matches!(unit, QuotaUnit::Tokens | QuotaUnit::InputTokens | QuotaUnit::OutputTokens)
}

pub(super) fn tokens(unit: QuotaUnit, usage: &Usage) -> u64 {
    let charge = Charge { inputs: 0, input_tokens: usage.input_tokens, output_tokens: usage.output_tokens };
    unit.of(&charge)
}

fn difference(actual: u64, reserved: u64) -> i64 {
    i64::try_from(i128::from(actual) - i128::from(reserved)).unwrap_or(i64::MAX)
}

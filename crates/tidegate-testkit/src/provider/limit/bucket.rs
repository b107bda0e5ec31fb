//! A token bucket in whole numbers: no drift, however long it runs.

use std::time::Duration;

use super::Left;

/// Fills by `amount` a window and holds what comes in during the burst, though always one.
#[derive(Debug)]
pub(super) struct Bucket {
    amount: u64,
    /// What one unit costs: the window in nanoseconds, because every nanosecond brings `amount` drops.
    unit: u128,
    /// Drops that fit.
    capacity: u128,
    /// Drops that are in it as of `at`.
    level: u128,
    at: Duration,
}

impl Bucket {
    pub(super) fn new(amount: u64, window: Duration, burst: Duration) -> Self {
        let unit = window.as_nanos();
        let capacity = (u128::from(amount) * burst.as_nanos()).max(unit);
        Self { amount, unit, capacity, level: capacity, at: Duration::ZERO }
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.level = (self.level + passed.as_nanos() * u128::from(self.amount)).min(self.capacity);
        self.at = self.at.max(now);
    }

    /// The time in which `drops` come in, rounded up.
    fn time_for(&self, drops: u128) -> Duration {
        let nanos = drops.div_ceil(u128::from(self.amount));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn wait(&mut self, now: Duration, cost: u64) -> Option<Duration> {
        self.fill(now);
        let need = u128::from(cost) * self.unit;
        (need <= self.capacity).then(|| self.time_for(need.saturating_sub(self.level)))
    }

    pub(super) fn take(&mut self, now: Duration, cost: u64) {
        self.fill(now);
        self.level = self.level.saturating_sub(u128::from(cost) * self.unit);
    }

    pub(super) fn left(&mut self, now: Duration) -> Left {
        self.fill(now);
        Left {
            limit: self.amount,
            remaining: (self.level / self.unit) as u64,
            reset: self.time_for(self.capacity - self.level),
        }
    }
}

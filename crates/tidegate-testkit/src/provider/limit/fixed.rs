//! A count that starts again at every multiple of the window.

use std::time::Duration;

use super::Left;

/// Up to `amount` in each window; twice as much may pass around the moment between two.
#[derive(Debug)]
pub(super) struct Fixed {
    amount: u64,
    window: Duration,
    /// The window that `used` counts.
    current: u128,
    used: u64,
}

impl Fixed {
    pub(super) fn new(amount: u64, window: Duration) -> Self {
        Self { amount, window, current: 0, used: 0 }
    }

    /// Moves to the window of `now` and says how long it still lasts.
    fn turn(&mut self, now: Duration) -> Duration {
        let window = self.window.as_nanos();
        if now.as_nanos() / window != self.current {
            self.current = now.as_nanos() / window;
            self.used = 0;
        }
        Duration::from_nanos(u64::try_from(window - now.as_nanos() % window).unwrap_or(u64::MAX))
    }

    pub(super) fn wait(&mut self, now: Duration, cost: u64) -> Option<Duration> {
        let rest = self.turn(now);
        if cost > self.amount {
            return None;
        }
        Some(if self.used + cost <= self.amount { Duration::ZERO } else { rest })
    }

    pub(super) fn take(&mut self, now: Duration, cost: u64) {
        self.turn(now);
        self.used += cost;
    }

    pub(super) fn left(&mut self, now: Duration) -> Left {
        let reset = self.turn(now);
        Left { limit: self.amount, remaining: self.amount.saturating_sub(self.used), reset }
    }
}

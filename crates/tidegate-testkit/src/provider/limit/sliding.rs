//! A strict sliding window: everything that was admitted is remembered until the window has passed it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Left;

/// No half-open interval `[t, t + window)` ever holds more than `amount`.
#[derive(Debug)]
pub(super) struct Sliding {
    amount: u64,
    window: Duration,
    /// What was admitted and when, oldest first.
    admitted: VecDeque<(Duration, u64)>,
    /// The sum of `admitted`.
    used: u64,
}

impl Sliding {
    pub(super) fn new(amount: u64, window: Duration) -> Self {
        Self { amount, window, admitted: VecDeque::new(), used: 0 }
    }

    fn forget(&mut self, now: Duration) {
        while let Some((at, cost)) = self.admitted.front().copied() {
            if at + self.window > now {
                return;
            }
            self.used -= cost;
            self.admitted.pop_front();
        }
    }

    pub(super) fn wait(&mut self, now: Duration, cost: u64) -> Option<Duration> {
        self.forget(now);
        if cost > self.amount {
            return None;
        }
        let mut over = (self.used + cost).saturating_sub(self.amount);
        if over == 0 {
            return Some(Duration::ZERO);
        }
        for (at, freed) in &self.admitted {
            over = over.saturating_sub(*freed);
            if over == 0 {
                return Some(*at + self.window - now);
            }
        }
        None
    }

    pub(super) fn take(&mut self, now: Duration, cost: u64) {
        self.used += cost;
        match self.admitted.back_mut() {
            Some((at, sum)) if *at == now => *sum += cost,
            _ => self.admitted.push_back((now, cost)),
        }
    }

    pub(super) fn left(&mut self, now: Duration) -> Left {
        self.forget(now);
        let reset = self.admitted.back().map_or(Duration::ZERO, |(at, _)| *at + self.window - now);
        Left { limit: self.amount, remaining: self.amount.saturating_sub(self.used), reset }
    }
}

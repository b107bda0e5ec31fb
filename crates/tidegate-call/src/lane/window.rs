//! What was used in the last window of a limit, counted as a strict server counts it.
//!
//! A bucket alone cannot promise a strict window: its burst, and the size of one large request, come on top of the
//! rate. So every use is also written down and kept for one window and a little more, because a request counts
//! when it arrives, not when it is admitted.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Uses within `per / SLOTS` of each other share an entry, which bounds the memory.
const SLOTS: u32 = 800;
/// How much longer than the window a use is remembered, as a share of it. Slot and margin together stay below the
/// half per cent that the pace leaves unused, so a steady stream never meets this second limit.
const MARGIN: f64 = 0.0033;

/// Uses of the last window.
#[derive(Debug)]
pub(super) struct Window {
    amount: u64,
    slot: Duration,
    /// From the end of a slot until it is forgotten.
    keep: Duration,
    origin: Instant,
    slots: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Window {
    pub(super) fn new(amount: u64, per: Duration, now: Instant) -> Self {
        let slot = (per / SLOTS).max(Duration::from_micros(1));
        Self { amount, slot, keep: per + per.mul_f64(MARGIN), origin: now, slots: VecDeque::new(), sum: 0 }
    }

    pub(super) fn set_amount(&mut self, amount: u64) {
        self.amount = amount;
    }

    /// Units used and not yet forgotten.
    pub(super) fn used(&mut self, now: Instant) -> u64 {
        while let Some((slot, units)) = self.slots.front().copied() {
            if self.gone_at(slot) > now {
                break;
            }
            self.sum -= units;
            self.slots.pop_front();
        }
        self.sum
    }

    /// When `need` units fit; `None` for now. A need above the whole amount counts as the amount.
    pub(super) fn ready(&mut self, now: Instant, need: u64) -> Option<Instant> {
        let need = need.min(self.amount);
        let mut used = self.used(now);
        if used + need <= self.amount {
            return None;
        }
        for (slot, units) in &self.slots {
            used -= units;
            if used + need <= self.amount {
                return Some(self.gone_at(*slot));
            }
        }
        None
    }

    pub(super) fn take(&mut self, now: Instant, units: u64) {
        let slot = self.slot_of(now);
        match self.slots.back_mut() {
            Some((last, sum)) if *last >= slot => *sum += units,
            _ => self.slots.push_back((slot, units)),
        }
        self.sum += units;
    }

    /// Corrects what was taken at `at`: a positive `by` was used on top, a negative one was not used after all.
    pub(super) fn correct(&mut self, at: Instant, by: i64) {
        let wanted = self.slot_of(at);
        let place = self.slots.partition_point(|(slot, _)| *slot < wanted);
        let Some((slot, units)) = self.slots.get_mut(place) else {
            return self.take(at, u64::try_from(by).unwrap_or(0));
        };
        if *slot != wanted && by < 0 {
            return; // forgotten already: nothing to give back
        }
        let now = units.saturating_add_signed(by);
        self.sum = self.sum - *units + now;
        *units = now;
    }

    fn slot_of(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.origin).as_nanos() / self.slot.as_nanos()) as u64
    }

    fn gone_at(&self, slot: u64) -> Instant {
        let end = self.slot.as_nanos() * (u128::from(slot) + 1);
        self.origin + Duration::from_nanos(u64::try_from(end).unwrap_or(u64::MAX / 2)) + self.keep
    }
}

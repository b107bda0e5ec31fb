//! What a lane did, as plain atomic counters that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate_core::counters::{Counter, Histogram};

use super::causes::Cause;

/// A sum of money, added to without locks.
#[derive(Debug, Default)]
pub struct Money(AtomicU64);

impl Money {
    /// Adds `amount`, in the currency of the price table.
    pub fn add(&self, amount: f64) {
        let more = |bits: u64| Some((f64::from_bits(bits) + amount).to_bits());
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// The sum now.
    #[must_use]
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// The counters of a lane.
#[derive(Debug, Default)]
pub struct LaneCounters {
    /// Calls sent, repeats and hedges included.
    pub sent: Counter,
    /// Of these, repeats.
    pub retried: Counter,
    /// Answers that said "too many".
    pub rate_limited: Counter,
    /// Calls that failed in any other way.
    pub failed: Counter,
    /// Hedges sent.
    pub hedged: Counter,
    /// Hedges that answered first; counted by whoever sent both.
    pub hedge_won: Counter,
    /// Calls given up before they ended.
    pub cancelled: Counter,
    /// Answers that were in the journal, for which nothing was sent.
    pub from_journal: Counter,
    /// Tokens sent and paid.
    pub input_tokens: Counter,
    /// Tokens answered.
    pub output_tokens: Counter,
    /// What was paid.
    pub cost: Money,
    /// How long calls were in flight, answered ones alone.
    pub latency: Histogram,
    /// Time waited between tries; recorded by whoever repeats.
    pub wait_backoff: Histogram,
    waits: [Histogram; Cause::ALL.len()],
}

impl LaneCounters {
    /// How long calls that were let in had waited for `cause`; those that did not wait for it are not counted.
    #[must_use]
    pub fn wait(&self, cause: Cause) -> &Histogram {
        &self.waits[cause as usize]
    }

    pub(super) fn record_wait(&self, cause: Cause, waited: Duration) {
        self.waits[cause as usize].record(waited);
    }
}

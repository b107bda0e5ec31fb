//! Plain atomic counters: what a stage did and what it waited for. They only count; `tidegate-observe` renders.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const RELAXED: Ordering = Ordering::Relaxed;
/// Sub-buckets per power of two: values are kept to within 12.5 %.
const SUB: usize = 8;
const BUCKETS: usize = 40 * SUB;

/// A histogram of durations from 1 µs to 12 days, to within 12.5 %, updated without locks.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    count: AtomicU64,
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { buckets, count: AtomicU64::new(0), sum_us: AtomicU64::new(0), max_us: AtomicU64::new(0) }
    }
}

fn bucket_of(us: u64) -> usize {
    if us < SUB as u64 {
        return us as usize;
    }
    let power = 63 - us.leading_zeros() as usize; // ≥ 3
    let sub = (us >> (power - 3)) as usize & (SUB - 1);
    ((power - 2) * SUB + sub).min(BUCKETS - 1)
}

fn upper_bound_us(bucket: usize) -> u64 {
    if bucket < SUB {
        return bucket as u64;
    }
    let (power, sub) = (bucket / SUB + 2, bucket % SUB);
    (((SUB + sub + 1) as u64) << (power - 3)) - 1
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)].fetch_add(1, RELAXED);
        self.count.fetch_add(1, RELAXED);
        self.sum_us.fetch_add(us, RELAXED);
        self.max_us.fetch_max(us, RELAXED);
    }

    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(RELAXED)
    }

    /// Their sum.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_us.load(RELAXED))
    }

    /// The duration that a share `q` (0 to 1) of all counted ones did not exceed; zero if none were counted.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        let count = self.count();
        if count == 0 {
            return Duration::ZERO;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n.load(RELAXED);
            if seen >= rank {
                return Duration::from_micros(upper_bound_us(bucket).min(self.max_us.load(RELAXED)));
            }
        }
        Duration::from_micros(self.max_us.load(RELAXED))
    }
}

/// A number that only counts.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, RELAXED);
    }

    /// Takes `n` away, for gauges.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, RELAXED);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(RELAXED)
    }
}

/// What one stage did.
#[derive(Debug, Default)]
pub struct StageCounters {
    /// Records taken in.
    pub taken: Counter,
    /// Records handed on.
    pub emitted: Counter,
    /// Records put aside here.
    pub failed: Counter,
    /// Records left out here on purpose.
    pub dropped: Counter,
    /// Records waiting in its queue now.
    pub queued: Counter,
    /// Bytes waiting in its queue now.
    pub queued_bytes: Counter,
    /// Records being worked on now.
    pub busy: Counter,
    /// Time workers waited for something to do.
    pub wait_input: Histogram,
    /// Time workers waited for room downstream.
    pub wait_output: Histogram,
    /// Time records waited for a limit or a held lane.
    pub wait_limit: Histogram,
    /// Time spent working, per record or per group.
    pub work: Histogram,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_histogram_answers_zero() {
        assert_eq!(Histogram::default().quantile(0.99), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_an_eighth(mut us in proptest::collection::vec(0u64..10_000_000, 1..200), q in 0.0f64..1.0) {
            let histogram = Histogram::default();
            us.iter().for_each(|us| histogram.record(Duration::from_micros(*us)));
            us.sort_unstable();
            let rank = ((q * us.len() as f64).ceil() as usize).max(1);
            let exact = us[rank - 1];
            let got = histogram.quantile(q).as_micros() as u64;
            prop_assert!(got >= exact && got <= exact + exact / 8 + 1, "{} for {}", got, exact);
        }
    }
}

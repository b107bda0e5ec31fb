//! Reproducible chance for jitter: splitmix64 (Steele, Lea, Flood 2014) on an atomic, so that nobody locks for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A seeded source of numbers that any number of tasks may draw from.
#[derive(Debug)]
pub(super) struct Dice(AtomicU64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number from 0 to just under 1.
    pub(super) fn unit(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut x = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A time from zero to just under `most`.
    pub(super) fn below(&self, most: Duration) -> Duration {
        most.mul_f64(self.unit())
    }
}

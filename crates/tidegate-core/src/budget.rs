//! The memory budget: one number of bytes for all records in flight.
//!
//! Only intake waits for it. Records made from records already inside (chunks of a document) are admitted at
//! once and may overdraw it, because making them wait could leave nobody able to finish and give memory back;
//! intake then stays shut until the debt is repaid. The overdraft is bounded by what stages expand at one time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A budget of bytes shared by every record of a run.
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    /// Bytes that may be in flight.
    limit: u64,
    /// Bytes in flight now, debt included.
    used: AtomicU64,
    /// The most that was ever in flight.
    peak: AtomicU64,
    /// Wakes intake when memory was given back.
    freed: Notify,
}

impl Budget {
    /// A budget of `limit` bytes (at least one).
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Inner {
            limit: limit.max(1),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            freed: Notify::new(),
        }))
    }

    /// Waits until `bytes` fit. A request larger than the whole budget waits until nothing else is in flight and
    /// then goes alone.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing.
    pub async fn acquire(&self, bytes: u64) -> Permit {
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            freed.as_mut().enable();
            if let Some(permit) = self.try_acquire(bytes) {
                return permit;
            }
            freed.await;
        }
    }

    /// Takes `bytes` if they fit now, or if nothing else is in flight.
    #[must_use]
    pub fn try_acquire(&self, bytes: u64) -> Option<Permit> {
        let fits = |used: u64| {
            (used == 0 || used.saturating_add(bytes) <= self.0.limit).then(|| used.saturating_add(bytes))
        };
        let before = self.0.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        self.0.peak.fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
        Some(Permit { budget: self.clone(), bytes })
    }

    /// Takes `bytes` at once, into debt if need be: for records derived from records already in flight.
    #[must_use]
    pub fn force(&self, bytes: u64) -> Permit {
        let before = self.0.used.fetch_add(bytes, Ordering::AcqRel);
        self.0.peak.fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
        Permit { budget: self.clone(), bytes }
    }

    /// Bytes in flight now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Acquire)
    }

    /// The most bytes that were ever in flight.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// The configured number of bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    fn release(&self, bytes: u64) {
        self.0.used.fetch_sub(bytes, Ordering::AcqRel);
        self.0.freed.notify_waiters();
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({} of {} bytes)", self.used(), self.limit())
    }
}

/// Bytes taken from a [`Budget`]; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    bytes: u64,
}

impl Permit {
    /// How many bytes this holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The budget this was taken from.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Corrects the size once it is known; growing may overdraw the budget.
    pub fn resize(&mut self, bytes: u64) {
        if bytes > self.bytes {
            self.budget.force(bytes - self.bytes).forget_into(self);
        } else {
            self.budget.release(self.bytes - bytes);
            self.bytes = bytes;
        }
    }

    fn forget_into(mut self, into: &mut Permit) {
        into.bytes += self.bytes;
        self.bytes = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn intake_waits_until_a_debt_is_repaid() {
        let budget = Budget::new(100);
        let first = budget.acquire(60).await;
        let debt = budget.force(80);
        assert!(budget.try_acquire(1).is_none());
        drop(first);
        assert!(budget.try_acquire(21).is_none());
        assert!(budget.try_acquire(20).is_some());
        drop(debt);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_record_larger_than_the_budget_goes_alone() {
        let budget = Budget::new(10);
        let small = budget.acquire(1).await;
        assert!(budget.try_acquire(1_000).is_none());
        drop(small);
        assert!(budget.try_acquire(1_000).is_some());
    }

    #[tokio::test]
    async fn a_waiter_is_woken() {
        let budget = Budget::new(10);
        let held = budget.acquire(10).await;
        let waiting = budget.acquire(5);
        let release = async { drop(held) };
        let (permit, ()) = tokio::join!(waiting, release);
        assert_eq!(permit.bytes(), 5);
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(steps in proptest::collection::vec((any::<bool>(), 0u64..500, 0u64..500), 0..50)) {
            let budget = Budget::new(1_000);
            let mut held = Vec::new();
            for (force, bytes, resized) in steps {
                let permit = if force { Some(budget.force(bytes)) } else { budget.try_acquire(bytes) };
                if let Some(mut permit) = permit {
                    permit.resize(resized);
                    held.push(permit);
                }
            }
            prop_assert_eq!(budget.used(), held.iter().map(Permit::bytes).sum::<u64>());
            drop(held);
            prop_assert_eq!(budget.used(), 0);
        }
    }
}

//! Who waits for whom around the settlement: the committer for word, intake for items to settle, windows for
//! intake to starve.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Settled, Settlement};

/// Intake waits while the committer has more than this to hear: what is unchanged takes no place in flight.
const BACKLOG: usize = 4_096;

impl Settlement {
    /// Says that nothing will settle any more: the committer ends once it has worked off what was said.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ready.notify_waiters();
    }

    /// Whether nothing more will settle.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Tells the committer something.
    pub(crate) fn send(&self, settled: Settled) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).push_back(settled);
        self.ready.notify_waiters();
    }

    /// The next word for the committer, if there is one now.
    pub(crate) fn try_next(&self) -> Option<Settled> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let next = settled.pop_front();
        if settled.len() + 1 == BACKLOG {
            self.calm.notify_waiters();
        }
        next
    }

    /// Waits until the committer has heard most of what it was told.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn heard(&self) {
        loop {
            let mut calm = std::pin::pin!(self.calm.notified());
            calm.as_mut().enable();
            if self.settled.lock().unwrap_or_else(PoisonError::into_inner).len() < BACKLOG {
                return;
            }
            calm.await;
        }
    }

    /// Waits until there is word for the committer.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn changed(&self) {
        let mut ready = std::pin::pin!(self.ready.notified());
        ready.as_mut().enable();
        if self.has_ended() || !self.settled.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        ready.await;
    }

    /// Waits until every item opened so far is durable or given up for this run.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn all_settled(&self) {
        loop {
            let mut calm = std::pin::pin!(self.calm.notified());
            calm.as_mut().enable();
            if self.unsettled() == self.lock().pending {
                return;
            }
            calm.await;
        }
    }

    /// Says, until the guard is dropped, that intake waits for items to settle.
    pub(crate) fn starve(self: &Arc<Self>) -> Starving {
        self.starved.store(true, Ordering::Release);
        self.starving.notify_waiters();
        self.ready.notify_waiters(); // the committer may be gathering what intake waits for
        Starving(self.clone())
    }

    /// Whether nothing can settle before the committer commits what it has: intake waits, and nothing is open.
    pub(crate) fn waits_for_commit(&self) -> bool {
        self.is_starved() && self.lock().open.is_empty()
    }

    /// Whether intake waits for items to settle.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved.load(Ordering::Acquire)
    }

    /// Waits until intake waits for items to settle.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn starved(&self) {
        let mut starving = std::pin::pin!(self.starving.notified());
        starving.as_mut().enable();
        if !self.is_starved() {
            starving.await;
        }
    }

    /// The committer says whether it has something to do.
    pub(crate) fn set_idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::Release);
    }

    /// Whether the committer has nothing to do and has been told nothing new.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
            && self.settled.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// While it lives, intake waits for items to settle.
pub(crate) struct Starving(Arc<Settlement>);

impl Drop for Starving {
    fn drop(&mut self) {
        self.0.starved.store(false, Ordering::Release);
    }
}

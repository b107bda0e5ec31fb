//! Memory for what parsing makes: apart from what waits to be parsed, so that whoever waits cannot hold up whoever works.
//!
//! Of the memory for documents in flight, what waits as bytes takes a quarter at most (each byte counts four times until
//! it is read). The rest is divided here. A permit of a desk is taken before work begins, held by what was made, and given
//! back when that was cut into chunks; who holds one never waits for another, so the first in the queue is always served.
//! Charging what was made once it is there was refused: by then several documents may have taken it.

use tidegate_core::{Budget, Permit};
use tokio::sync::Mutex;

/// What a desk has at least, whatever the setting: below that no document of a usual size could be read.
const LEAST: u64 = 32 << 20;

/// A share of the memory, given out in the order in which it was asked for.
pub(super) struct Desk {
    budget: Budget,
    /// Held by whoever is next: something small must not pass something large for ever.
    turn: Mutex<()>,
}

impl Desk {
    /// The desk of texts: half of `memory`. An eighth is left for what several children hand out at once.
    pub(super) fn of_texts(memory: u64) -> Self {
        Self::new(memory / 2)
    }

    /// The desk of documents that children hand out: an eighth.
    pub(super) fn of_children(memory: u64) -> Self {
        Self::new(memory / 8)
    }

    fn new(bytes: u64) -> Self {
        Self { budget: Budget::new(bytes.max(LEAST)), turn: Mutex::default() }
    }

    /// All it has.
    pub(super) fn whole(&self) -> u64 {
        self.budget.limit()
    }

    /// Waits until `bytes` fit, or all that there is.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing, and gives up the place in the queue.
    pub(super) async fn take(&self, bytes: u64) -> Permit {
        let _turn = self.turn.lock().await;
        self.budget.acquire(bytes.min(self.whole())).await
    }

    /// Takes `bytes` for what is there already.
    pub(super) fn force(&self, bytes: u64) -> Permit {
        self.budget.force(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn something_small_waits_behind_something_large() {
        let desk = Desk::of_texts(1 << 30);
        let first = desk.take(1).await;
        let (large, small) = (desk.take(u64::MAX), desk.take(1));
        tokio::pin!(large, small);
        tokio::select! {
            biased;
            _ = &mut large => panic!("it is not free"),
            _ = &mut small => panic!("it went past"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        let large = large.await;
        assert_eq!(large.bytes(), desk.whole());
        drop(large);
        assert_eq!(small.await.bytes(), 1);
    }
}

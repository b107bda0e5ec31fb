//! Asking a run to stop: first gently, then at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// How far a stop has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Running.
    Go,
    /// No new intake; what is in flight is finished.
    Drain,
    /// The same, and no further call is sent: what waits for its turn stays pending.
    Quiet,
    /// Nothing is finished; what is not committed stays pending.
    Abort,
}

impl Stop {
    fn of(level: u8) -> Self {
        match level {
            0 => Self::Go,
            1 => Self::Drain,
            2 => Self::Quiet,
            _ => Self::Abort,
        }
    }
}

/// The level, and whoever waits for a higher one. Not a watch channel: that wakes in an order drawn at random, and what
/// is simulated must come out the same each time.
#[derive(Debug, Default)]
struct Level {
    now: AtomicU8,
    raised: Notify,
}

/// Asks one run to stop. Clones ask the same run; a stop never becomes weaker.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<Level>);

impl StopHandle {
    /// A handle for a run to come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops intake; what is in flight is finished and committed.
    pub fn drain(&self) {
        self.raise(Stop::Drain);
    }

    /// Stops intake and sends no further call; what was sent is waited for and committed. For whoever was asked to stop:
    /// a call that is sent after that would be paid for against their will.
    pub fn quiet(&self) {
        self.raise(Stop::Quiet);
    }

    /// Stops at once; what is not committed stays pending.
    pub fn abort(&self) {
        self.raise(Stop::Abort);
    }

    /// How far the stop has gone.
    #[must_use]
    pub fn level(&self) -> Stop {
        Stop::of(self.0.now.load(Ordering::Acquire))
    }

    /// The receiving end, for a [`crate::Cx`].
    #[must_use]
    pub fn subscribe(&self) -> StopSignal {
        StopSignal(self.0.clone())
    }

    fn raise(&self, level: Stop) {
        if self.0.now.fetch_max(level as u8, Ordering::AcqRel) < level as u8 {
            self.0.raised.notify_waiters();
        }
    }
}

/// Where word of a stop arrives.
#[derive(Clone, Debug)]
pub struct StopSignal(Arc<Level>);

impl StopSignal {
    /// How far the stop has gone.
    #[must_use]
    pub fn level(&self) -> Stop {
        Stop::of(self.0.now.load(Ordering::Acquire))
    }

    /// Waits until a stop has gone at least as far as `level`: for ever, if nobody asks for one. Waiters are woken in
    /// the order in which they came.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn reached(&self, level: Stop) {
        loop {
            let mut raised = std::pin::pin!(self.0.raised.notified());
            raised.as_mut().enable(); // before the look, so that no word falls between the two
            if self.level() >= level {
                return;
            }
            raised.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_heard_once_it_has_gone_far_enough() {
        let stop = StopHandle::new();
        let (early, signal) = (stop.subscribe(), stop.subscribe());
        let mut waiting = tokio::task::JoinSet::new();
        waiting.spawn(async move { early.reached(Stop::Abort).await });
        tokio::task::yield_now().await;
        stop.drain();
        tokio::task::yield_now().await;
        assert!(waiting.try_join_next().is_none() && signal.level() == Stop::Drain);
        signal.reached(Stop::Drain).await;
        stop.quiet();
        stop.drain();
        assert_eq!(signal.level(), Stop::Quiet, "a stop never becomes weaker");
        stop.abort();
        waiting.join_next().await.expect("one waits").expect("it was woken");
        stop.drain();
        assert_eq!(signal.level(), Stop::Abort, "a stop never becomes weaker");
    }

    #[tokio::test]
    async fn whoever_waited_first_hears_first() {
        for _ in 0..20 {
            let stop = StopHandle::new();
            let order = Arc::new(std::sync::Mutex::new(Vec::new()));
            let mut tasks = tokio::task::JoinSet::new();
            for n in 0..20 {
                let (signal, order) = (stop.subscribe(), order.clone());
                tasks.spawn(async move {
                    signal.reached(Stop::Drain).await;
                    order.lock().expect("nobody panics").push(n);
                });
            }
            tokio::task::yield_now().await;
            stop.drain();
            tasks.join_all().await;
            assert!(order.lock().expect("nobody panics").is_sorted());
        }
    }
}

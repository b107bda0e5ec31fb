//! Asking a run to stop: first gently, then at once.

use std::sync::Arc;

use tidegate_core::Stop;
use tokio::sync::watch;

/// Asks one run to stop. Clones ask the same run; a stop never becomes weaker.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<watch::Sender<Stop>>);

impl Default for StopHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl StopHandle {
    /// A handle for a run to come.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Stop::Go)))
    }

    /// Stops intake; what is in flight is finished and committed.
    pub fn drain(&self) {
        self.raise(Stop::Drain);
    }

    /// Stops at once; what is not committed stays pending.
    pub fn abort(&self) {
        self.raise(Stop::Abort);
    }

    /// How far the stop has gone.
    #[must_use]
    pub fn level(&self) -> Stop {
        *self.0.borrow()
    }

    /// The receiving end, for a [`tidegate_core::Cx`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Stop> {
        self.0.subscribe()
    }

    fn raise(&self, level: Stop) {
        self.0.send_if_modified(|now| {
            let further = level > *now;
            *now = (*now).max(level);
            further
        });
    }
}

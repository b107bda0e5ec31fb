//! Who calls: how urgent it is, until when it matters, and whether the run still wants it.

use tidegate_core::{Stop, StopSignal, TraceId};
use tokio::time::Instant;

use super::admission::Priority;

/// The context of a call.
#[derive(Debug, Clone)]
pub struct CallCx {
    /// Who waits for the answer.
    pub priority: Priority,
    /// When the answer is worth nothing any more.
    pub deadline: Option<Instant>,
    /// The record, for logs and quarantine.
    pub trace: TraceId,
    stop: Option<StopSignal>,
    /// The stop from which on it is not sent any more.
    unsent: Stop,
}

impl CallCx {
    /// The context of a call that nobody can stop.
    #[must_use]
    pub fn new(priority: Priority, trace: TraceId) -> Self {
        Self { priority, deadline: None, trace, stop: None, unsent: Stop::Quiet }
    }

    /// With a deadline.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// With a run whose stop is announced on `stop`.
    #[must_use]
    pub fn stopping(mut self, stop: StopSignal) -> Self {
        self.stop = Some(stop);
        self
    }

    /// One that hands on what was begun and paid for, such as a delivery: a run that was told to stop sends it all the
    /// same, unless it is aborted.
    #[must_use]
    pub fn finishing(mut self) -> Self {
        self.unsent = Stop::Abort;
        self
    }

    /// The stop from which on it is not sent any more.
    pub(crate) fn unsent(&self) -> Stop {
        self.unsent
    }

    /// How far a stop has gone.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.as_ref().map_or(Stop::Go, StopSignal::level)
    }

    /// Waits until a stop has gone at least as far as `level`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn stopped(&self, level: Stop) {
        match &self.stop {
            Some(stop) => stop.reached(level).await,
            None => std::future::pending().await, // nobody can ask for a stop
        }
    }
}

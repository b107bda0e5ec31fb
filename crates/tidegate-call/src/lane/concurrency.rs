//! How many calls may be in flight.

use std::time::Duration;

use tokio::time::Instant;

use super::settings::Concurrency;

/// What one call is remembered by until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark(u32);

/// How a call ended, as far as room for others goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Answered after so long.
    Answered(Duration),
    /// Any other way.
    Other,
}

/// The permits of one lane.
#[derive(Debug)]
pub(super) struct Permits {
    limit: f64,
    in_flight: u32,
}

impl Permits {
    pub(super) fn new(concurrency: Concurrency, _now: Instant) -> Self {
        let limit = match concurrency {
            Concurrency::Fixed(limit) => limit,
            Concurrency::Adaptive { first, .. } => first,
        };
        Self { limit: f64::from(limit.max(1)), in_flight: 0 }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.allowed()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn allowed(&self) -> u32 {
        self.limit as u32
    }

    pub(super) fn enter(&mut self, _now: Instant) -> Mark {
        self.in_flight += 1;
        Mark(0)
    }

    pub(super) fn leave(&mut self, _now: Instant, _mark: Mark, _end: End) {
        self.in_flight -= 1;
    }
}

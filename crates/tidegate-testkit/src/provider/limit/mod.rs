//! The provider's own limiters. They decide what the call layer is judged by, and so share nothing with it.

mod bucket;
mod fixed;
mod set;
mod sliding;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use set::{Cost, Denied, LimitSet, Sharer};

use super::script::{Limit, Shape};
use bucket::Bucket;
use fixed::Fixed;
use sliding::Sliding;

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// The amount of a full window.
    pub(crate) limit: u64,
    /// What would be admitted now.
    pub(crate) remaining: u64,
    /// Until all of it is back.
    pub(crate) reset: Duration,
}

/// One limit for one sharer of it.
#[derive(Debug)]
enum Gate {
    Sliding(Sliding),
    Bucket(Bucket),
    Fixed(Fixed),
}

impl Gate {
    fn new(limit: &Limit) -> Self {
        let (amount, window) = (limit.amount, limit.window.0);
        match limit.shape {
            Shape::Sliding => Self::Sliding(Sliding::new(amount, window)),
            Shape::Bucket(burst) => Self::Bucket(Bucket::new(amount, window, burst.0)),
            Shape::Fixed => Self::Fixed(Fixed::new(amount, window)),
        }
    }

    /// How long until `cost` fits: zero if it fits now, nothing if it never will.
    fn wait(&mut self, now: Duration, cost: u64) -> Option<Duration> {
        match self {
            Self::Sliding(gate) => gate.wait(now, cost),
            Self::Bucket(gate) => gate.wait(now, cost),
            Self::Fixed(gate) => gate.wait(now, cost),
        }
    }

    /// Counts `cost`.
    fn take(&mut self, now: Duration, cost: u64) {
        match self {
            Self::Sliding(gate) => gate.take(now, cost),
            Self::Bucket(gate) => gate.take(now, cost),
            Self::Fixed(gate) => gate.take(now, cost),
        }
    }

    fn left(&mut self, now: Duration) -> Left {
        match self {
            Self::Sliding(gate) => gate.left(now),
            Self::Bucket(gate) => gate.left(now),
            Self::Fixed(gate) => gate.left(now),
        }
    }
}

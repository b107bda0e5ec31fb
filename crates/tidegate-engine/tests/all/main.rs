//! The engine's repertoire, a test for each promise. Time is virtual: nothing here waits.

#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod faults;
mod kit;
mod limits;
mod pool;
mod repertoire;
mod simulation;
mod stops;

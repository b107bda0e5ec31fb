//! What tests are written with: the simulated world in which the real engine runs on virtual time.
//!
//! This crate must not contain anything a released binary needs: it is a dev-dependency only. Nor may its checker
//! call into the engine: what should have happened is worked out here a second time, on its own.

#![forbid(unsafe_code)]

pub mod sim;

//! Tiny models of every supported kind against the reference, and files that are not what they should be.

#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod agrees;
mod hostile;
mod world;

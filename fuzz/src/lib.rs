//! What is fuzzed, what it is begun with, and how that is damaged.
//!
//! This crate must not contain anything that tidegate needs, nor checks that only hold for what was written by hand: a
//! target accepts or refuses its bytes, whatever they are.
//!
//! There are two ways to run a target. libFuzzer looks for bytes that reach new code, which needs a compiler that counts
//! what is reached; the worker of `cargo xtask fuzz` damages real files in the places that matter, the same each time
//! for the same seed. Both damage what is packed where it is unpacked.

#![forbid(unsafe_code)]

pub mod damage;
pub mod dice;
pub mod document;
pub mod guided;
pub mod json;
pub mod pdf;
pub mod seed;
pub mod target;
pub mod watch;
pub mod words;
pub mod zipped;

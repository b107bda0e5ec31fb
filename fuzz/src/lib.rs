//! What is fuzzed, what it is begun with, and how that is damaged.
//!
//! This crate must not contain anything that tidegate needs, nor checks that only hold for what was written by hand: a
//! target accepts or refuses its bytes, whatever they are.
//!
//! There are two ways to run a target. cargo-fuzz, on nightly Rust, looks for bytes that reach new code; the worker of
//! `cargo xtask fuzz`, on any Rust, damages real files in the places that matter, the same each time for the same seed.

#![forbid(unsafe_code)]

pub mod damage;
pub mod dice;
pub mod document;
pub mod json;
pub mod pdf;
pub mod seed;
pub mod target;
pub mod watch;
pub mod words;
pub mod zipped;

//! Children that do what hostile files make parsers do, and what becomes of the documents after them.

#![expect(clippy::unwrap_used, reason = "tests say what they expect by unwrapping it")]

mod kit;
mod lives;
mod misdeeds;
mod starting;
mod tools;
mod workers;

//! Where records come from and go to: files, rows of JSON Lines, standard input, growing files; JSON Lines out.
//!
//! This crate must not contain parsing of documents, SQL, retries or flow logic: a source lists and reads, a sink
//! writes, and what happens when one of them fails is decided elsewhere.

#![forbid(unsafe_code)]

mod fetch;
mod files;
mod key;
mod nearest;
mod open;
mod plan;
mod rules;
mod skip;
#[cfg(test)]
mod tests;
mod walk;

pub use files::Files;
pub use key::{decode_key, encode_key};
pub use plan::{FilesOptions, FilesStats};

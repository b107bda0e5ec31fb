//! Frames over pipes: one byte that says what it is, four that say how long, then that many.
//!
//! Nothing a child sends is believed: lengths have caps, documents are checked for what the rest of the program relies
//! on, and a fault can only be a record's own. Whatever does not fit is an error, and never a panic.

mod cursor;
mod document;
mod fault;
mod frame;
mod fuzz;
mod job;
mod member;
#[cfg(test)]
mod tests;

pub(crate) use frame::{Answer, HEADER, Inbox, Kind, read_header, send};
pub use fuzz::{fuzz_answers, fuzz_job, fuzz_seed};
pub(crate) use job::Header;
pub(crate) use member::{Member, encode as encode_member};

pub(crate) use document::{decode as decode_part, encode as encode_part};
pub(crate) use fault::{decode as decode_fault, encode as encode_fault};

/// Why bytes are no frame of this protocol. The text is a fragment that reads after "it answered".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Garbled(pub(crate) String);

impl Garbled {
    /// What is said of a child that does not stop answering.
    pub(crate) const FLOOD: &str = "more than it may";

    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

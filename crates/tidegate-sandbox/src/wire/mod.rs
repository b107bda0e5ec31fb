//! Frames over pipes: one byte that says what it is, four that say how long, then that many.
//!
//! Nothing a child sends is believed: lengths have caps, documents are checked for what the rest of the program relies
//! on, and a fault can only be a record's own. Whatever does not fit is an error, and never a panic.

mod cursor;
mod document;
mod fault;
mod frame;
mod job;
#[cfg(test)]
mod tests;

pub(crate) use frame::{Answer, HEADER, Inbox, Kind, read_header, send};
pub(crate) use job::Header;

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

/// Reads `bytes` as a parent reads what a child answers, and returns how many frames made sense before the end or the
/// first that did not: for fuzzing, which wants to see that nothing else can happen.
#[must_use]
pub fn fuzz_answers(bytes: &[u8]) -> usize {
    let mut inbox = Inbox::new(1 << 20);
    let mut frames = 0;
    for piece in bytes.chunks(4_096) {
        inbox.put(piece);
        loop {
            match inbox.next() {
                Ok(Some(_)) => frames += 1,
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}

//! Doors for whoever wants to feed the pipes with bytes of their own: fuzzing, which is to see that nothing can happen
//! but what the types say.

use tidegate_core::Fault;

use super::{Answer, Header, Inbox, Kind, encode_fault, encode_part, send};
use crate::part::Part;

/// Reads `bytes` as a parent reads what a child answers, in pieces of `piece` bytes, and returns how many frames made
/// sense before the end or the first that did not.
///
/// # Panics
/// If a document was let through that the rest of the program could not rely on.
#[must_use]
pub fn fuzz_answers(bytes: &[u8], piece: usize) -> usize {
    let mut inbox = Inbox::new(1 << 20);
    let mut frames = 0;
    for piece in bytes.chunks(piece.max(1)) {
        inbox.put(piece);
        loop {
            match inbox.next() {
                Ok(Some(answer)) => {
                    frames += 1;
                    check(&answer);
                }
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}

/// What was read is what would be written: a value that changes on its way means something else to one of both sides.
fn check(answer: &Answer) {
    if let Answer::Part(part) = answer {
        let again = super::decode_part(encode_part(part)).expect("what was read once is read again");
        match (&part.result, &again.result) {
            (Ok(one), Ok(other)) => {
                assert_eq!(one, other);
                assert!(one.blocks.iter().all(|block| one.text.get(block.span.clone()).is_some()));
            }
            (Err(one), Err(other)) => assert_eq!(one.kind(), other.kind()),
            _ => panic!("a document and a fault were taken for each other"),
        }
        assert_eq!((&part.path, &part.format), (&again.path, &again.format));
    }
}

/// Reads `bytes` as a child reads the announcement of a document; whether it is one.
///
/// # Panics
/// If an announcement that was read would not be written the same.
#[must_use]
pub fn fuzz_job(bytes: &[u8]) -> bool {
    let Ok(header) = Header::decode(bytes) else { return false };
    assert_eq!(Header::decode(&header.encode()).as_ref(), Ok(&header));
    true
}

/// The frames a child would send for these parts and this end, to begin with.
#[must_use]
pub fn fuzz_seed(parts: &[Part], end: Option<&Fault>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put =
        |kind: Kind, content: &[u8]| send(&mut out, kind, content).expect("memory takes what is written");
    put(Kind::Hello, &[0; 4]);
    put(Kind::Read, &[]);
    for part in parts {
        put(Kind::Doing, part.path.as_bytes().get(..512).unwrap_or(part.path.as_bytes()));
        put(Kind::Part, &encode_part(part));
    }
    match end {
        None => put(Kind::Done, &[]),
        Some(fault) => {
            let mut content = Vec::new();
            encode_fault(&mut content, fault);
            put(Kind::Failed, &content);
        }
    }
    out
}

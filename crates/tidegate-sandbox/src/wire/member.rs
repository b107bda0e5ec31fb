//! The word of a child that it begins a member.

use super::Garbled;
use super::cursor::{Cursor, put_number, put_text};

const PATH: usize = 4 << 10;
const WHAT: usize = 512;
/// The longest frame of it.
pub(crate) const MOST: usize = PATH + WHAT + 32;

/// A member of a file that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) number: u64,
    pub(crate) path: String,
    /// What is done, for messages.
    pub(crate) what: String,
}

pub(crate) fn encode(number: u64, path: &str, what: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + path.len() + what.len());
    put_number(&mut out, number);
    put_text(&mut out, path, PATH);
    put_text(&mut out, what, WHAT);
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Member, Garbled> {
    let mut cursor = Cursor::new(bytes);
    let number = cursor.number()?;
    let (path, what) = (cursor.text(PATH)?.to_owned(), cursor.text(WHAT)?.to_owned());
    cursor.end()?;
    Ok(Member { number, path, what })
}

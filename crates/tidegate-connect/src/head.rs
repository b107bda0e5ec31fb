//! Remembers how a stream begins, so that a position in it can be recognised as one in the same stream.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use tidegate_core::ContentHash;

/// How much of the beginning is compared at most, in bytes.
const MOST: usize = 64 << 10;

/// A reader that keeps the first bytes that went through it.
pub(crate) struct Headed<R> {
    pub(crate) inner: R,
    head: Vec<u8>,
    /// The last mark made; a new one is only hashed when the length it covers doubles.
    last: Option<Mark>,
}

/// The hash of the first `bytes` of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    #[serde(rename = "n")]
    bytes: usize,
    #[serde(rename = "h")]
    hash: String,
}

impl<R: Read> Headed<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, head: Vec::new(), last: None }
    }

    /// Marks the stream as read up to `offset`: by the largest power of two of its first bytes that lies before.
    /// Appending to the file leaves every mark valid.
    pub(crate) fn mark(&mut self, offset: u64) -> Mark {
        let within = usize::try_from(offset).unwrap_or(MOST).min(self.head.len());
        let bytes = if within == 0 { 0 } else { 1 << within.ilog2() };
        match &self.last {
            Some(mark) if mark.bytes == bytes => mark.clone(),
            _ => self.last.insert(mark_of(&self.head[..bytes])).clone(),
        }
    }

    /// Reads up to `offset` without keeping it; whether the stream is that long and carries `mark`.
    pub(crate) fn skip_to(&mut self, offset: u64, mark: &Mark) -> io::Result<bool> {
        let skipped = io::copy(&mut self.by_ref().take(offset), &mut io::sink())?;
        Ok(skipped == offset && self.carries(mark))
    }

    /// Reads as much as a mark may cover, but not past `offset`.
    pub(crate) fn read_head(&mut self, offset: u64) -> io::Result<()> {
        io::copy(&mut self.by_ref().take(offset.min(MOST as u64)), &mut io::sink()).map(drop)
    }

    /// The first bytes, as far as they are kept.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn carries(&self, mark: &Mark) -> bool {
        self.head.get(..mark.bytes).is_some_and(|head| mark_of(head) == *mark)
    }
}

impl Mark {
    /// How many bytes it covers.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }
}

fn mark_of(head: &[u8]) -> Mark {
    Mark { bytes: head.len(), hash: ContentHash::of(head).to_hex()[..16].to_owned() }
}

impl<R: Read> Read for Headed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        let keep = got.min(MOST - self.head.len());
        self.head.extend_from_slice(&into[..keep]);
        Ok(got)
    }
}

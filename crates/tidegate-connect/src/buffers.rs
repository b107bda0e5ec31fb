//! Buffers that are used again: memory that is new costs more to touch for the first time than to fill.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers kept at most: one for each place where a block can be, and no more.
const MOST: usize = 32;

/// Keeps buffers that nobody needs any more for whoever needs one next. Clones share what is kept.
#[derive(Clone)]
pub struct Buffers {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    largest: usize,
}

/// Bytes that go back where they came from.
struct Lent {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    /// Keeps no buffer with room for more than `largest` bytes: the one item that is large must not be paid for to the
    /// end of the run.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        Self { kept: Arc::default(), largest }
    }

    /// An empty buffer, one that was used before if there is one.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// The bytes as something that can be shared; when the last who has a part of them lets go, their buffer is kept.
    #[must_use]
    pub fn share(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, home: self.clone() })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut kept = self.home.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.capacity() <= self.home.largest && kept.len() < MOST {
            bytes.clear();
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(buffers: &Buffers) -> usize {
        buffers.kept.lock().unwrap().len()
    }

    #[test]
    fn a_buffer_comes_back_when_the_last_part_of_it_is_dropped() {
        let buffers = Buffers::new(100);
        let whole = buffers.share(b"abc".to_vec());
        let part = whole.slice(1..);
        drop(whole);
        assert_eq!((kept(&buffers), &part[..]), (0, &b"bc"[..]));
        drop(part);
        assert_eq!(kept(&buffers), 1);
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 3);
        assert_eq!(kept(&buffers), 0);
    }

    #[test]
    fn neither_large_buffers_are_kept_nor_many() {
        let buffers = Buffers::new(100);
        drop(buffers.share(Vec::with_capacity(101)));
        assert_eq!(kept(&buffers), 0);
        let many: Vec<Bytes> = (0..100).map(|_| buffers.share(vec![0])).collect();
        drop(many);
        assert_eq!(kept(&buffers), MOST);
    }
}

//! The end of what a child said on standard error.

use std::collections::VecDeque;

/// How much is kept: a panic message and a few lines before it.
const KEPT: usize = 4 << 10;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<u8>);

impl Tail {
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let surplus = (self.0.len() + bytes.len()).saturating_sub(KEPT);
        self.0.drain(..surplus);
        self.0.extend(bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is kept, as text that can be shown.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        for word in 0..2_000 {
            tail.put(format!("{word}\n").as_bytes());
        }
        tail.put(&[b'x'; 10]);
        let text = tail.text();
        assert!(text.len() <= KEPT && text.ends_with("1999\nxxxxxxxxxx"), "{text}");
        tail.put(&[b'y'; 2 * KEPT]);
        assert_eq!(tail.text(), "y".repeat(KEPT));
    }
}

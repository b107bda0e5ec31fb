//! How deep lists and dictionaries stand within each other, before anything is made of them.
//!
//! The reader of objects takes time by the square of the depth, a minute for a million levels. So depth is counted first,
//! in one pass over what is not data of a stream.

use tidegate_core::{Fault, FaultKind};

/// Counts the depth of one stretch of objects, fed in pieces.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    open: u32,
    deepest: u32,
    within: Within,
    /// The byte before, if it may be half of `<<` or `>>`.
    half: u8,
}

/// What the next byte is part of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Within {
    #[default]
    Objects,
    /// A string with so many brackets open.
    String(u32),
    /// A string, after a backslash.
    Escape(u32),
    Comment,
}

impl Nesting {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.within = match (self.within, byte) {
                (Within::Objects, _) => self.object(*byte),
                (Within::String(open), b'\\') => Within::Escape(open),
                (Within::String(open), b'(') => Within::String(open + 1),
                (Within::String(1), b')') => Within::Objects,
                (Within::String(open), b')') => Within::String(open - 1),
                (Within::Escape(open), _) => Within::String(open),
                (Within::Comment, b'\n' | b'\r') => Within::Objects,
                (within, _) => within,
            };
        }
    }

    fn object(&mut self, byte: u8) -> Within {
        let before = std::mem::take(&mut self.half);
        match byte {
            b'(' => return Within::String(1),
            b'%' => return Within::Comment,
            b'[' => self.enter(),
            b']' => self.open = self.open.saturating_sub(1),
            b'<' if before == b'<' => self.enter(),
            b'>' if before == b'>' => self.open = self.open.saturating_sub(1),
            b'<' | b'>' => self.half = byte,
            _ => {}
        }
        Within::Objects
    }

    fn enter(&mut self) {
        self.open = self.open.saturating_add(1);
        self.deepest = self.deepest.max(self.open);
    }

    /// # Errors
    /// It is deeper than `most`.
    pub(super) fn check(&self, most: u32) -> Result<(), Fault> {
        if self.deepest <= most {
            return Ok(());
        }
        let message = format!("lists and dictionaries nested more than {most} levels deep");
        Err(Fault::new(FaultKind::TooDeep, message).hint("raise max_nesting"))
    }
}

/// Refuses a file of objects nested more than `most` levels deep.
pub(super) fn check(bytes: &[u8], most: u32) -> Result<(), Fault> {
    let (mut rest, mut nesting) = (bytes, Nesting::default());
    while !rest.is_empty() {
        let data = memchr::memmem::find(rest, b"stream").unwrap_or(rest.len());
        for object in pieces(&rest[..data]) {
            nesting = Nesting::default(); // what an object left open is not part of the next
            nesting.feed(object);
            nesting.check(most)?;
        }
        rest = &rest[data..];
        let Some(end) = memchr::memmem::find(rest, b"endstream") else { break };
        rest = &rest[end + b"endstream".len()..];
    }
    nesting.check(most)
}

/// The objects in `bytes`: what stands between their ends.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let all = rest?;
        let end = memchr::memmem::find(all, b"endobj");
        rest = end.map(|end| &all[end + b"endobj".len()..]);
        Some(&all[..end.unwrap_or(all.len())])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(text: &str, most: u32) -> bool {
        let whole = check(text.as_bytes(), most).is_err();
        let mut pieces = Nesting::default();
        text.as_bytes().chunks(1).for_each(|byte| pieces.feed(byte));
        if !text.contains("obj") && !text.contains("stream") {
            assert_eq!(pieces.check(most).is_err(), whole, "{text}");
        }
        whole
    }

    #[test]
    fn lists_and_dictionaries_count_and_nothing_else_does() {
        assert!(deep("<< /A [[ << /B 1 >> ]] >>", 3) && !deep("<< /A [[ << /B 1 >> ]] >>", 4));
        assert!(!deep("[1] [2] << >> [3]", 1));
        assert!(!deep("([[[ \\) [[ (nested [[) [[) % [[[[\n<ab> <cd>", 0));
        assert!(!deep("1 0 obj [[ endobj 2 0 obj [[ endobj", 2));
        assert!(!deep("<< >> stream [[[[[[ endstream endobj [", 1));
        assert!(deep("<< >> stream x endstream [[", 1));
    }

    #[test]
    fn a_million_levels_are_found_at_once() {
        for nest in ["[", "<< /A "] {
            let fault = check(nest.repeat(1_000_000).as_bytes(), 512).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::TooDeep);
        }
    }
}

//! What a program wrote, as lines.

/// Bytes that came, and how far they were read. Lines are handed out whole.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far it was looked for a line end.
    looked: usize,
}

impl Inbox {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.looked -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its end; empty ones are passed over.
    pub(super) fn line(&mut self) -> Option<&[u8]> {
        loop {
            let end = self.bytes[self.looked..].iter().position(|byte| *byte == b'\n');
            let Some(end) = end.map(|end| self.looked + end) else {
                self.looked = self.bytes.len();
                return None;
            };
            let start = std::mem::replace(&mut self.start, end + 1);
            self.looked = end + 1;
            if !self.bytes[start..end].trim_ascii().is_empty() {
                return Some(&self.bytes[start..end]);
            }
        }
    }

    /// What came after the last whole line.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

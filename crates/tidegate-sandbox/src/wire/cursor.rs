//! Reading and writing the values that frames are made of.

use super::Garbled;

/// Reads values off a slice.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Garbled> {
        let (head, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| Garbled::new("a frame that ends too soon"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Garbled> {
        Ok(self.bytes(1)?[0])
    }

    /// A number in groups of seven bits, lowest first.
    pub(super) fn number(&mut self) -> Result<u64, Garbled> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits.checked_shl(shift).filter(|moved| moved >> shift == bits).ok_or_else(too_large)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(too_large())
    }

    /// A number that counts things of at least one byte each, so that no claim costs more than was sent.
    pub(super) fn count(&mut self) -> Result<usize, Garbled> {
        let count = usize::try_from(self.number()?).map_err(|_| too_large())?;
        if count > self.left() { Err(too_large()) } else { Ok(count) }
    }

    /// A text of at most `most` bytes.
    pub(super) fn text(&mut self, most: usize) -> Result<&'a str, Garbled> {
        let length = self.count()?;
        if length > most {
            return Err(Garbled::new(format!("a text of {length} bytes where {most} is the most")));
        }
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Garbled::new("a text that is not UTF-8"))
    }

    /// An optional text: absent is told from empty.
    pub(super) fn maybe(&mut self, most: usize) -> Result<Option<&'a str>, Garbled> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.text(most).map(Some),
            _ => Err(Garbled::new("a value that is neither there nor absent")),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Garbled> {
        if self.rest.is_empty() { Ok(()) } else { Err(Garbled::new("a frame with something after its end")) }
    }
}

fn too_large() -> Garbled {
    Garbled::new("a number that is too large")
}

pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes a text, cut to `most` bytes: what is too long to be said is said in part.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str, most: usize) {
    let text = &text[..text.floor_char_boundary(most)];
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_maybe(out: &mut Vec<u8>, text: Option<&str>, most: usize) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text, most);
    }
}

//! Walks a structure in Thrift's compact protocol without building anything of it.
//!
//! What a Parquet file says of itself (its footer, the header of each page) is written in this protocol, and a library
//! that builds it believes the counts that stand in it: it makes room for two thousand million columns because four
//! bytes say so, and follows groups within groups until the stack is gone. So the bytes are walked first. Nothing here
//! allocates more than the path to where it is, and everything that is counted must be there.
//!
//! The protocol: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

/// Structures within structures, at most. Parquet's own go seven deep.
const DEEPEST: usize = 24;
/// More elements than this has no list of an honest file.
const LONGEST: u64 = 1_000_000;

/// Why a walk ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The bytes are used up: more of them may mend it.
    Short,
    /// This is no such structure, whatever follows.
    Wrong,
}

/// What is met on a walk. The path to it is made of the numbers of the fields that lead there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// A whole number.
    Number(i64),
    /// A structure begins.
    Structure,
    /// A list of so many begins.
    List(u64),
}

/// Hears of everything that is met. `false` ends the walk as [`Broken::Wrong`].
pub(crate) type Hear<'a> = dyn FnMut(&[i16], Met) -> bool + 'a;

/// A walk over bytes.
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    path: Vec<i16>,
    /// Structures, lists and maps that are open.
    deep: usize,
}

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCTURE: u8 = 12;

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, path: Vec::with_capacity(DEEPEST), deep: 0 }
    }

    /// Walks one structure; how many bytes it takes.
    pub(crate) fn structure(mut self, hear: &mut Hear<'_>) -> Result<usize, Broken> {
        self.fields(hear)?;
        Ok(self.at)
    }

    fn fields(&mut self, hear: &mut Hear<'_>) -> Result<(), Broken> {
        if !hear(&self.path, Met::Structure) {
            return Err(Broken::Wrong);
        }
        let mut number: i16 = 0;
        loop {
            let head = self.byte()?;
            let kind = head & 0x0f;
            if kind == STOP {
                return Ok(());
            }
            number = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| Broken::Wrong)?,
                further => number.checked_add(i16::from(further)).ok_or(Broken::Wrong)?,
            };
            self.path.push(number);
            if kind != TRUE && kind != FALSE {
                self.value(kind, hear)?;
            }
            self.path.pop();
        }
    }

    fn value(&mut self, kind: u8, hear: &mut Hear<'_>) -> Result<(), Broken> {
        match kind {
            TRUE | FALSE | BYTE => self.skip(1),
            4..=I64 => {
                let number = self.zigzag()?;
                if hear(&self.path, Met::Number(number)) { Ok(()) } else { Err(Broken::Wrong) }
            }
            DOUBLE => self.skip(8),
            BINARY => {
                let length = self.varint()?;
                self.skip(length)
            }
            LIST | SET | MAP | STRUCTURE if self.deep >= DEEPEST => Err(Broken::Wrong),
            LIST | SET | MAP | STRUCTURE => {
                self.deep += 1;
                let walked = match kind {
                    MAP => self.map(hear),
                    STRUCTURE => self.fields(hear),
                    _ => self.list(hear),
                };
                self.deep -= 1;
                walked
            }
            _ => Err(Broken::Wrong),
        }
    }

    fn list(&mut self, hear: &mut Hear<'_>) -> Result<(), Broken> {
        let head = self.byte()?;
        let size = match head >> 4 {
            15 => self.varint()?,
            few => u64::from(few),
        };
        if size > LONGEST || !hear(&self.path, Met::List(size)) {
            return Err(Broken::Wrong);
        }
        (0..size).try_for_each(|_| self.value(head & 0x0f, hear))
    }

    fn map(&mut self, hear: &mut Hear<'_>) -> Result<(), Broken> {
        let size = self.varint()?;
        if size == 0 {
            return Ok(());
        }
        if size > LONGEST {
            return Err(Broken::Wrong);
        }
        let kinds = self.byte()?;
        for _ in 0..size {
            self.value(kinds >> 4, hear)?;
            self.value(kinds & 0x0f, hear)?;
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, length: u64) -> Result<(), Broken> {
        let left = (self.bytes.len() - self.at) as u64;
        if length > i32::MAX as u64 {
            return Err(Broken::Wrong);
        }
        if length > left {
            return Err(Broken::Short);
        }
        self.at += length as usize;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken::Wrong)
    }

    fn zigzag(&mut self) -> Result<i64, Broken> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Walked = (Result<usize, Broken>, Vec<(Vec<i16>, Met)>);

    fn walked(bytes: &[u8]) -> Walked {
        let mut met = Vec::new();
        let ended = Walk::new(bytes).structure(&mut |path, one| {
            met.push((path.to_vec(), one));
            true
        });
        (ended, met)
    }

    #[test]
    fn what_is_there_is_met_with_its_path() {
        // 1: 3 (i32), 2: true, 5: [ { 1: -1 } ], 6: "ab", then the end and a byte that belongs to nobody.
        let bytes = [0x15, 0x06, 0x11, 0x39, 0x1c, 0x15, 0x01, 0x00, 0x18, 0x02, b'a', b'b', 0x00, 0xff];
        let (ended, met) = walked(&bytes);
        assert_eq!(ended, Ok(13));
        let numbers: Vec<_> = met.iter().filter(|(_, met)| matches!(met, Met::Number(_))).collect();
        assert_eq!(numbers, [&(vec![1], Met::Number(3)), &(vec![5, 1], Met::Number(-1))]);
    }

    #[test]
    fn what_is_cut_or_lies_ends_the_walk() {
        let whole = [0x15, 0x06, 0x18, 0x02, b'a', b'b', 0x00];
        for cut in 0..whole.len() {
            assert_eq!(walked(&whole[..cut]).0, Err(Broken::Short), "{cut}");
        }
        // A list that says it holds two thousand million, a text longer than any, a number without an end.
        assert_eq!(walked(&[0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07]).0, Err(Broken::Wrong));
        assert_eq!(walked(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x7f]).0, Err(Broken::Wrong));
        assert_eq!(
            walked(&[0x15; 1].iter().chain(&[0xff; 11]).copied().collect::<Vec<_>>()).0,
            Err(Broken::Wrong)
        );
        // Structures, and lists, within each other without end.
        assert_eq!(walked(&[0x1c; 100_000]).0, Err(Broken::Wrong));
        assert_eq!(walked(&[0x19; 100_000]).0, Err(Broken::Wrong));
    }
}

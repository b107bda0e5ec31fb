//! A document on its way to a child: a frame that announces it, then its bytes.

use std::time::Duration;

use super::Garbled;
use super::cursor::{Cursor, put_number, put_text};
use crate::limits::Limits;
use crate::part::Resume;

const NAME: usize = 8 << 10;
/// Longest settings of a parser.
const SETTINGS: usize = 64 << 10;
/// Most members that are passed over.
const LOST: usize = 1_000;

/// What a child is told before the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) settings: String,
    pub(crate) limits: Limits,
    /// How many bytes follow the frame.
    pub(crate) length: u64,
    pub(crate) from: Resume,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.name.len() + self.settings.len());
        put_number(&mut out, self.length);
        put_number(&mut out, self.limits.memory);
        put_number(&mut out, u64::try_from(self.limits.cpu.as_millis()).unwrap_or(u64::MAX));
        put_number(&mut out, u64::try_from(self.limits.wall.as_millis()).unwrap_or(u64::MAX));
        put_number(&mut out, self.limits.output);
        // The end of a name says what kind of file it is.
        let from = self.name.ceil_char_boundary(self.name.len().saturating_sub(NAME));
        put_text(&mut out, &self.name[from..], NAME);
        put_text(&mut out, &self.settings, SETTINGS);
        put_number(&mut out, self.from.done);
        put_number(&mut out, u64::from(self.from.after));
        put_number(&mut out, self.from.output);
        let lost = &self.from.lost[..self.from.lost.len().min(LOST)];
        put_number(&mut out, lost.len() as u64);
        lost.iter().for_each(|number| put_number(&mut out, *number));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Garbled> {
        let mut cursor = Cursor::new(bytes);
        let length = cursor.number()?;
        let memory = cursor.number()?;
        let (cpu, wall) = (cursor.number()?, cursor.number()?);
        let limits = Limits {
            memory,
            cpu: Duration::from_millis(cpu),
            wall: Duration::from_millis(wall),
            output: cursor.number()?,
        };
        let (name, settings) = (cursor.text(NAME)?.to_owned(), cursor.text(SETTINGS)?.to_owned());
        let (done, after, output) = (cursor.number()?, cursor.number()? != 0, cursor.number()?);
        let count = cursor.count()?;
        if count > LOST {
            return Err(Garbled::new("too many members that are lost"));
        }
        let lost = (0..count).map(|_| cursor.number()).collect::<Result<_, _>>()?;
        cursor.end()?;
        Ok(Self { name, settings, limits, length, from: Resume { done, after, lost, output } })
    }
}

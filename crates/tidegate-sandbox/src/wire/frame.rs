//! Frames, and the parent's inbox in which they are put together.

use std::io::{self, Write};

use tidegate_core::Fault;

use super::{Garbled, Member, decode_fault, decode_part, member};
use crate::part::Part;

/// Bytes before the content of a frame.
pub(crate) const HEADER: usize = 5;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// To the child: a document follows.
    Job = 1,
    /// From the child: it is ready, and how it is held.
    Hello = 2,
    /// The document has been read.
    Read = 3,
    /// What it does from now on.
    Doing = 4,
    /// A document was found.
    Part = 5,
    /// Nothing more was found.
    Done = 6,
    /// The file as a whole is at fault.
    Failed = 7,
    /// The same, and the child does not trust itself any more.
    Last = 8,
    /// It begins a member.
    Member = 9,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        use Kind as K;
        [K::Job, K::Hello, K::Read, K::Doing, K::Part, K::Done, K::Failed, K::Last, K::Member]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// The longest content, where it is not the document that decides.
    fn most(self) -> usize {
        match self {
            Self::Job => 128 << 10,
            Self::Hello => 64,
            Self::Read | Self::Done => 0,
            Self::Doing => 512,
            Self::Member => member::MOST,
            Self::Part => usize::MAX,
            Self::Failed | Self::Last => 64 << 10,
        }
    }
}

/// Writes a frame in one piece.
pub(crate) fn send(out: &mut impl Write, kind: Kind, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut header = [kind as u8, 0, 0, 0, 0];
    header[1..].copy_from_slice(&length.to_le_bytes());
    if content.len() < 4_096 {
        let mut frame = [0; HEADER + 4_096];
        frame[..HEADER].copy_from_slice(&header);
        frame[HEADER..HEADER + content.len()].copy_from_slice(content);
        return out.write_all(&frame[..HEADER + content.len()]);
    }
    out.write_all(&header)?;
    out.write_all(content)
}

/// The kind of a frame and how long its content is.
pub(crate) fn read_header(header: [u8; HEADER]) -> Result<(Kind, usize), Garbled> {
    let kind = Kind::of(header[0]).ok_or_else(|| Garbled::new("something that is no frame"))?;
    let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]) as usize;
    if length > kind.most() {
        return Err(Garbled::new("a frame that is too long"));
    }
    Ok((kind, length))
}

/// A frame of a child.
#[derive(Debug)]
pub(crate) enum Answer {
    Hello(Vec<u8>),
    Read,
    Doing(String),
    Member(Member),
    Part(Part),
    Done,
    Failed(Fault),
    Last(Fault),
}

/// Puts frames together as bytes arrive, and holds no more than was sent.
pub(crate) struct Inbox {
    header: Vec<u8>,
    /// The frame being received: what it is, how long it will be, what is there.
    open: Option<(Kind, usize, Vec<u8>)>,
    /// What arrived after the open frame, and how much of that was taken.
    rest: Vec<u8>,
    taken: usize,
    /// Bytes that may still arrive.
    budget: u64,
}

impl Inbox {
    /// An inbox for up to `budget` bytes.
    pub(crate) fn new(budget: u64) -> Self {
        Self { header: Vec::with_capacity(HEADER), open: None, rest: Vec::new(), taken: 0, budget }
    }

    /// Allows `budget` bytes from now on.
    pub(crate) fn allow(&mut self, budget: u64) {
        self.budget = budget;
    }

    /// Whether a frame has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        self.open.is_some() || !self.header.is_empty() || self.taken < self.rest.len()
    }

    /// Takes bytes that arrived. Frames must be taken out before more is put in.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if self.taken == self.rest.len() {
            self.rest.clear();
            self.taken = 0;
        }
        match &mut self.open {
            Some((_, length, content)) if self.taken == self.rest.len() => {
                let wanted = (*length - content.len()).min(bytes.len());
                content.extend_from_slice(&bytes[..wanted]);
                self.rest.extend_from_slice(&bytes[wanted..]);
            }
            _ => self.rest.extend_from_slice(bytes),
        }
    }

    /// The next frame, if it is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, Garbled> {
        if self.open.is_none() {
            let wanted = HEADER - self.header.len();
            let piece = take(&self.rest, &mut self.taken, wanted);
            self.header.extend_from_slice(piece);
            let Ok(header) = <[u8; HEADER]>::try_from(self.header.as_slice()) else { return Ok(None) };
            let (kind, length) = read_header(header)?;
            self.budget = (self.budget.checked_sub((HEADER + length) as u64))
                .ok_or_else(|| Garbled::new(Garbled::FLOOD))?;
            self.header.clear();
            // What is claimed is not believed: memory is taken as bytes come.
            self.open = Some((kind, length, Vec::with_capacity(length.min(64 << 10))));
        }
        let Some((kind, length, mut content)) = self.open.take() else { return Ok(None) };
        let wanted = length - content.len();
        content.extend_from_slice(take(&self.rest, &mut self.taken, wanted));
        if content.len() < length {
            self.open = Some((kind, length, content));
            return Ok(None);
        }
        read(kind, content).map(Some)
    }
}

/// Up to `wanted` bytes of what was not taken yet.
fn take<'a>(rest: &'a [u8], taken: &mut usize, wanted: usize) -> &'a [u8] {
    let piece = &rest[*taken..];
    let piece = &piece[..wanted.min(piece.len())];
    *taken += piece.len();
    piece
}

fn read(kind: Kind, content: Vec<u8>) -> Result<Answer, Garbled> {
    Ok(match kind {
        Kind::Job => return Err(Garbled::new("with a document of its own")),
        Kind::Hello => Answer::Hello(content),
        Kind::Read => Answer::Read,
        Kind::Doing => {
            let text = String::from_utf8(content).map_err(|_| Garbled::new("a text that is not UTF-8"))?;
            Answer::Doing(shown(&text))
        }
        Kind::Member => {
            let member = member::decode(&content)?;
            Answer::Member(Member { what: shown(&member.what), ..member })
        }
        Kind::Part => Answer::Part(decode_part(content)?),
        Kind::Done => Answer::Done,
        Kind::Failed => Answer::Failed(decode_fault(&content)?),
        Kind::Last => Answer::Last(decode_fault(&content)?),
    })
}

/// A text of a child that goes into messages.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

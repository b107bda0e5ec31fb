//! Answers that come in pieces.

use std::sync::Arc;

use tidegate_core::{Fault, Listener, Refusal, Usage};

use super::chat::Formats;
use super::refine;
use crate::ask::{Chat, Completion};
use crate::chatting::Chatting;
use crate::draft::{Draft, Wrong};
use crate::ndjson::{Lines, TooLong};
use crate::sse::{Broken, Reader};

/// Bytes that are kept to be told when what came is no stream at all.
const BEGINNING: usize = 2_048;
/// The most bytes of a line. A piece of an answer has a few hundred.
const LINE: usize = 8 * 1024 * 1024;

/// How the pieces of a stream are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// Lines of JSON.
    Lines,
}

enum Frames {
    Events(Reader),
    Lines(Lines),
}

/// Reads the stream of one answer.
pub(super) struct Stream {
    chatting: Chatting,
    formats: &'static Formats,
    chat: Chat,
    frames: Frames,
    draft: Draft,
    /// The first bytes.
    beginning: Vec<u8>,
    /// Whether any piece came whole.
    any: bool,
}

/// A piece, or the bytes between pieces, that cannot be taken.
struct Bad {
    frame: Vec<u8>,
    wrong: Wrong,
}

impl From<TooLong> for Bad {
    fn from(_: TooLong) -> Self {
        Self { frame: Vec::new(), wrong: Wrong::broken("it holds a line of more than 8 MiB") }
    }
}

impl From<Broken> for Bad {
    fn from(broken: Broken) -> Self {
        Self { frame: Vec::new(), wrong: Wrong::broken(broken.message()) }
    }
}

impl Stream {
    pub(super) fn new(chatting: Chatting, formats: &'static Formats, chat: Chat) -> Self {
        let frames = match formats.framing {
            Framing::Events => Frames::Events(Reader::new()),
            Framing::Lines => Frames::Lines(Lines::new(LINE)),
        };
        Self { chatting, formats, chat, frames, draft: Draft::default(), beginning: Vec::new(), any: false }
    }

    fn take(&mut self, bytes: &[u8], text: &mut String) -> Result<(), Bad> {
        let (event, draft, any) = (self.formats.event, &mut self.draft, &mut self.any);
        let mut each = |frame: &[u8]| {
            *any = true;
            if frame.trim_ascii().is_empty() {
                return Ok(());
            }
            event(frame, draft, text).map_err(|wrong| Bad { frame: frame.to_vec(), wrong })
        };
        match &mut self.frames {
            Frames::Events(reader) => reader.push(bytes, Bad::from, |event| each(event.data.as_bytes())),
            Frames::Lines(lines) => lines.push(bytes, each),
        }
    }

    /// The event that the end of the body completes. A line of JSON without its end is not taken: whether it was cut
    /// nobody can know, and servers end their lines.
    fn last(&mut self) -> Result<(), Bad> {
        let Frames::Events(reader) = &mut self.frames else { return Ok(()) };
        match std::mem::take(reader).end() {
            Some(event) => {
                self.any = true;
                let data = event.data.as_bytes();
                (self.formats.event)(data, &mut self.draft, &mut String::new())
                    .map_err(|wrong| Bad { frame: data.to_vec(), wrong })
            }
            None => Ok(()),
        }
    }

    fn refuse(&self, bad: Bad) -> Refusal {
        refine::bad_frame(self.chatting.service(), &bad.frame, bad.wrong)
    }
}

impl Listener<Arc<Completion>> for Stream {
    fn push(&mut self, bytes: &[u8], text: &mut String) -> Result<(), Refusal> {
        let room = BEGINNING.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..room]);
        self.take(bytes, text).map_err(|bad| self.refuse(bad))
    }

    fn end(mut self: Box<Self>) -> Result<(Result<Arc<Completion>, Fault>, Usage), Refusal> {
        self.last().map_err(|bad| self.refuse(bad))?;
        if !self.any {
            let frame = std::mem::take(&mut self.beginning);
            return Err(self.refuse(Bad { frame, wrong: Wrong::broken("what came is no stream") }));
        }
        if !self.draft.is_whole() {
            let wrong = Wrong::broken("it ended before the answer did");
            return Err(self.refuse(Bad { frame: b"{}".to_vec(), wrong }));
        }
        Ok(self.draft.done(&self.chatting, &self.chat))
    }
}

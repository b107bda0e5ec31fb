//! A chat completion that comes in pieces.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use tidegate_core::{Fault, Listener, Refusal, Usage};

use super::chat::{Said, finish};
use super::used::Used;
use crate::ask::{Chat, Completion};
use crate::chatting::Chatting;
use crate::service::Service;
use crate::sse::{Event, Reader};

/// Bytes that are kept to be told when what came is no stream at all.
const BEGINNING: usize = 2_048;
/// The most bytes of an answer. No model writes more in one; a stream without end does.
const MOST: usize = 16 * 1024 * 1024;

/// Reads the stream of one answer.
pub(super) struct Stream {
    chatting: Chatting,
    chat: Chat,
    reader: Reader,
    heard: Heard,
    /// The first bytes.
    beginning: Vec<u8>,
}

/// What came so far.
#[derive(Default)]
struct Heard {
    text: String,
    refusal: String,
    /// Why it ended, once that is said.
    reason: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    /// Whether `[DONE]` came. Nothing is heard after it.
    done: bool,
    /// Whether any event came.
    any: bool,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(default, borrow)]
    delta: Option<Said<'a>>,
    #[serde(default, borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

/// Enough of a chunk to see an error in it, whatever else it has.
#[derive(Deserialize)]
struct MayFail<'a> {
    #[serde(default, borrow)]
    error: Option<&'a serde_json::value::RawValue>,
}

impl Stream {
    pub(super) fn new(chatting: Chatting, chat: Chat) -> Self {
        Self { chatting, chat, reader: Reader::new(), heard: Heard::default(), beginning: Vec::new() }
    }
}

impl Heard {
    /// Takes one event, appending what it says to `shown`.
    fn take(&mut self, event: &Event, service: &Service, shown: &mut String) -> Result<(), Refusal> {
        self.any = true;
        let data = event.data.trim();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let failed = event.name == "error"
            || serde_json::from_str::<MayFail<'_>>(data).is_ok_and(|may| may.error.is_some());
        if failed {
            return Err(service.bad_frame(data.as_bytes(), "the service broke the stream off with an error"));
        }
        let chunk: Chunk<'_> = serde_json::from_str(data).map_err(|error| {
            service.bad_frame(
                data.as_bytes(),
                &format!("an event of the stream is not what was expected: {error}"),
            )
        })?;
        self.chunk(&chunk, shown);
        if self.text.len() + self.refusal.len() > MOST {
            return Err(service.bad_frame(b"{}", "the answer has no end: more than 16 MiB came"));
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, shown: &mut String) {
        if let Some(model) = chunk.model.as_deref().filter(|model| !model.is_empty() && self.model.is_none())
        {
            self.model = Some(model.to_owned());
        }
        // Some services tell the usage with every chunk, as it grows.
        self.usage = chunk.usage.and_then(Used::usage).or(self.usage);
        // Only one answer was asked for.
        for choice in chunk.choices.iter().filter(|choice| choice.index == 0) {
            if let Some(said) = &choice.delta {
                let before = self.text.len();
                said.append(&mut self.text);
                shown.push_str(&self.text[before..]);
                self.refusal.push_str(said.refusal.as_deref().unwrap_or_default());
            }
            if let Some(reason) = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty()) {
                self.reason = Some(reason.to_owned());
            }
        }
    }
}

impl Listener<Arc<Completion>> for Stream {
    fn push(&mut self, bytes: &[u8], text: &mut String) -> Result<(), Refusal> {
        let room = BEGINNING.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..room]);
        let (service, heard) = (self.chatting.service(), &mut self.heard);
        let broken = |broken: crate::sse::Broken| service.bad_frame(b"", broken.message());
        self.reader.push(bytes, broken, |event| heard.take(&event, service, text))
    }

    fn end(mut self: Box<Self>) -> Result<(Result<Arc<Completion>, Fault>, Usage), Refusal> {
        let service = self.chatting.service();
        if let Some(event) = std::mem::take(&mut self.reader).end() {
            self.heard.take(&event, service, &mut String::new())?;
        }
        let heard = self.heard;
        if !heard.any {
            return Err(service.bad_frame(&self.beginning, "what came is no stream of events"));
        }
        let Some(reason) = &heard.reason else {
            return Err(service.bad_frame(b"{}", "the stream ended without saying why the answer ends"));
        };
        if !heard.done && self.chatting.api().stream_done {
            return Err(service.bad_frame(b"{}", "the stream ended without [DONE]"));
        }
        let usage = heard.usage.unwrap_or_else(|| self.chatting.guess(&self.chat, &heard.text));
        let completion = Completion {
            text: heard.text.into(),
            finish: finish(reason, !heard.refusal.is_empty()),
            model: heard.model.as_deref().unwrap_or(service.model()).into(),
            usage,
        };
        let words = if heard.refusal.is_empty() { reason } else { &heard.refusal };
        Ok((completion.whole(words).map(Arc::new), usage))
    }
}

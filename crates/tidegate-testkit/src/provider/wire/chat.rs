//! Chats, whatever their wire format: what is asked and what is said.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::asked::Asked;
use super::fields::{bad_field, kind_of};
use super::reply::Body;
use super::{Complaint, Text};
use crate::provider::script::Tokens;

/// How an answer is wanted.
#[derive(Debug, Clone)]
pub(in crate::provider) struct ChatAsk {
    /// Piece by piece.
    pub(in crate::provider) stream: bool,
    /// With the count of tokens at the end of the stream, where that is a choice.
    pub(in crate::provider) usage: bool,
    /// As JSON that fits this schema.
    pub(in crate::provider) schema: Option<Value>,
    /// In no more tokens than these.
    pub(in crate::provider) max_tokens: Option<u64>,
    /// Tokens the model can read.
    pub(in crate::provider) context: u64,
    /// Writes the answer.
    pub(in crate::provider) write: fn(&Asked, &ChatAsk, &Said) -> Body,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Finish {
    /// All is said.
    Stop,
    /// The limit on its length is reached.
    Length,
    /// A filter stepped in.
    Filtered,
    /// The model refuses.
    Refused,
}

impl Finish {
    /// The word for it among a wire format's four.
    pub(super) fn word(self, words: [&'static str; 4]) -> &'static str {
        words[self as usize]
    }
}

/// An answer in words.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Said {
    /// Its pieces: words with the space behind them.
    pub(in crate::provider) pieces: Vec<String>,
    /// Why it ends there.
    pub(in crate::provider) finish: Finish,
    /// Its tokens.
    pub(in crate::provider) tokens: u64,
    /// Names the answer.
    pub(in crate::provider) id: u64,
    /// Seconds since 1970.
    pub(in crate::provider) created: u64,
}

impl Said {
    /// The answer in one piece.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// An event of server-sent events: its name where the format names them, and its data.
pub(super) fn event(name: Option<&str>, data: &Value) -> Bytes {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

/// The texts of messages: `content` is a string, or a list of parts of which those with a `text` count.
pub(super) fn messages(fields: &Map<String, Value>, tokens: &Tokens) -> Result<Vec<Text>, Complaint> {
    let Some(Value::Array(messages)) = fields.get("messages") else {
        return Err(bad_field("messages", "you must provide a 'messages' parameter, a list"));
    };
    if messages.is_empty() {
        return Err(bad_field("messages", "'messages' is empty: at least one message is required"));
    }
    messages.iter().map(|message| message_text(message).map(|text| Text::new(text, tokens))).collect()
}

fn message_text(message: &Value) -> Result<String, Complaint> {
    if !message.get("role").is_some_and(Value::is_string) {
        return Err(bad_field("messages", "a message needs a 'role'"));
    }
    content_text(message.get("content").unwrap_or(&Value::Null))
}

/// The text of a message's content.
pub(super) fn content_text(content: &Value) -> Result<String, Complaint> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Array(parts) => {
            Ok(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n"))
        }
        other => Err(bad_field(
            "messages",
            format!("'content' must be a string or a list, not {}", kind_of(other)),
        )),
    }
}

//! What a request asks for, whatever its wire format.

use serde_json::Value;

use super::{Complaint, Kind};
use crate::provider::request::Request;
use crate::provider::script::Tokens;
use crate::provider::vector::text_hash;

/// What a request asks for.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Asked {
    /// The operation's name in the log.
    pub(in crate::provider) operation: &'static str,
    /// The model; empty where an operation has none.
    pub(in crate::provider) model: String,
    /// Inputs of an embedding, messages of a chat, query and documents of a rerank.
    pub(in crate::provider) texts: Vec<Text>,
    /// What is wanted.
    pub(in crate::provider) detail: Detail,
}

impl Asked {
    /// The tokens of all texts.
    pub(in crate::provider) fn input_tokens(&self) -> u64 {
        self.texts.iter().map(|text| text.tokens).sum()
    }
}

/// What is wanted of the model.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Detail {
    /// Vectors.
    Embed(EmbedAsk),
}

/// How vectors are wanted.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct EmbedAsk {
    /// How many components; nothing: as many as the model has.
    pub(in crate::provider) dimensions: Option<usize>,
    /// As base64 of little-endian floats.
    pub(in crate::provider) base64: bool,
    /// One vector, not a list of them.
    pub(in crate::provider) single: bool,
}

/// One text with what the log keeps of it.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Text {
    pub(in crate::provider) text: String,
    pub(in crate::provider) hash: u64,
    pub(in crate::provider) tokens: u64,
}

impl Text {
    pub(in crate::provider) fn new(text: String, tokens: &Tokens) -> Self {
        Self { hash: text_hash(text.as_bytes()), tokens: tokens.of(text.len()), text }
    }
}

/// The body as a JSON object.
pub(super) fn object(request: &Request) -> Result<serde_json::Map<String, Value>, Complaint> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(bad("the body is not a JSON object")),
        Err(error) => Err(bad(format!("could not parse the JSON body of your request: {error}"))),
    }
}

/// A complaint about what the request says.
pub(super) fn bad(message: impl Into<String>) -> Complaint {
    Complaint::new(Kind::Bad { message: message.into(), param: None })
}

/// A complaint about one field.
pub(super) fn bad_field(param: &'static str, message: impl Into<String>) -> Complaint {
    Complaint::new(Kind::Bad { message: message.into(), param: Some(param) })
}

/// A field that must be a string.
pub(super) fn string(
    fields: &mut serde_json::Map<String, Value>,
    name: &'static str,
) -> Result<String, Complaint> {
    match fields.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(bad_field(name, format!("'{name}' must be a string, not {}", kind_of(&other)))),
        None => Err(bad_field(name, format!("you must provide a '{name}' parameter"))),
    }
}

/// A field that must be a list of strings.
pub(super) fn strings(value: Option<Value>, name: &'static str) -> Result<Vec<String>, Complaint> {
    let Some(Value::Array(items)) = value else {
        return Err(bad_field(name, format!("'{name}' must be a list of strings")));
    };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            other => Err(bad_field(name, format!("'{name}' must hold strings, not {}", kind_of(&other)))),
        })
        .collect()
}

/// A field that must be a whole number above zero, if it is there.
pub(super) fn positive(value: Option<&Value>, name: &'static str) -> Result<Option<u64>, Complaint> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n > 0) {
            Some(n) => Ok(Some(n)),
            None => Err(bad_field(name, format!("'{name}' must be a positive integer"))),
        },
    }
}

/// What JSON calls a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

//! What a request asks for, whatever its wire format.

use super::chat::ChatAsk;
use super::reply::Row;
use super::rerank::RerankAsk;
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
    /// Words.
    Chat(ChatAsk),
    /// An order of documents.
    Rerank(RerankAsk),
    /// The models there are. The writer gets their names.
    Models(fn(&[String]) -> Vec<u8>),
    /// How many tokens the texts have. The writer gets the number.
    Count(fn(u64) -> Vec<u8>),
}

/// How vectors are wanted.
#[derive(Debug, Clone)]
pub(in crate::provider) struct EmbedAsk {
    /// How many components; nothing: as many as the model has.
    pub(in crate::provider) dimensions: Option<usize>,
    /// As base64 of little-endian floats.
    pub(in crate::provider) base64: bool,
    /// Whether the rows of the answer carry an index.
    pub(in crate::provider) indexed: bool,
    /// The largest requests of the real provider.
    pub(in crate::provider) caps: UsualCaps,
    /// Writes the answer.
    pub(in crate::provider) write: fn(&Asked, &EmbedAsk, &[Row]) -> Vec<u8>,
}

/// The largest requests the real provider of a wire format takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::provider) struct UsualCaps {
    pub(in crate::provider) inputs: u64,
    pub(in crate::provider) tokens_per_input: u64,
    pub(in crate::provider) tokens_per_request: u64,
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

    /// The same for many.
    pub(super) fn all(texts: Vec<String>, tokens: &Tokens) -> Vec<Self> {
        texts.into_iter().map(|text| Self::new(text, tokens)).collect()
    }
}

//! What the answers look like, and how large a question may be.

use serde::Deserialize;

/// How tokens are counted. A client that estimates differently finds its estimates off, as with real providers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// A text of n bytes has ceil(n / this) tokens, at least 1.
    pub bytes_per_token: f64,
    /// Added to each text, as begin and end markers are.
    pub extra_per_input: u64,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { bytes_per_token: 4.0, extra_per_input: 0 }
    }
}

impl Tokens {
    /// The tokens of a text of `bytes` bytes.
    #[must_use]
    pub fn of(&self, bytes: usize) -> u64 {
        ((bytes as f64 / self.bytes_per_token).ceil() as u64).max(1) + self.extra_per_input
    }
}

/// What embeddings look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Embedding {
    /// Components of a vector when the request does not ask for fewer.
    pub dimensions: usize,
    /// Answers with numbers even where base64 is asked for, as several compatible servers do.
    pub ignore_base64: bool,
}

impl Default for Embedding {
    fn default() -> Self {
        Self { dimensions: 1_536, ignore_base64: false }
    }
}

/// What chat answers look like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chat {
    /// The answer to everything; by default an answer is made from the hash of the question
    /// (see [`reply_of`](crate::provider::reply_of)).
    pub reply: Option<String>,
    /// Words of an answer that is made up.
    pub words: usize,
}

impl Default for Chat {
    fn default() -> Self {
        Self { reply: None, words: 16 }
    }
}

/// The largest requests. What is absent is as at the real provider of that wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Texts in one request.
    pub inputs: Option<u64>,
    /// Tokens in one text.
    pub tokens_per_input: Option<u64>,
    /// Tokens in one request.
    pub tokens_per_request: Option<u64>,
    /// Bytes of a request's body; by default 64 MiB.
    pub body_bytes: Option<usize>,
}

/// A text that makes the whole batch it is in be refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    /// The refused requests are those with a text that contains this.
    pub text: String,
    /// The status; by default 400.
    #[serde(default)]
    pub status: Option<u16>,
    /// The message instead of the provider's usual words.
    #[serde(default)]
    pub message: Option<String>,
}

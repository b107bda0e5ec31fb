//! What is known of a provider, as data: where it is, how it counts, what it bears and what it understands.
//!
//! A new provider that speaks a known wire format is an entry in a file, not code. The file in this crate can be
//! overridden by the user's; see [`Profiles::load`].

mod load;
mod pattern;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use tidegate_core::{QuotaUnit, Shape};

pub use load::Profiles;
pub use pattern::Pattern;

use crate::endpoint::AuthStyle;

/// The wire format of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `/embeddings`, `/chat/completions`, as most services speak it.
    Openai,
    /// `/v1/messages`.
    Anthropic,
    /// `:batchEmbedContents`, `:generateContent`.
    Gemini,
    /// `/v2/embed`, `/v2/chat`, `/v2/rerank`.
    Cohere,
    /// `/api/embed`, `/api/chat`.
    Ollama,
}

impl Family {
    /// The name in profiles and in journal keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
        }
    }
}

/// What is known of a provider.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name in configurations.
    pub name: String,
    /// Its wire format.
    pub family: Family,
    /// Where it is; `None` where only the user knows.
    pub base_url: Option<String>,
    /// The environment variable that usually holds its key; `None` where none is needed.
    pub key_env: Option<String>,
    /// How the key is shown.
    pub auth: AuthStyle,
    /// Headers that every request has.
    pub headers: HeaderMap,
    /// Its limits in the headers of its answers.
    pub quotas: Vec<QuotaHeaders>,
    /// Limits that every user of it has; most depend on what one pays and are learned from headers.
    pub limits: Vec<KnownLimit>,
    /// How it embeds; `None` if it does not.
    pub embeddings: Option<EmbeddingsApi>,
    /// How it chats; `None` if it does not.
    pub chat: Option<ChatApi>,
    /// How it ranks; `None` if it does not.
    pub rerank: Option<RerankApi>,
    /// The path under which its models are listed.
    pub models_path: Option<String>,
    /// Whether its models are called as their owner likes, so that an answer names another than was asked.
    pub aliases: bool,
    /// What is known of models; the first whose pattern matches holds.
    pub models: Vec<ModelFacts>,
}

/// Where the headers of answers tell of one limit.
#[derive(Debug, Clone)]
pub struct QuotaHeaders {
    /// What it counts.
    pub unit: QuotaUnit,
    /// In which time.
    pub window: Duration,
    /// The header with the limit.
    pub limit: Option<String>,
    /// The header with what is left.
    pub remaining: Option<String>,
    /// The header with the time until it is whole again, in any of the forms of [`crate::hint`].
    pub reset: Option<String>,
}

/// A limit that is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownLimit {
    /// What it counts.
    pub unit: QuotaUnit,
    /// How many.
    pub amount: u64,
    /// In which time.
    pub window: Duration,
}

/// How embeddings are asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsApi {
    /// The path after the base URL. `{model}` stands for the model.
    pub path: String,
    /// The field and value that ask for base64 instead of numbers; `None` where that is not understood.
    #[serde(default)]
    pub base64: Option<(String, String)>,
    /// The field that asks for a number of dimensions; `None` where that is not understood.
    #[serde(default)]
    pub dimensions: Option<String>,
    /// How it is told documents from queries; `None` where it makes no difference.
    #[serde(default)]
    pub task: Option<TaskField>,
    /// Fields that every request has, such as those that forbid cutting texts off silently.
    #[serde(default)]
    pub extra: toml::Table,
    /// What one request may carry, for models of which nothing else is known.
    #[serde(default)]
    pub caps: Caps,
}

/// How a service is told what an embedding is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskField {
    /// The field.
    pub field: String,
    /// Its value for texts to be found.
    pub document: String,
    /// Its value for texts to find with.
    pub query: String,
}

/// How chat completions are asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatApi {
    /// The path after the base URL. `{model}` stands for the model.
    pub path: String,
    /// The path for streams, where it is another one.
    #[serde(default)]
    pub stream_path: Option<String>,
    /// The field with the most tokens of an answer.
    #[serde(default = "max_tokens")]
    pub max_tokens: String,
    /// The most tokens of an answer where the service insists on a number and the user gave none.
    #[serde(default)]
    pub max_tokens_default: Option<u32>,
    /// Whether answers can be made to follow a JSON Schema.
    #[serde(default)]
    pub json_schema: bool,
    /// The field with the seed; `None` where there is none.
    #[serde(default)]
    pub seed: Option<String>,
    /// Whether a stream tells its usage when asked.
    #[serde(default)]
    pub stream_usage: bool,
    /// Whether a stream ends with `data: [DONE]`, so that one without it was cut.
    #[serde(default)]
    pub stream_done: bool,
    /// Fields that every request has.
    #[serde(default)]
    pub extra: toml::Table,
}

fn max_tokens() -> String {
    "max_tokens".to_owned()
}

/// How a ranking is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RerankApi {
    /// The path after the base URL.
    pub path: String,
    /// The field with the documents.
    #[serde(default = "documents")]
    pub documents: String,
    /// The field with the number wanted; `None` where all are always ranked.
    #[serde(default)]
    pub top: Option<String>,
    /// Fields that every request has.
    #[serde(default)]
    pub extra: toml::Table,
}

fn documents() -> String {
    "documents".to_owned()
}

/// What one request may carry. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// Texts.
    pub items: usize,
    /// Tokens of one text.
    pub item_tokens: u64,
    /// Tokens of all texts.
    pub tokens: u64,
    /// Bytes of all texts.
    pub bytes: u64,
}

impl From<Caps> for Shape {
    fn from(caps: Caps) -> Self {
        Self { items: caps.items, item_tokens: caps.item_tokens, tokens: caps.tokens, bytes: caps.bytes }
    }
}

/// What is known of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFacts {
    /// Which models: a name in which each `*` stands for any characters.
    pub name: Pattern,
    /// The length of its vectors, unless another is asked for.
    #[serde(default)]
    pub dimensions: Option<usize>,
    /// Whether another number of dimensions can be asked for; `None`: as the service.
    #[serde(default)]
    pub shortens: Option<bool>,
    /// What one request may carry; overrides the service's.
    #[serde(default)]
    pub caps: Option<Caps>,
    /// How it counts tokens.
    #[serde(default)]
    pub tokenizer: Option<TokenizerName>,
    /// The most tokens of a question and its answer together.
    #[serde(default)]
    pub context: Option<u64>,
}

/// How tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenizerName {
    /// OpenAI's older models and all its embedding models.
    Cl100k,
    /// OpenAI's newer models.
    O200k,
    /// BERT and its kin.
    Wordpiece,
}

impl Profile {
    /// What is known of `model`: the first entry whose pattern matches.
    #[must_use]
    pub fn facts(&self, model: &str) -> Option<&ModelFacts> {
        self.models.iter().find(|facts| facts.name.matches(model))
    }

    /// What one request to embed with `model` may carry.
    #[must_use]
    pub fn caps(&self, model: &str) -> Caps {
        let own = self.facts(model).and_then(|facts| facts.caps);
        own.or(self.embeddings.as_ref().map(|api| api.caps)).unwrap_or_default()
    }
}

//! `[[stage]]`: what happens to records on the way, in order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model_ref::ModelRef;

/// One stage. `type` is one of `parse`, `chunk`, `embed`; the other keys depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Stage {
    /// Text of documents: HTML, Markdown, CSV, JSON, source code, plain text.
    Parse(Parse),
    /// Documents become chunks along headings, paragraphs and sentences.
    Chunk(Chunk),
    /// Chunks become vectors, so that search finds them by meaning.
    Embed(Embed),
}

impl Stage {
    /// The name in a configuration file and in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Parse(_) => "parse",
            Self::Chunk(_) => "chunk",
            Self::Embed(_) => "embed",
        }
    }

    /// The stages that run where none are given.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![Self::Parse(Parse::default()), Self::Chunk(Chunk::default()), Self::Embed(Embed::default())]
    }
}

/// Parsing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Parse {
    /// Keep navigation, footers and sidebars of HTML pages.
    pub boilerplate: bool,
    /// Put documents nested deeper than this aside.
    pub max_depth: usize,
}

impl Default for Parse {
    fn default() -> Self {
        Self { boilerplate: false, max_depth: 512 } // browsers stop nesting there
    }
}

/// Chunking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chunk {
    /// The most tokens of a chunk, as the embedder counts them.
    pub max_tokens: usize,
    /// Tokens a chunk repeats of the one before it, in whole sentences.
    pub overlap_tokens: usize,
    /// Chunks below this many tokens are joined to a neighbour in the same section.
    pub min_tokens: usize,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { max_tokens: 256, overlap_tokens: 32, min_tokens: 32 }
    }
}

/// Embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Embed {
    /// "builtin" (inside the program, offline), "none" (no vectors; search finds words only), or "PROVIDER:MODEL", such
    /// as "openai:text-embedding-3-small".
    pub model: ModelRef,
    /// The length of the vectors, where a provider's model can make them of several; 0 takes the model's own.
    pub dimensions: usize,
    /// Chunks embedded together; never more than the provider takes.
    pub batch: usize,
    /// Batches worked on at once; 0 means two on this machine, and for a provider as many as may be in flight.
    pub concurrency: usize,
}

impl Default for Embed {
    fn default() -> Self {
        Self { model: ModelRef::Builtin, dimensions: 0, batch: 64, concurrency: 0 }
    }
}

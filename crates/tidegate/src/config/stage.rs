//! `[[stage]]`: what happens to records on the way, in order.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::Task;

use super::enrich::Enrich;
use super::filter::Filter;
use super::http::Http;
use super::map::absolute;
use super::model_ref::ModelRef;
use super::own::OwnProgram;
use super::set::Set;

/// One stage. `type` is one of `parse`, `chunk`, `embed`, `enrich`, `http`, `filter`, `set`,
/// `exec`; the other keys depend on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Stage {
    /// Text of documents: HTML, Markdown, CSV, JSON, source code, plain text.
    Parse(Parse),
    /// Documents become chunks along headings, paragraphs and sentences.
    Chunk(Chunk),
    /// Chunks become vectors, so that search finds them by meaning.
    Embed(Embed),
    /// A model answers something about each record: labels, summaries, context.
    Enrich(Box<Enrich>),
    /// A service is asked about each record, over HTTP.
    Http(Box<Http>),
    /// Only records for which an expression holds go on.
    Filter(Box<Filter>),
    /// Fields are set by expressions and templates, or removed.
    Set(Box<Set>),
    /// A program of one's own works on each record.
    Exec(Box<OwnProgram>),
}

/// What the stage is called that makes vectors.
pub(crate) const EMBED: &str = "embed";
/// Types of stage of which there may be several, told apart by their names.
pub(super) const SEVERAL: [&str; 5] = ["enrich", "http", "filter", "set", "exec"];

impl Stage {
    /// The type, as it stands in a configuration file.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Parse(_) => "parse",
            Self::Chunk(_) => "chunk",
            Self::Embed(_) => EMBED,
            Self::Enrich(_) => "enrich",
            Self::Http(_) => "http",
            Self::Filter(_) => "filter",
            Self::Set(_) => "set",
            Self::Exec(_) => "exec",
        }
    }

    /// The name in reports and messages: its own if it was given one, else its type.
    #[must_use]
    pub fn name(&self) -> &str {
        let own = match self {
            Self::Enrich(enrich) => enrich.name.as_deref(),
            Self::Http(http) => http.name.as_deref(),
            Self::Filter(filter) => filter.name.as_deref(),
            Self::Set(set) => set.name.as_deref(),
            Self::Exec(exec) => exec.name.as_deref(),
            Self::Parse(_) | Self::Chunk(_) | Self::Embed(_) => None,
        };
        own.unwrap_or(self.kind())
    }

    /// Makes paths absolute, so that the stage can be made again from another folder.
    pub(crate) fn make_absolute(&mut self) {
        if let Self::Exec(exec) = self {
            exec.folder = absolute(Path::new(&exec.folder));
        }
        if let Self::Embed(Embed { model: ModelRef::Folder(path), .. }) = self
            && let Some(whole) =
                std::path::absolute(&*path).ok().and_then(|whole| whole.into_os_string().into_string().ok())
        {
            *path = whole;
        }
    }

    /// The field that takes what a service answered, if the stage asks one.
    pub(super) fn writes(&self) -> Option<&str> {
        match self {
            Self::Enrich(enrich) if enrich.into == super::Into::Field => Some(&enrich.field),
            Self::Http(http) => Some(&http.field),
            _ => None,
        }
    }

    /// The stages that a pipeline may have beside the usual ones, as they are where nothing is set.
    pub(super) fn further() -> Vec<Self> {
        vec![
            Self::Enrich(Box::default()),
            Self::Http(Box::default()),
            Self::Filter(Box::default()),
            Self::Set(Box::default()),
            Self::Exec(Box::default()),
        ]
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
    /// "builtin" (inside the program), "minilm" (a transformer on this machine: `tidegate model pull minilm`), "./FOLDER"
    /// (the files of another of its family), "none" (no vectors; search finds words only), or "PROVIDER:MODEL", such as
    /// "openai:text-embedding-3-small".
    pub model: ModelRef,
    /// The length of the vectors, where a provider's model can make them of several; 0 takes the model's own.
    pub dimensions: usize,
    /// How a model on this machine computes: "int8" (bytes: twice as fast, vectors within 0.998 of the exact ones) or
    /// "f32". Another precision is another model.
    pub precision: Precision,
    /// Words that go before every chunk, for models that were trained so: "passage: " for E5, "search_document: " for
    /// nomic. Others are another model: its vectors are not compared with those that are there. Where it is empty, a model
    /// on this machine goes by its own files.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"passage: ")]
    pub document_prefix: String,
    /// Words that go before every question: "query: " for E5, "search_query: " for nomic. They can be changed at any
    /// time.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(example = &"query: ")]
    pub query_prefix: String,
    /// Chunks embedded together; never more than the provider takes.
    pub batch: usize,
    /// Batches worked on at once; 0 means two on this machine, and for a provider as many as may be in flight.
    pub concurrency: usize,
}

/// How a model on this machine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// With bytes.
    #[default]
    Int8,
    /// With 32-bit floats.
    F32,
}

impl Precision {
    /// The name, as it stands in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        tidegate_bert::Precision::from(self).name()
    }
}

impl From<Precision> for tidegate_bert::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Int8 => Self::Int8,
            Precision::F32 => Self::F32,
        }
    }
}

impl Embed {
    /// The words that go before every text that is embedded for `task`.
    #[must_use]
    pub fn prefix(&self, task: Task) -> &str {
        match task {
            Task::Document => &self.document_prefix,
            Task::Query => &self.query_prefix,
        }
    }
}

impl Default for Embed {
    fn default() -> Self {
        let [document_prefix, query_prefix] = Default::default();
        Self {
            model: ModelRef::Builtin,
            dimensions: 0,
            precision: Precision::default(),
            document_prefix,
            query_prefix,
            batch: 64,
            concurrency: 0,
        }
    }
}

//! What applies: the complete, valid configuration of a pipeline.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::Ask;
use super::limits::{Limits, Store, Sweep};
use super::map::Map;
use super::model_ref::ModelRef;
use super::provider::Provider;
use super::sandbox::{Format, Sandbox};
use super::search::Search;
use super::sink::Sink;
use super::source::Source;
use super::stage::{Chunk, Embed, Parse, Stage};
use super::validation::Validate;

/// The configuration of a pipeline.
// The order of the fields is their order in what `init` and `config --effective` print.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The pipeline itself.
    pub pipeline: Pipeline,
    /// What is read.
    pub source: Source,
    /// What happens to records on the way, in order. Without any, parse, chunk and embed run, each of which may appear
    /// once; of the others there may be several, told apart by their names.
    #[serde(rename = "stage")]
    pub stages: Vec<Stage>,
    /// What documents must be like to go on from parsing. Without any rule all do.
    pub validate: Validate,
    /// Where records go.
    pub sink: Sink,
    /// What decides the order of what `search`, `ask` and `eval` find: the mean of scores from 0 to 1, of words (BM25 by
    /// the query's best) and of meaning (the cosine), each times its weight. None of it changes what is stored.
    pub search: Search,
    /// How questions are answered from what was found.
    pub ask: Ask,
    /// Where the account, the chunks and the vectors are kept.
    pub store: Store,
    /// How much a run may use. These change how fast it is, never what it stores.
    pub limits: Limits,
    /// What parsing one PDF, Office, mail, e-book or archive file may cost. Each is parsed by a process of its own
    /// without files or network, which is killed when it exceeds any of these; the file is then put aside with the
    /// reason.
    pub sandbox: Sandbox,
    /// How files of one format are read, and what they may cost where it differs from [sandbox].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub formats: BTreeMap<String, Format>,
    /// Services that models run at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, Provider>,
    /// What may be removed from the store because it is gone from the source. Where more is gone, all of it is kept
    /// and the run says so: an unmounted disk looks the same as an emptied folder.
    pub sweep: Sweep,
    /// What is done to every record of a data set, where this is a map job: it has a file of its own shape, so this is
    /// none of the sections.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub map: Option<Box<Map>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pipeline: Pipeline::default(),
            source: Source::default(),
            stages: Stage::defaults(),
            validate: Validate::default(),
            sink: Sink::default(),
            store: Store::default(),
            limits: Limits::default(),
            sandbox: Sandbox::default(),
            formats: BTreeMap::new(),
            providers: BTreeMap::new(),
            search: Search::default(),
            ask: Ask::default(),
            sweep: Sweep::default(),
            map: None,
        }
    }
}

impl Config {
    /// The parse stage, if there is one.
    #[must_use]
    pub fn parse(&self) -> Option<&Parse> {
        self.stages.iter().find_map(|stage| if let Stage::Parse(parse) = stage { Some(parse) } else { None })
    }

    /// How many requests to the provider of `model` may be in flight at most.
    #[must_use]
    pub fn most_in_flight(&self, model: &ModelRef) -> usize {
        let provider =
            model.provider().and_then(|name| self.providers.get(name)).cloned().unwrap_or_default();
        let most = if provider.concurrency > 0 { provider.concurrency } else { provider.max_concurrency };
        most.max(1) as usize
    }

    /// The chunk stage, if there is one.
    #[must_use]
    pub fn chunk(&self) -> Option<&Chunk> {
        self.stages.iter().find_map(|stage| if let Stage::Chunk(chunk) = stage { Some(chunk) } else { None })
    }

    /// Whether fields that the stage at this place gives a record are kept: the store keeps those of documents only.
    pub(crate) fn keeps_fields(&self, at: usize) -> bool {
        let chunked = self.stages[..at].iter().any(|before| matches!(before, Stage::Chunk(_)));
        !chunked || !matches!(self.sink, Sink::Store)
    }

    /// The embed stage, if there is one that makes vectors.
    #[must_use]
    pub fn embed(&self) -> Option<&Embed> {
        self.stages.iter().find_map(|stage| match stage {
            Stage::Embed(embed) if embed.model != ModelRef::None => Some(embed),
            _ => None,
        })
    }
}

/// The pipeline itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pipeline {
    /// Names the pipeline's account in the store; several pipelines may share a store.
    pub name: String,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self { name: "default".to_owned() }
    }
}

//! What a pipeline is set to, and where each setting came from.
//!
//! Settings pass through three types: [`Raw`] is what was typed, by whom and where, layer by layer (file, then
//! environment, then flags); [`resolve`] merges the layers and checks every key and value against the catalogue of
//! keys; [`Config`] is what applies, complete and valid. The catalogue, the commented template and the published
//! schema are all derived from the types of [`Config`] and their doc comments, so they cannot disagree.
//!
//! The refused alternative was one struct of `Option`s a layer: three copies of every field, and serde's errors
//! for tagged sections know no line.

mod ask;
mod asked;
mod bounds;
mod catalogue;
mod check;
mod enrich;
mod env;
mod expressed;
mod file;
mod filter;
mod fingerprint;
mod headers;
mod http;
mod limits;
mod map;
mod model;
mod model_ref;
mod origin;
mod overrides;
mod own;
mod period;
mod print;
mod provider;
mod raw;
mod resolve;
mod sandbox;
mod schema;
mod search;
mod secret;
mod set;
mod sink;
mod size;
mod source;
mod stage;
mod suggest;
#[cfg(test)]
mod tests;
mod validate;
mod validation;

pub use ask::Ask;
pub use enrich::{Enrich, Into};
pub use env::VARIABLES;
pub use filter::Filter;
pub use fingerprint::TEXT_VERSION;
pub use headers::{HeaderText, Headers};
pub use http::{Http, Method};
pub use limits::{Durability, Limits, Store, Sweep};
#[cfg(feature = "parquet")]
pub(crate) use map::properties;
pub use map::{
    ColumnType, Example, Exec, ExecOutput, JobFile, Map, MapOptions, OutputFormat, OutputPacking, Prompt,
    Setting, Step, TableInput, job_schema, load_map, renewed,
};
pub use model::{Config, Pipeline};
pub use model_ref::ModelRef;
pub use origin::{Origin, Origins};
pub use overrides::Overrides;
pub use own::OwnProgram;
pub use period::Period;
pub use print::init_template;
pub use provider::{Hedge, Provider};
pub use raw::Raw;
pub use resolve::{ConfigFile, Layers, Resolved, load, resolve};
pub use sandbox::{Format, Ocr, ParserApi, Sandbox};
pub use schema::schema;
pub use search::Search;
pub use secret::SecretRef;
pub use set::{FieldText, Set, Settings};
pub use sink::{JsonlSink, Sink, Vectors, WebhookSink};
pub use size::Size;
pub use source::{Files, Jsonl, Objects, RowFormat, Source, SourceType, Stdin, Tail, Urls};
pub(crate) use stage::EMBED;
pub use stage::{Chunk, Embed, Parse, Precision, Stage};
pub use validation::{OnFailure, Validate};

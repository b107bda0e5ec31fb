//! `[sink]`: where records go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where records go. `type` is one of `store`, `jsonl`; the other keys depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Sink {
    /// The store, to be searched.
    #[default]
    #[schemars(extend("additionalProperties" = false))]
    Store,
    /// A file of JSON Lines, or standard output.
    Jsonl(JsonlSink),
}

impl Sink {
    /// Makes the path of an output absolute, as seen from the current folder.
    pub fn make_absolute(&mut self) {
        let Self::Jsonl(sink) = self else { return };
        if sink.path == "-" {
            return;
        }
        // The file need not exist yet, so links on the way to it stay.
        if let Some(absolute) =
            std::path::absolute(&sink.path).ok().and_then(|path| path.to_str().map(str::to_owned))
        {
            sink.path = absolute;
        }
    }
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vectors {
    /// Not at all.
    #[default]
    None,
    /// As lists of numbers.
    Float,
    /// As base64 of little-endian 32-bit floats: exact, and a third of the size.
    Base64,
}

/// A file of JSON Lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JsonlSink {
    /// The file to write, relative to the folder of this file; "-" is standard output.
    pub path: String,
    /// The values to write, in this order, such as "key", "text", "heading"; all if empty.
    pub fields: Vec<String>,
    /// Whether and how to write vectors: "none", "float" or "base64".
    pub vectors: Vectors,
    /// Write lines in the order of the source.
    pub ordered: bool,
    /// Replace a file that another pipeline or program wrote; one that this pipeline wrote is continued.
    pub overwrite: bool,
}

impl Default for JsonlSink {
    fn default() -> Self {
        Self {
            path: "-".to_owned(),
            fields: Vec::new(),
            vectors: Vectors::None,
            ordered: false,
            overwrite: false,
        }
    }
}

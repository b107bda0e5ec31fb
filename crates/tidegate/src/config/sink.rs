//! `[sink]`: where records go.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_connect::Place;
use tidegate_core::Fault;

use super::headers::Headers;
use super::map::OutputFormat;
use super::period::Period;

/// Where records go. `type` is one of `store`, `jsonl`, `webhook`; the other keys depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Sink {
    /// The store, to be searched.
    #[default]
    #[schemars(extend("additionalProperties" = false))]
    Store,
    /// A file of JSON Lines, or standard output.
    Jsonl(JsonlSink),
    /// A service that takes records over HTTP.
    Webhook(WebhookSink),
}

impl Sink {
    /// Makes the path of an output absolute, as seen from the current folder.
    pub fn make_absolute(&mut self) {
        let Self::Jsonl(sink) = self else { return };
        if sink.path == "-" || sink.place().is_some() {
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

/// A file of JSON Lines, or parts of one in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JsonlSink {
    /// The file to write, relative to the folder of this file; "-" is standard output; "s3://bucket/prefix/" (or gs://,
    /// az://) writes parts below a prefix, and a manifest.json that names those that count.
    pub path: String,
    /// For a bucket: where the service is, if not at the provider's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://minio.example.org:9000")]
    pub endpoint: Option<String>,
    /// For a bucket: its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"eu-central-1")]
    pub region: Option<String>,
    /// For a bucket: the account of Azure.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"myaccount")]
    pub account: Option<String>,
    /// For a bucket: also speak to the endpoint without TLS.
    pub allow_http: bool,
    /// For a bucket: also write to endpoints on this machine and in private networks, with and without TLS.
    pub allow_private: bool,
    /// The values to write, in this order, such as "key", "text", "heading"; all if empty.
    pub fields: Vec<String>,
    /// Whether and how to write vectors: "none", "float" or "base64".
    pub vectors: Vectors,
    /// Write lines in the order of the source.
    pub ordered: bool,
    /// Replace a file that another pipeline or program wrote; one that this pipeline wrote is continued.
    pub overwrite: bool,
    /// How rows are written, in a map job.
    #[serde(skip_serializing_if = "OutputFormat::is_plain")]
    #[schemars(skip)]
    pub format: OutputFormat,
}

impl JsonlSink {
    /// The bucket that is written to, if it is one.
    #[must_use]
    pub fn place(&self) -> Option<Result<Place, Fault>> {
        Place::is_one(&self.path).then(|| Place::parse(&self.path))
    }
}

impl Default for JsonlSink {
    fn default() -> Self {
        Self {
            path: "-".to_owned(),
            endpoint: None,
            region: None,
            account: None,
            allow_http: false,
            allow_private: false,
            fields: Vec::new(),
            vectors: Vectors::None,
            ordered: false,
            overwrite: false,
            format: OutputFormat::default(),
        }
    }
}

/// A service that takes records, in batches of JSON. Each batch arrives at least once: after a crash the one that was
/// under way is sent again, which the service can tell by its Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSink {
    /// Where records are posted to.
    #[schemars(example = &"https://hooks.example.com/records")]
    pub url: String,
    /// Further headers: texts, or secrets as { env = "NAME" } or { file = "PATH" }. A secret for Authorization that
    /// names no scheme is sent as a bearer token.
    pub headers: Headers,
    /// The most records of a request.
    pub batch: usize,
    /// The values to send, such as "key", "text", "heading"; all if empty.
    pub fields: Vec<String>,
    /// Whether and how to send vectors: "none", "float" or "base64".
    pub vectors: Vectors,
    /// The most requests a minute; 0 if not known: it is then learned from what the service says.
    pub requests_per_minute: u64,
    /// Requests in flight; 0 finds out how many the service bears.
    pub concurrency: u32,
    /// How long to wait for the first byte of an answer; "0s" takes 30s.
    pub timeout: Period,
}

impl Default for WebhookSink {
    fn default() -> Self {
        Self {
            url: String::new(),
            headers: Headers::default(),
            batch: 100,
            fields: Vec::new(),
            vectors: Vectors::None,
            requests_per_minute: 0,
            concurrency: 0,
            timeout: Period::from_millis(0),
        }
    }
}

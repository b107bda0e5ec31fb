//! The wire formats: each reads requests, writes answers and words its own errors. Nothing here knows time, limits
//! or faults.

mod asked;
mod complaint;
mod openai;
mod reply;
mod values;

use super::request::Request;
use super::script::{Hint, Script};
pub(super) use asked::{Asked, Detail, EmbedAsk};
pub(super) use complaint::{Complaint, Kind};
pub(super) use openai::go_duration;
pub(super) use reply::{LimitView, Row};

/// The largest requests a wire format's real provider takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct UsualCaps {
    pub(super) inputs: u64,
    pub(super) tokens_per_input: u64,
    pub(super) tokens_per_request: u64,
}

/// One wire format.
pub(super) trait Wire: Sync {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// The key a request carries.
    fn key<'a>(&self, request: &'a Request) -> Option<&'a str>;

    /// What a request asks for.
    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint>;

    /// The largest embedding requests.
    fn caps(&self) -> UsualCaps;

    /// The body of an error.
    fn complaint(&self, complaint: &Complaint) -> Vec<u8>;

    /// An error in the middle of a stream.
    fn stream_error(&self, complaint: &Complaint) -> Vec<u8>;

    /// Whether the rows of an answer with vectors carry an index.
    fn indexed(&self) -> bool;

    /// How this provider tells a wait.
    fn usual_hints(&self) -> &'static [Hint];

    /// The headers that say what is left of the limits.
    fn limit_headers(&self, view: &LimitView) -> Vec<(String, String)>;

    /// The body of an answer with vectors.
    fn embeddings(&self, asked: &Asked, embed: &EmbedAsk, rows: &[Row]) -> Vec<u8>;
}

/// The wire format that a request speaks, by its path.
pub(super) fn wire_of(_request: &Request) -> &'static dyn Wire {
    &openai::OpenAi
}

//! The wire formats: each reads requests, writes answers and words its own errors. Nothing here knows time, limits
//! or faults.

mod anthropic;
mod asked;
mod azure;
mod chat;
mod cohere;
mod complaint;
mod fields;
mod gemini;
mod ollama;
mod openai;
mod reply;
mod rerank;
mod schema;
mod values;

use super::request::Request;
use super::script::{Hint, Script};
pub(super) use asked::{Asked, Detail, EmbedAsk, Text};
pub(super) use chat::{ChatAsk, Finish, Said};
pub(super) use complaint::{Complaint, Kind};
pub(super) use openai::go_duration;
pub(super) use reply::{Body, LimitView, Row};
pub(super) use rerank::RerankAsk;
pub(super) use schema::fill;

/// One wire format.
pub(super) trait Wire: Sync {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// The key a request carries.
    fn key<'a>(&self, request: &'a Request) -> Option<&'a str>;

    /// What a request asks for, with the function that writes the answer.
    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint>;

    /// The status of an error, where it is not the usual one.
    fn status(&self, _kind: &Kind) -> Option<u16> {
        None
    }

    /// The body of an error.
    fn complaint(&self, complaint: &Complaint) -> Vec<u8>;

    /// An error in the middle of a stream.
    fn stream_error(&self, complaint: &Complaint) -> Vec<u8>;

    /// How this provider tells a wait.
    fn usual_hints(&self) -> &'static [Hint];

    /// The headers that say what is left of the limits.
    fn limit_headers(&self, view: &LimitView) -> Vec<(String, String)>;
}

/// The wire format that a request speaks, by its path; OpenAI's where the path says nothing.
pub(super) fn wire_of(request: &Request) -> &'static dyn Wire {
    let path = request.path();
    let begins = |prefix| path.starts_with(prefix);
    if begins("/v1/messages") || (begins("/v1/models") && request.header("anthropic-version").is_some()) {
        &anthropic::Anthropic
    } else if begins("/v1beta/") || begins("/v1/models/") && path.contains(':') {
        &gemini::Gemini
    } else if begins("/v2/") {
        &cohere::Cohere
    } else if begins("/api/") {
        &ollama::Ollama
    } else if begins("/openai/deployments/") {
        &azure::Azure
    } else {
        &openai::OpenAi
    }
}

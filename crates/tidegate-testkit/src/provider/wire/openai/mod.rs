//! OpenAI's shape, which most hosted and self-hosted servers speak.

mod chat;
mod embeddings;
mod errors;
mod models;

use std::time::Duration;

use serde_json::json;

use super::asked::Asked;
use super::fields::no_path;
use super::rerank::read_clone;
use super::{Complaint, LimitView, Wire};
use crate::provider::limit::Left;
use crate::provider::request::Request;
use crate::provider::script::{Hint, Lie, Script};
pub(super) use chat::read_chat;
pub(super) use embeddings::read_embeddings;
pub(super) use errors::words;

/// `/v1/embeddings` and its neighbours.
#[derive(Debug)]
pub(super) struct OpenAi;

impl Wire for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        match (request.method.as_str(), request.path()) {
            ("POST", "/v1/embeddings") => read_embeddings(request, None, script),
            ("POST", "/v1/chat/completions") => read_chat(request, None, script),
            ("POST", "/v1/rerank" | "/rerank") => read_clone(request, script),
            ("GET", path) => models::read(path).ok_or_else(|| no_path(request)),
            _ => Err(no_path(request)),
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        let (kind, code, param) = errors::labels(complaint);
        let message = complaint.words(words);
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
            .to_string()
            .into_bytes()
    }

    fn stream_error(&self, complaint: &Complaint) -> Vec<u8> {
        let mut event = b"data: ".to_vec();
        event.extend(self.complaint(complaint));
        event.extend_from_slice(b"\n\n");
        event
    }

    fn usual_hints(&self) -> &'static [Hint] {
        &[Hint::Milliseconds, Hint::Seconds, Hint::MessageText]
    }

    fn limit_headers(&self, view: &LimitView) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let pairs = [("requests", view.requests), ("tokens", view.tokens.or(view.input_tokens))];
        for (name, left) in pairs.into_iter().filter_map(|(name, left)| Some((name, left?))) {
            let Left { limit, remaining, reset } = left;
            let (remaining, reset) = match view.lie {
                None => (remaining.to_string(), Some(go_duration(reset))),
                Some(Lie::Drained) => ("0".to_owned(), Some("1h0m0s".to_owned())),
                Some(Lie::ResetInPast) => ("0".to_owned(), Some("-1h0m0s".to_owned())),
                Some(Lie::NoReset) => ("0".to_owned(), None),
                Some(Lie::Plenty) => (limit.to_string(), Some("0s".to_owned())),
                Some(Lie::Nonsense) => ("some".to_owned(), Some("soon".to_owned())),
            };
            headers.push((format!("x-ratelimit-limit-{name}"), limit.to_string()));
            headers.push((format!("x-ratelimit-remaining-{name}"), remaining));
            headers.extend(reset.map(|reset| (format!("x-ratelimit-reset-{name}"), reset)));
        }
        headers
    }
}

/// A length of time as Go writes it: `6m0s`, `1.5s`, `20ms`.
pub(in crate::provider) fn go_duration(duration: Duration) -> String {
    let ms = duration.as_nanos().div_ceil(1_000_000) as u64;
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let (hours, minutes, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let seconds = format!("{}s", ms as f64 / 1_000.0);
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

//! OpenAI's shape, which most hosted and self-hosted servers speak.

use std::time::Duration;

use serde_json::{Value, json};

use super::asked::{Asked, Detail, EmbedAsk, Text, bad_field, kind_of, object, positive, string};
use super::values::{push_base64, push_floats, push_json};
use super::{Complaint, Kind, LimitView, Row, UsualCaps, Wire};
use crate::provider::limit::Left;
use crate::provider::request::Request;
use crate::provider::script::{Hint, Lie, Script};

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
            ("POST", "/v1/embeddings") => read_embeddings(request, script),
            (method, path) => Err(Complaint::new(Kind::NoPath(format!("{method} {path}")))),
        }
    }

    fn caps(&self) -> UsualCaps {
        UsualCaps { inputs: 2_048, tokens_per_input: 8_192, tokens_per_request: 300_000 }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        let (kind, code, param) = labels(complaint);
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

    fn indexed(&self) -> bool {
        true
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

    fn embeddings(&self, asked: &Asked, embed: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
        let width = rows.first().map_or(0, |row| row.values.len());
        let mut out = Vec::with_capacity(200 + rows.len() * (80 + width * if embed.base64 { 6 } else { 12 }));
        out.extend_from_slice(br#"{"object":"list","data":["#);
        for (n, row) in rows.iter().enumerate() {
            out.extend_from_slice(if n > 0 { b",{" } else { b"{" });
            out.extend_from_slice(br#""object":"embedding","#);
            if let Some(index) = row.index {
                out.extend_from_slice(format!(r#""index":{index},"#).as_bytes());
            }
            out.extend_from_slice(br#""embedding":"#);
            // Base64 has no way to say null: a server that has one inside falls back to a list.
            if embed.base64 && row.null_at.is_none() {
                push_base64(&mut out, row);
            } else {
                push_floats(&mut out, row);
            }
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"model":"#);
        push_json(&mut out, &asked.model);
        let tokens = asked.input_tokens();
        let usage = format!(r#","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#);
        out.extend_from_slice(usage.as_bytes());
        out
    }
}

fn read_embeddings(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let inputs = match fields.remove("input") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.into_iter().map(text_input).collect::<Result<_, _>>()?,
        Some(other) => {
            return Err(bad_field(
                "input",
                format!("'input' must be a string or a list, not {}", kind_of(&other)),
            ));
        }
        None => return Err(bad_field("input", "you must provide an 'input' parameter")),
    };
    if inputs.is_empty() || inputs.iter().any(String::is_empty) {
        return Err(bad_field("input", "'$.input' is invalid: input cannot be an empty string or list"));
    }
    let base64 = match fields.get("encoding_format").map(Value::as_str) {
        None | Some(Some("float")) => false,
        Some(Some("base64")) => !script.embedding.ignore_base64,
        Some(_) => return Err(bad_field("encoding_format", "'encoding_format' must be float or base64")),
    };
    let dimensions = positive(fields.get("dimensions"), "dimensions")?.map(|n| n as usize);
    Ok(Asked {
        operation: "embeddings",
        model,
        texts: inputs.into_iter().map(|text| Text::new(text, &script.tokens)).collect(),
        detail: Detail::Embed(EmbedAsk { dimensions, base64, single: false }),
    })
}

fn text_input(item: Value) -> Result<String, Complaint> {
    match item {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => {
            Err(bad_field("input", "this server does not take lists of tokens as input; send text"))
        }
        other => Err(bad_field("input", format!("'input' must hold strings, not {}", kind_of(&other)))),
    }
}

/// Type, code and parameter of an error.
fn labels(complaint: &Complaint) -> (&'static str, Value, Value) {
    let (kind, code) = match &complaint.kind {
        Kind::RequestTooLong { .. } => ("max_tokens_per_request", json!("max_tokens_per_request")),
        Kind::NoKey | Kind::WrongKey => ("invalid_request_error", json!("invalid_api_key")),
        Kind::NoModel(_) => ("invalid_request_error", json!("model_not_found")),
        Kind::RateLimited(Some(denied)) => (limited_type(denied.limit.unit), json!("rate_limit_exceeded")),
        Kind::RateLimited(None) => ("requests", json!("rate_limit_exceeded")),
        Kind::Daily => ("requests", json!("rate_limit_exceeded")),
        Kind::Quota => ("insufficient_quota", json!("insufficient_quota")),
        Kind::Payment => ("billing_error", json!("billing_not_active")),
        Kind::Overloaded | Kind::Status if complaint.status() >= 500 => ("server_error", Value::Null),
        _ => ("invalid_request_error", Value::Null),
    };
    let param = match &complaint.kind {
        Kind::Bad { param: Some(param), .. } => json!(param),
        Kind::TooManyInputs { .. } | Kind::InputTooLong { .. } | Kind::Poison => json!("input"),
        _ => Value::Null,
    };
    (kind, code, param)
}

fn limited_type(unit: crate::provider::script::Unit) -> &'static str {
    use crate::provider::script::Unit;
    match unit {
        Unit::Requests | Unit::Inputs | Unit::Concurrent => "requests",
        Unit::Tokens | Unit::InputTokens | Unit::OutputTokens => "tokens",
    }
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "'$.input' is invalid. Please check the API reference.".to_owned(),
        Kind::TooManyInputs { got, cap } => {
            format!("'$.input' is invalid: array too long, expected at most {cap} items, got {got}.")
        }
        Kind::InputTooLong { got, cap } => format!(
            "This model's maximum context length is {cap} tokens, however you requested {got} tokens. Please reduce \
             your prompt."
        ),
        Kind::RequestTooLong { got, cap } => {
            format!("Requested {got} tokens, max {cap} tokens per request")
        }
        Kind::NoKey => {
            "You didn't provide an API key. You need to provide your API key in an Authorization header \
                        using Bearer auth."
                .to_owned()
        }
        Kind::WrongKey => "Incorrect API key provided.".to_owned(),
        Kind::NoModel(model) => {
            format!("The model `{model}` does not exist or you do not have access to it.")
        }
        Kind::NoPath(path) => format!("Invalid URL ({path})"),
        Kind::TooLarge => "Maximum content size limit exceeded.".to_owned(),
        Kind::RateLimited(Some(denied)) => format!(
            "Rate limit reached for {} per min: Limit {}, Used {}, Requested {}.",
            limited_type(denied.limit.unit),
            denied.limit.amount,
            denied.limit.amount.saturating_sub(denied.remaining),
            denied.requested,
        ),
        Kind::RateLimited(None) => "Rate limit reached for requests.".to_owned(),
        Kind::Quota => {
            "You exceeded your current quota, please check your plan and billing details.".to_owned()
        }
        Kind::Daily => "Rate limit reached for requests per day (RPD).".to_owned(),
        Kind::Payment => "Your account is not active, please check your billing details.".to_owned(),
        Kind::Overloaded => "The server is currently overloaded. Please try again later.".to_owned(),
        Kind::Status => "The server had an error while processing your request. Sorry about that!".to_owned(),
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

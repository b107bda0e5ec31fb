//! Anthropic's messages.

use std::time::Duration;

use serde_json::{Value, json};

use super::asked::{Asked, Detail, Text};
use super::chat::{ChatAsk, Said, content_text, event, messages};
use super::fields::{bad_field, flag, no_path, object, positive, string};
use super::{Body, Complaint, Kind, LimitView, Wire};
use crate::provider::clock::rfc3339;
use crate::provider::limit::Left;
use crate::provider::request::Request;
use crate::provider::script::{Hint, Lie, Script};

const FINISH: [&str; 4] = ["end_turn", "max_tokens", "refusal", "refusal"];

/// `/v1/messages` and `/v1/messages/count_tokens`.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let bearer = || request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        request.header("x-api-key").or_else(bearer)
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        if request.header("anthropic-version").is_none() {
            return Err(bad_field("anthropic-version", "anthropic-version: header is required"));
        }
        match (request.method.as_str(), request.path()) {
            ("POST", "/v1/messages") => read_messages(request, script),
            ("POST", "/v1/messages/count_tokens") => {
                let (_, model, texts) = read_prompt(request, script)?;
                Ok(Asked { operation: "count_tokens", model, texts, detail: Detail::Count(write_count) })
            }
            ("GET", "/v1/models") => {
                let detail = Detail::Models(write_models);
                Ok(Asked { operation: "models", model: String::new(), texts: Vec::new(), detail })
            }
            _ => Err(no_path(request)),
        }
    }

    fn status(&self, kind: &Kind) -> Option<u16> {
        match kind {
            Kind::Overloaded => Some(529),
            // An empty account is told as a fault of the request.
            Kind::Quota => Some(400),
            _ => None,
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        error(complaint).to_string().into_bytes()
    }

    fn stream_error(&self, complaint: &Complaint) -> Vec<u8> {
        event(Some("error"), &error(&complaint.clone().with_status(529))).to_vec()
    }

    fn usual_hints(&self) -> &'static [Hint] {
        &[Hint::Seconds]
    }

    fn limit_headers(&self, view: &LimitView) -> Vec<(String, String)> {
        let all = [
            ("requests", view.requests),
            ("tokens", view.tokens),
            ("input-tokens", view.input_tokens),
            ("output-tokens", view.output_tokens),
        ];
        let mut headers = Vec::new();
        for (name, left) in all.into_iter().filter_map(|(name, left)| Some((name, left?))) {
            let (remaining, reset) = told(left, name, view);
            headers.push((format!("anthropic-ratelimit-{name}-limit"), left.limit.to_string()));
            headers.push((format!("anthropic-ratelimit-{name}-remaining"), remaining));
            headers.extend(reset.map(|reset| (format!("anthropic-ratelimit-{name}-reset"), reset)));
        }
        headers
    }
}

/// What is said to be left and when all is back. Tokens are told in thousands.
fn told(left: Left, name: &str, view: &LimitView) -> (String, Option<String>) {
    let hour = Duration::from_secs(3_600);
    let rounded = if name == "requests" { left.remaining } else { left.remaining / 1_000 * 1_000 };
    match view.lie {
        None => (rounded.to_string(), Some(rfc3339(view.clock + left.reset))),
        Some(Lie::Drained) => ("0".to_owned(), Some(rfc3339(view.clock + hour))),
        Some(Lie::ResetInPast) => ("0".to_owned(), Some(rfc3339(view.clock.saturating_sub(hour)))),
        Some(Lie::NoReset) => ("0".to_owned(), None),
        Some(Lie::Plenty) => (left.limit.to_string(), Some(rfc3339(view.clock))),
        Some(Lie::Nonsense) => ("some".to_owned(), Some("soon".to_owned())),
    }
}

type Fields = serde_json::Map<String, Value>;

fn read_prompt(request: &Request, script: &Script) -> Result<(Fields, String, Vec<Text>), Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let mut texts = Vec::new();
    if let Some(system) = fields.get("system") {
        texts.push(Text::new(content_text(system)?, &script.tokens));
    }
    texts.extend(messages(&fields, &script.tokens)?);
    Ok((fields, model, texts))
}

fn read_messages(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let (fields, model, texts) = read_prompt(request, script)?;
    let max_tokens = positive(fields.get("max_tokens"), "max_tokens")?;
    if max_tokens.is_none() {
        return Err(bad_field("max_tokens", "max_tokens: Field required"));
    }
    let format = fields.get("output_config").and_then(|config| config.get("format"));
    let schema = format.and_then(|format| format.get("schema")).cloned();
    let stream = flag(fields.get("stream"), false);
    let detail = Detail::Chat(ChatAsk { stream, usage: true, schema, max_tokens, context: 200_000, write });
    Ok(Asked { operation: "chat", model, texts, detail })
}

fn write_count(tokens: u64) -> Vec<u8> {
    json!({ "input_tokens": tokens }).to_string().into_bytes()
}

fn write_models(ids: &[String]) -> Vec<u8> {
    let describe = |id: &String| json!({ "type": "model", "id": id, "display_name": id });
    let data: Vec<Value> = ids.iter().map(describe).collect();
    json!({ "data": data, "has_more": false, "first_id": ids.first(), "last_id": ids.last() })
        .to_string()
        .into_bytes()
}

fn message(asked: &Asked, said: &Said, content: &Value, finish: &Value, output: u64) -> Value {
    json!({
        "id": format!("msg_{:016x}", said.id), "type": "message", "role": "assistant", "model": asked.model,
        "content": content, "stop_reason": finish, "stop_sequence": null,
        "usage": {
            "input_tokens": asked.input_tokens(), "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "output_tokens": output,
        },
    })
}

fn write(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    let finish = json!(said.finish.word(FINISH));
    if !ask.stream {
        let content = json!([{ "type": "text", "text": said.text() }]);
        return Body::Whole(message(asked, said, &content, &finish, said.tokens).to_string().into_bytes());
    }
    let named = |data: Value| event(data["type"].as_str(), &data);
    let start = message(asked, said, &json!([]), &Value::Null, 1);
    let block = json!({ "type": "text", "text": "" });
    let mut events = vec![
        named(json!({ "type": "message_start", "message": start })),
        named(json!({ "type": "content_block_start", "index": 0, "content_block": block })),
        named(json!({ "type": "ping" })),
    ];
    events.extend(said.pieces.iter().map(|piece| {
        let delta = json!({ "type": "text_delta", "text": piece });
        named(json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
    }));
    events.push(named(json!({ "type": "content_block_stop", "index": 0 })));
    let delta = json!({ "stop_reason": finish, "stop_sequence": null });
    let usage = json!({ "output_tokens": said.tokens });
    events.push(named(json!({ "type": "message_delta", "delta": delta, "usage": usage })));
    events.push(named(json!({ "type": "message_stop" })));
    Body::Stream { content_type: "text/event-stream; charset=utf-8", events, end_marker: 1 }
}

fn error(complaint: &Complaint) -> Value {
    let kind = match complaint.status() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        status if status >= 500 => "api_error",
        _ => "invalid_request_error",
    };
    let error = json!({ "type": kind, "message": complaint.words(words) });
    json!({ "type": "error", "error": error, "request_id": "req_0123456789" })
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "messages: text content blocks contain invalid text".to_owned(),
        Kind::ContextTooLong { got, cap }
        | Kind::InputTooLong { got, cap }
        | Kind::RequestTooLong { got, cap } => {
            format!("prompt is too long: {got} tokens > {cap} maximum")
        }
        Kind::TooManyInputs { got, cap } => format!("messages: at most {cap} are allowed, got {got}"),
        Kind::NoKey => "x-api-key header is required".to_owned(),
        Kind::WrongKey => "invalid x-api-key".to_owned(),
        Kind::NoModel(model) => format!("model: {model}"),
        Kind::NoPath(path) => format!("Not found: {path}"),
        Kind::TooLarge => "Request exceeds the maximum size".to_owned(),
        Kind::RateLimited(Some(denied)) => format!(
            "This request would exceed your organization's rate limit of {} per minute.",
            denied.limit.amount
        ),
        Kind::RateLimited(None) | Kind::Daily => {
            "This request would exceed your organization's rate limit.".to_owned()
        }
        Kind::Quota => {
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing \
                        to upgrade or purchase credits."
                .to_owned()
        }
        Kind::Payment => "There is an issue with your billing information.".to_owned(),
        Kind::Overloaded => "Overloaded".to_owned(),
        Kind::Status => "Internal server error".to_owned(),
    }
}

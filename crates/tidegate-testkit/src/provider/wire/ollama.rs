//! Ollama's own API: no keys, no limits, lines of JSON as a stream, and it streams unless told not to.

use bytes::Bytes;
use serde_json::{Value, json};

use super::asked::{Asked, Detail, EmbedAsk, Text, UsualCaps};
use super::chat::{ChatAsk, Said, messages};
use super::fields::{bad_field, dimensions, flag, no_path, object, string, strings};
use super::values::{push_floats, push_json};
use super::{Body, Complaint, Kind, LimitView, Row, Wire};
use crate::provider::clock::rfc3339;
use crate::provider::request::Request;
use crate::provider::script::{Hint, Script};

const FINISH: [&str; 4] = ["stop", "length", "stop", "stop"];
/// What does not fit in a request here is cut off, not refused.
const CAPS: UsualCaps =
    UsualCaps { inputs: u64::MAX, tokens_per_input: u64::MAX, tokens_per_request: u64::MAX };

/// `/api/embed`, `/api/chat` and `/api/tags`.
#[derive(Debug)]
pub(super) struct Ollama;

impl Wire for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        match (request.method.as_str(), request.path()) {
            ("POST", "/api/embed") => read_embed(request, script),
            ("POST", "/api/chat") => read_chat(request, script),
            ("GET", "/api/tags") => {
                let detail = Detail::Models(write_tags);
                Ok(Asked { operation: "models", model: String::new(), texts: Vec::new(), detail })
            }
            _ => Err(no_path(request)),
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        json!({ "error": complaint.words(words) }).to_string().into_bytes()
    }

    fn stream_error(&self, complaint: &Complaint) -> Vec<u8> {
        let mut line = self.complaint(complaint);
        line.push(b'\n');
        line
    }

    fn usual_hints(&self) -> &'static [Hint] {
        &[]
    }

    fn limit_headers(&self, _: &LimitView) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn read_embed(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let inputs = match fields.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(_)) => strings(&mut fields, "input")?,
        _ => return Err(bad_field("input", "invalid input type")),
    };
    let dimensions = dimensions(fields.get("dimensions"), "dimensions")?;
    let detail = EmbedAsk { dimensions, base64: false, indexed: false, caps: CAPS, write: write_embed };
    let texts = Text::all(inputs, &script.tokens);
    Ok(Asked { operation: "embeddings", model, texts, detail: Detail::Embed(detail) })
}

fn read_chat(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let texts = messages(&fields, &script.tokens)?;
    let schema = match fields.get("format") {
        Some(Value::String(word)) if word == "json" => Some(json!({ "type": "object" })),
        Some(schema @ Value::Object(_)) => Some(schema.clone()),
        _ => None,
    };
    let max_tokens = fields.get("options").and_then(|options| options.get("num_predict")?.as_u64());
    let stream = flag(fields.get("stream"), true);
    let detail = Detail::Chat(ChatAsk {
        stream,
        usage: true,
        schema,
        max_tokens,
        context: u64::MAX,
        write: write_chat,
    });
    Ok(Asked { operation: "chat", model, texts, detail })
}

fn write_embed(asked: &Asked, _: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
    let mut out = br#"{"model":"#.to_vec();
    push_json(&mut out, &asked.model);
    out.extend_from_slice(br#","embeddings":["#);
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push_floats(&mut out, row);
    }
    let tokens = asked.input_tokens();
    let rest =
        format!(r#"],"total_duration":14143917,"load_duration":1019500,"prompt_eval_count":{tokens}}}"#);
    out.extend_from_slice(rest.as_bytes());
    out
}

fn line(asked: &Asked, said: &Said, content: &str) -> Value {
    let created = rfc3339(std::time::Duration::from_secs(said.created));
    let message = json!({ "role": "assistant", "content": content });
    json!({ "model": asked.model, "created_at": created, "message": message, "done": false })
}

fn write_chat(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    let ended = |content: &str| {
        let mut last = line(asked, said, content);
        last["done"] = json!(true);
        last["done_reason"] = json!(said.finish.word(FINISH));
        last["total_duration"] = json!(174_560_334);
        last["load_duration"] = json!(101_397_084);
        last["prompt_eval_count"] = json!(asked.input_tokens());
        last["prompt_eval_duration"] = json!(13_074_791);
        last["eval_count"] = json!(said.tokens);
        last["eval_duration"] = json!(52_479_709);
        last
    };
    if !ask.stream {
        return Body::Whole(ended(&said.text()).to_string().into_bytes());
    }
    let mut events: Vec<Bytes> =
        said.pieces.iter().map(|piece| format!("{}\n", line(asked, said, piece)).into()).collect();
    events.push(format!("{}\n", ended("")).into());
    Body::Stream { content_type: "application/x-ndjson", events, end_marker: 1 }
}

fn write_tags(ids: &[String]) -> Vec<u8> {
    let describe =
        |id: &String| json!({ "name": id, "model": id, "size": 1, "details": { "format": "gguf" } });
    json!({ "models": ids.iter().map(describe).collect::<Vec<_>>() }).to_string().into_bytes()
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "invalid input".to_owned(),
        Kind::ContextTooLong { .. } | Kind::InputTooLong { .. } | Kind::RequestTooLong { .. } => {
            "the input length exceeds the context length".to_owned()
        }
        Kind::TooManyInputs { cap, .. } => format!("at most {cap} inputs are allowed"),
        Kind::NoKey | Kind::WrongKey => "unauthorized".to_owned(),
        Kind::NoModel(model) => format!("model \"{model}\" not found, try pulling it first"),
        Kind::NoPath(_) => "404 page not found".to_owned(),
        Kind::TooLarge => "request body too large".to_owned(),
        Kind::RateLimited(_) | Kind::Daily => "too many requests".to_owned(),
        Kind::Quota | Kind::Payment => "you have reached your usage limit".to_owned(),
        Kind::Overloaded => "server busy, please try again.  maximum pending requests exceeded".to_owned(),
        Kind::Status => "llama runner process has terminated: signal: killed".to_owned(),
    }
}

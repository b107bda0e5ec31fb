//! Google's Gemini API.

use serde_json::{Map, Value, json};

use super::asked::{Asked, Detail, EmbedAsk, Text, UsualCaps};
use super::chat::{ChatAsk, Said, content_text};
use super::fields::{bad_field, dimensions, no_path, object, positive};
use super::values::push_floats;
use super::{Body, Complaint, Kind, LimitView, Row, Wire};
use crate::provider::request::Request;
use crate::provider::script::{Hint, Script};

const FINISH: [&str; 4] = ["STOP", "MAX_TOKENS", "SAFETY", "SAFETY"];
const CAPS: UsualCaps = UsualCaps { inputs: 100, tokens_per_input: 2_048, tokens_per_request: u64::MAX };

/// `/v1beta/models/{model}:{operation}`.
#[derive(Debug)]
pub(super) struct Gemini;

impl Wire for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let in_query = || request.query().split('&').find_map(|pair| pair.strip_prefix("key="));
        request.header("x-goog-api-key").or_else(in_query)
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        let path = request.path();
        let rest = path.strip_prefix("/v1beta/models").or_else(|| path.strip_prefix("/v1/models"));
        let rest = rest.ok_or_else(|| no_path(request))?;
        if request.method == "GET" {
            let model = rest.trim_start_matches('/').to_owned();
            let write = if model.is_empty() { write_models } else { write_model };
            return Ok(Asked {
                operation: "models",
                model,
                texts: Vec::new(),
                detail: Detail::Models(write),
            });
        }
        let (model, operation) =
            rest.trim_start_matches('/').split_once(':').ok_or_else(|| no_path(request))?;
        let fields = object(request)?;
        let mut asked = match operation {
            "embedContent" => read_embed(&[Value::Object(fields)], true, script),
            "batchEmbedContents" => {
                let Some(Value::Array(requests)) = fields.get("requests") else {
                    return Err(bad_field(
                        "requests",
                        "* BatchEmbedContentsRequest.requests: must not be empty",
                    ));
                };
                read_embed(requests, false, script)
            }
            "generateContent" => read_generate(&fields, false, script),
            "streamGenerateContent" => read_generate(&fields, true, script),
            "countTokens" => Ok(Asked {
                operation: "count_tokens",
                model: String::new(),
                texts: read_contents(&fields, script)?,
                detail: Detail::Count(|tokens| json!({ "totalTokens": tokens }).to_string().into_bytes()),
            }),
            _ => Err(no_path(request)),
        }?;
        asked.model = model.to_owned();
        Ok(asked)
    }

    fn status(&self, kind: &Kind) -> Option<u16> {
        match kind {
            Kind::WrongKey => Some(400),
            Kind::NoKey => Some(403),
            _ => None,
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        error(complaint).to_string().into_bytes()
    }

    fn stream_error(&self, complaint: &Complaint) -> Vec<u8> {
        event(&error(complaint)).into_bytes()
    }

    fn usual_hints(&self) -> &'static [Hint] {
        &[Hint::RetryInfo]
    }

    fn limit_headers(&self, _: &LimitView) -> Vec<(String, String)> {
        Vec::new()
    }
}

fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}

fn read_embed(requests: &[Value], single: bool, script: &Script) -> Result<Asked, Complaint> {
    let mut texts = Vec::new();
    let mut wanted = None;
    for request in requests {
        let parts = request.get("content").and_then(|content| content.get("parts"));
        let text = content_text(parts.unwrap_or(&Value::Null))?;
        if text.is_empty() {
            return Err(bad_field("content", "* EmbedContentRequest.content: contents is not specified"));
        }
        texts.push(Text::new(text, &script.tokens));
        wanted = dimensions(request.get("outputDimensionality"), "outputDimensionality")?.or(wanted);
    }
    if texts.is_empty() {
        return Err(bad_field("requests", "* BatchEmbedContentsRequest.requests: must not be empty"));
    }
    let write = if single { write_single } else { write_batch };
    let embed = EmbedAsk { dimensions: wanted, base64: false, indexed: false, caps: CAPS, write };
    Ok(Asked { operation: "embeddings", model: String::new(), texts, detail: Detail::Embed(embed) })
}

fn read_contents(fields: &Map<String, Value>, script: &Script) -> Result<Vec<Text>, Complaint> {
    let Some(Value::Array(contents)) = fields.get("contents") else {
        return Err(bad_field("contents", "* GenerateContentRequest.contents: contents is not specified"));
    };
    let system = fields.get("systemInstruction").or(fields.get("system_instruction"));
    let parts =
        system.into_iter().chain(contents).map(|content| content.get("parts").unwrap_or(&Value::Null));
    let texts = parts.map(|parts| Ok(Text::new(content_text(parts)?, &script.tokens)));
    let texts: Vec<Text> = texts.collect::<Result<_, Complaint>>()?;
    if contents.is_empty() {
        return Err(bad_field("contents", "* GenerateContentRequest.contents: contents is not specified"));
    }
    Ok(texts)
}

fn read_generate(fields: &Map<String, Value>, stream: bool, script: &Script) -> Result<Asked, Complaint> {
    let texts = read_contents(fields, script)?;
    let config = fields.get("generationConfig").unwrap_or(&Value::Null);
    let max_tokens = positive(config.get("maxOutputTokens"), "maxOutputTokens")?;
    let schema = config.get("responseJsonSchema").or(config.get("responseSchema")).map(lower_types);
    let chat = ChatAsk { stream, usage: true, schema, max_tokens, context: 1_048_576, write };
    Ok(Asked { operation: "chat", model: String::new(), texts, detail: Detail::Chat(chat) })
}

/// Google writes the types of a schema in capitals.
fn lower_types(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let lower = |(name, value): (&String, &Value)| match value {
                Value::String(kind) if name == "type" => (name.clone(), json!(kind.to_ascii_lowercase())),
                other => (name.clone(), lower_types(other)),
            };
            Value::Object(fields.iter().map(lower).collect())
        }
        other => other.clone(),
    }
}

fn write_single(_: &Asked, _: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
    let mut out = br#"{"embedding":"#.to_vec();
    match rows.first() {
        Some(row) => push_values(&mut out, row),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

fn write_batch(_: &Asked, _: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
    let mut out = br#"{"embeddings":["#.to_vec();
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push_values(&mut out, row);
    }
    out.extend_from_slice(b"]}");
    out
}

fn push_values(out: &mut Vec<u8>, row: &Row) {
    out.extend_from_slice(br#"{"values":"#);
    push_floats(out, row);
    out.push(b'}');
}

fn write(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    let answer = |text: &str, finish: Option<&str>, tokens: u64| {
        let content = json!({ "parts": [{ "text": text }], "role": "model" });
        let mut candidate = json!({ "content": content, "index": 0 });
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        let prompt = asked.input_tokens();
        let usage = json!({
            "promptTokenCount": prompt, "candidatesTokenCount": tokens, "totalTokenCount": prompt + tokens,
        });
        json!({ "candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model })
    };
    let finish = Some(said.finish.word(FINISH));
    if !ask.stream {
        return Body::Whole(answer(&said.text(), finish, said.tokens).to_string().into_bytes());
    }
    let last = said.pieces.len().saturating_sub(1);
    let pieces = said.pieces.iter().enumerate();
    let mut events: Vec<_> = pieces
        .map(|(n, piece)| event(&answer(piece, finish.filter(|_| n == last), n as u64 + 1)).into())
        .collect();
    if events.is_empty() {
        events.push(event(&answer("", finish, 0)).into());
    }
    // The reason to end comes with the last words: there is no other end marker.
    Body::Stream { content_type: "text/event-stream", events, end_marker: 1 }
}

fn describe(id: &String) -> Value {
    let methods = ["embedContent", "batchEmbedContents", "generateContent", "countTokens"];
    json!({ "name": format!("models/{id}"), "displayName": id, "supportedGenerationMethods": methods })
}

fn write_models(ids: &[String]) -> Vec<u8> {
    json!({ "models": ids.iter().map(describe).collect::<Vec<_>>() }).to_string().into_bytes()
}

fn write_model(ids: &[String]) -> Vec<u8> {
    ids.first().map_or(Value::Null, describe).to_string().into_bytes()
}

fn error(complaint: &Complaint) -> Value {
    let code = complaint.status();
    let status = match code {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    let mut error = json!({ "code": code, "message": complaint.words(words), "status": status });
    let details = details(complaint);
    if !details.is_empty() {
        error["details"] = Value::Array(details);
    }
    json!({ "error": error })
}

fn details(complaint: &Complaint) -> Vec<Value> {
    let mut details = Vec::new();
    let quota = match &complaint.kind {
        Kind::RateLimited(denied) => Some((
            "PerMinute",
            denied.as_ref().map_or_else(|| "60".to_owned(), |d| d.limit.amount.to_string()),
        )),
        Kind::Daily => Some(("PerDay", "1000".to_owned())),
        Kind::Quota => Some(("PerDay", "0".to_owned())),
        _ => None,
    };
    if let Some((period, value)) = quota {
        let violation = json!({
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": format!("GenerateRequests{period}PerProjectPerModel-FreeTier"), "quotaValue": value,
        });
        details.push(
            json!({ "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation] }),
        );
    }
    if complaint.kind == Kind::WrongKey {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
        }));
    }
    if let Some(wait) = complaint.retry_info {
        let delay = format!("{}s", wait.as_millis() as f64 / 1_000.0);
        details.push(json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }));
    }
    details
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "Request contains an invalid argument.".to_owned(),
        Kind::TooManyInputs { cap, .. } => {
            format!("* BatchEmbedContentsRequest.requests: at most {cap} requests can be in one batch")
        }
        Kind::InputTooLong { got, cap }
        | Kind::RequestTooLong { got, cap }
        | Kind::ContextTooLong { got, cap } => {
            format!("The input token count ({got}) exceeds the maximum number of tokens allowed ({cap}).")
        }
        Kind::NoKey => {
            "Method doesn't allow unregistered callers (callers without established identity).".to_owned()
        }
        Kind::WrongKey => "API key not valid. Please pass a valid API key.".to_owned(),
        Kind::NoModel(model) => {
            format!(
                "models/{model} is not found for API version v1beta, or is not supported for this method."
            )
        }
        Kind::NoPath(path) => format!("The requested URL {path} was not found on this server."),
        Kind::TooLarge => "Request payload size exceeds the limit.".to_owned(),
        Kind::RateLimited(_) | Kind::Daily => {
            "You exceeded your current quota, please check your plan and billing details.".to_owned()
        }
        Kind::Quota => {
            "You exceeded your current quota. Quota exceeded for metric: requests, limit: 0".to_owned()
        }
        Kind::Payment => "Billing is not enabled for this project.".to_owned(),
        Kind::Overloaded => "The model is overloaded. Please try again later.".to_owned(),
        Kind::Status => "An internal error has occurred. Please retry.".to_owned(),
    }
}

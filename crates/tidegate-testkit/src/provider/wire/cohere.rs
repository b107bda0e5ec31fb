//! Cohere's second version.

use serde_json::{Value, json};

use super::asked::{Asked, Detail, EmbedAsk, Text, UsualCaps};
use super::chat::{ChatAsk, Said, event, messages};
use super::fields::{bad_field, dimensions, flag, no_path, object, positive, string, strings};
use super::rerank::RerankAsk;
use super::values::{push_base64, push_floats, push_json};
use super::{Body, Complaint, Kind, LimitView, Row, Wire};
use crate::provider::request::Request;
use crate::provider::script::{Hint, Script};

const FINISH: [&str; 4] = ["COMPLETE", "MAX_TOKENS", "ERROR_TOXIC", "ERROR_TOXIC"];
const CAPS: UsualCaps = UsualCaps { inputs: 96, tokens_per_input: 128_000, tokens_per_request: u64::MAX };
const INPUT_TYPES: [&str; 5] = ["search_document", "search_query", "classification", "clustering", "image"];

/// `/v2/embed`, `/v2/chat` and `/v2/rerank`.
#[derive(Debug)]
pub(super) struct Cohere;

impl Wire for Cohere {
    fn name(&self) -> &'static str {
        "cohere"
    }

    fn key<'a>(&self, request: &'a Request) -> Option<&'a str> {
        request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    fn read(&self, request: &Request, script: &Script) -> Result<Asked, Complaint> {
        match (request.method.as_str(), request.path()) {
            ("POST", "/v2/embed") => read_embed(request, script),
            ("POST", "/v2/chat") => read_chat(request, script),
            ("POST", "/v2/rerank") => read_rerank(request, script),
            _ => Err(no_path(request)),
        }
    }

    fn complaint(&self, complaint: &Complaint) -> Vec<u8> {
        json!({ "id": "f1c0ffee", "message": complaint.words(words) }).to_string().into_bytes()
    }

    fn stream_error(&self, _: &Complaint) -> Vec<u8> {
        let delta = json!({ "finish_reason": "ERROR", "error": "internal server error" });
        event(Some("message-end"), &json!({ "type": "message-end", "delta": delta })).to_vec()
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
    let input_type = string(&mut fields, "input_type")?;
    if !INPUT_TYPES.contains(&input_type.as_str()) {
        return Err(bad_field("input_type", "invalid request: input_type is not one of the known ones"));
    }
    let texts = Text::all(strings(&mut fields, "texts")?, &script.tokens);
    if texts.is_empty() {
        return Err(bad_field("texts", "invalid request: at least one text is required"));
    }
    let types = match fields.contains_key("embedding_types") {
        true => strings(&mut fields, "embedding_types")?,
        false => vec!["float".to_owned()],
    };
    let base64 = match types.as_slice() {
        [one] if one == "float" => false,
        [one] if one == "base64" => true,
        _ => return Err(bad_field("embedding_types", "this server gives one of float and base64")),
    };
    let dimensions = dimensions(fields.get("output_dimension"), "output_dimension")?;
    let embed = EmbedAsk { dimensions, base64, indexed: false, caps: CAPS, write: write_embed };
    Ok(Asked { operation: "embeddings", model, texts, detail: Detail::Embed(embed) })
}

fn read_chat(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let texts = messages(&fields, &script.tokens)?;
    let format = fields.get("response_format");
    let json_wanted = format.and_then(|format| format.get("type")?.as_str()) == Some("json_object");
    let given = format.and_then(|format| format.get("json_schema").or(format.get("schema")));
    let schema = json_wanted.then(|| given.cloned().unwrap_or_else(|| json!({ "type": "object" })));
    let max_tokens = positive(fields.get("max_tokens"), "max_tokens")?;
    let stream = flag(fields.get("stream"), false);
    let chat = ChatAsk { stream, usage: true, schema, max_tokens, context: 128_000, write: write_chat };
    Ok(Asked { operation: "chat", model, texts, detail: Detail::Chat(chat) })
}

fn read_rerank(request: &Request, script: &Script) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = string(&mut fields, "model")?;
    let mut texts = vec![string(&mut fields, "query")?];
    texts.extend(strings(&mut fields, "documents")?);
    let top = positive(fields.get("top_n"), "top_n")?.map(|n| n as usize);
    let detail = Detail::Rerank(RerankAsk { top, documents: false, write: write_rerank });
    Ok(Asked { operation: "rerank", model, texts: Text::all(texts, &script.tokens), detail })
}

fn write_embed(asked: &Asked, embed: &EmbedAsk, rows: &[Row]) -> Vec<u8> {
    let (name, push): (_, fn(&mut Vec<u8>, &Row)) =
        if embed.base64 { ("base64", push_base64) } else { ("float", push_floats) };
    let mut out = format!(r#"{{"id":"f1c0ffee","embeddings":{{"{name}":["#).into_bytes();
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        push(&mut out, row);
    }
    out.extend_from_slice(br#"]},"texts":"#);
    push_json(&mut out, &asked.texts.iter().map(|text| text.text.as_str()).collect::<Vec<_>>());
    let tokens = asked.input_tokens();
    let meta = json!({ "api_version": { "version": "2" }, "billed_units": { "input_tokens": tokens } });
    out.extend_from_slice(format!(r#","meta":{meta},"response_type":"embeddings_by_type"}}"#).as_bytes());
    out
}

fn usage(asked: &Asked, said: &Said) -> Value {
    let counts = json!({ "input_tokens": asked.input_tokens(), "output_tokens": said.tokens });
    json!({ "billed_units": counts, "tokens": counts })
}

fn write_chat(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    let id = format!("{:016x}", said.id);
    let finish = said.finish.word(FINISH);
    if !ask.stream {
        let content = json!([{ "type": "text", "text": said.text() }]);
        let message = json!({ "role": "assistant", "content": content });
        let answer =
            json!({ "id": id, "finish_reason": finish, "message": message, "usage": usage(asked, said) });
        return Body::Whole(answer.to_string().into_bytes());
    }
    let named = |data: Value| event(data["type"].as_str(), &data);
    let content = |content: Value| json!({ "message": { "content": content } });
    let begin =
        json!({ "message": { "role": "assistant", "content": [], "tool_calls": [], "citations": [] } });
    let mut events = vec![
        named(json!({ "id": id, "type": "message-start", "delta": begin })),
        named(json!({
            "type": "content-start", "index": 0, "delta": content(json!({ "type": "text", "text": "" })),
        })),
    ];
    events.extend(said.pieces.iter().map(|piece| {
        named(json!({ "type": "content-delta", "index": 0, "delta": content(json!({ "text": piece })) }))
    }));
    events.push(named(json!({ "type": "content-end", "index": 0 })));
    let delta = json!({ "finish_reason": finish, "usage": usage(asked, said) });
    events.push(named(json!({ "type": "message-end", "delta": delta })));
    Body::Stream { content_type: "text/event-stream", events, end_marker: 1 }
}

fn write_rerank(_: &Asked, _: &RerankAsk, ranked: &[(usize, f64)]) -> Vec<u8> {
    let result = |(index, score): &(usize, f64)| json!({ "index": index, "relevance_score": score });
    let results: Vec<Value> = ranked.iter().map(result).collect();
    let meta = json!({ "api_version": { "version": "2" }, "billed_units": { "search_units": 1 } });
    json!({ "id": "f1c0ffee", "results": results, "meta": meta }).to_string().into_bytes()
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "invalid request: texts contain an invalid value".to_owned(),
        Kind::TooManyInputs { got, cap } => {
            format!("invalid request: total number of texts must be at most {cap} - received {got}")
        }
        Kind::InputTooLong { got, cap }
        | Kind::RequestTooLong { got, cap }
        | Kind::ContextTooLong { got, cap } => {
            format!("too many tokens: total number of tokens cannot exceed {cap} - received {got}")
        }
        Kind::NoKey => "no api key supplied".to_owned(),
        Kind::WrongKey => "invalid api token".to_owned(),
        Kind::NoModel(model) => format!("model '{model}' not found, make sure the correct model ID was used"),
        Kind::NoPath(path) => format!("page not found: {path}"),
        Kind::TooLarge => "request too large".to_owned(),
        Kind::RateLimited(denied) => format!(
            "You are using a Trial key, which is limited to {} API calls / minute. You can continue to use the \
             Trial key for free or upgrade to a Production key with higher rate limits.",
            denied.as_ref().map_or(40, |denied| denied.limit.amount)
        ),
        Kind::Daily | Kind::Quota => {
            "You are using a Trial key, which is limited to 1000 API calls / month.".to_owned()
        }
        Kind::Payment => "Please add or update your payment method.".to_owned(),
        Kind::Overloaded => "the service is unavailable, please retry".to_owned(),
        Kind::Status => "internal server error".to_owned(),
    }
}

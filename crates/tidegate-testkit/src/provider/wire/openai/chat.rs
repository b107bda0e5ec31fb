//! `/v1/chat/completions`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::models::model;
use crate::provider::request::Request;
use crate::provider::script::Script;
use crate::provider::wire::asked::{Asked, Detail};
use crate::provider::wire::chat::{ChatAsk, Finish, Said, event, messages};
use crate::provider::wire::fields::{bad_field, flag, object, positive};
use crate::provider::wire::{Body, Complaint};

const FINISH: [&str; 4] = ["stop", "length", "content_filter", "stop"];

/// Reads `/v1/chat/completions`; `deployment` is the model where the path names it.
pub(in crate::provider::wire) fn read_chat(
    request: &Request,
    deployment: Option<&str>,
    script: &Script,
) -> Result<Asked, Complaint> {
    let mut fields = object(request)?;
    let model = model(&mut fields, deployment)?;
    let texts = messages(&fields, &script.tokens)?;
    let newer = positive(fields.get("max_completion_tokens"), "max_completion_tokens")?;
    let max_tokens = newer.or(positive(fields.get("max_tokens"), "max_tokens")?);
    let options = fields.get("stream_options");
    let usage = flag(options.and_then(|options| options.get("include_usage")), false);
    let schema = schema(fields.get("response_format"))?;
    let stream = flag(fields.get("stream"), false);
    if options.is_some_and(|options| !options.is_null()) && !stream {
        return Err(bad_field("stream_options", "'stream_options' is only allowed with 'stream'"));
    }
    let detail = Detail::Chat(ChatAsk { stream, usage, schema, max_tokens, context: 128_000, write });
    Ok(Asked { operation: "chat", model, texts, detail })
}

fn schema(format: Option<&Value>) -> Result<Option<Value>, Complaint> {
    let Some(format) = format else { return Ok(None) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(json!({ "type": "object" }))),
        Some("json_schema") => match format.pointer("/json_schema/schema") {
            Some(schema) => Ok(Some(schema.clone())),
            None => Err(bad_field("response_format", "missing 'response_format.json_schema.schema'")),
        },
        _ => Err(bad_field("response_format", "'type' must be text, json_object or json_schema")),
    }
}

fn usage(asked: &Asked, said: &Said) -> Value {
    let prompt = asked.input_tokens();
    json!({
        "prompt_tokens": prompt, "completion_tokens": said.tokens, "total_tokens": prompt + said.tokens,
    })
}

fn write(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    if ask.stream {
        return stream(asked, ask, said);
    }
    let message = match said.finish {
        Finish::Refused => json!({ "role": "assistant", "content": null, "refusal": said.text() }),
        _ => json!({ "role": "assistant", "content": said.text(), "refusal": null }),
    };
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": said.finish.word(FINISH) });
    let answer = json!({
        "id": format!("chatcmpl-{:016x}", said.id), "object": "chat.completion", "created": said.created,
        "model": asked.model, "choices": [choice], "usage": usage(asked, said),
    });
    Body::Whole(answer.to_string().into_bytes())
}

fn stream(asked: &Asked, ask: &ChatAsk, said: &Said) -> Body {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{:016x}", said.id), "object": "chat.completion.chunk",
            "created": said.created, "model": asked.model, "choices": choices,
        });
        if ask.usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        event(None, &chunk)
    };
    let choice =
        |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    let mut events = vec![chunk(choice(json!({ "role": "assistant", "content": "" }), Value::Null), None)];
    let place = if said.finish == Finish::Refused { "refusal" } else { "content" };
    let words = said.pieces.iter().map(|piece| chunk(choice(json!({ place: piece }), Value::Null), None));
    events.extend(words);
    events.push(chunk(choice(json!({}), json!(said.finish.word(FINISH))), None));
    if ask.usage {
        events.push(chunk(json!([]), Some(usage(asked, said))));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Body::Stream { content_type: "text/event-stream; charset=utf-8", events, end_marker: 1 }
}

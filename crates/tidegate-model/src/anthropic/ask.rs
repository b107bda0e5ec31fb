//! What is sent.

use crate::ask::{Chat, Message};
use crate::object::Object;
use crate::profile::ChatApi;

/// Where the service insists on a number and nobody gave one.
const MAX_TOKENS: u32 = 4_096;

/// The body that asks `model` to answer `chat`. There is no seed.
pub(crate) fn body(api: &ChatApi, model: &str, chat: &Chat, stream: bool) -> Object {
    let params = &*chat.params;
    let max_tokens = params.max_tokens.or(api.max_tokens_default).unwrap_or(MAX_TOKENS);
    let stop = (!params.stop.is_empty()).then(|| params.stop.iter().map(|stop| &**stop).collect::<Vec<_>>());
    let body = Object::new()
        .with("model", model)
        .with(&api.max_tokens, &max_tokens)
        .with_some("system", chat.system.as_deref())
        .with_list("messages", chat.messages.iter().map(message))
        .with_some("temperature", params.temperature)
        .with_some("top_p", params.top_p)
        .with_some("stop_sequences", stop);
    let body = match &params.schema {
        Some(schema) if api.json_schema => {
            let format = Object::new().with("type", "json_schema").with_json("schema", &schema.json);
            body.with_object("output_config", Object::new().with_object("format", format))
        }
        _ => body,
    };
    body.with_some("stream", stream.then_some(true)).with_table(&api.extra)
}

fn message(message: &Message) -> Object {
    Object::new().with("role", message.role.name()).with("content", &*message.content)
}

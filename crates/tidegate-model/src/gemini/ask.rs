//! What is sent to be answered.

use crate::ask::{Chat, Message, Role};
use crate::object::Object;
use crate::profile::ChatApi;

/// The body that asks for an answer to `chat`; the path names the model, and tells a stream.
pub(crate) fn body(api: &ChatApi, _model: &str, chat: &Chat, _stream: bool) -> Object {
    let params = &*chat.params;
    let stop = (!params.stop.is_empty()).then(|| params.stop.iter().map(|stop| &**stop).collect::<Vec<_>>());
    let mut config = Object::new()
        .with_some("temperature", params.temperature)
        .with_some("topP", params.top_p)
        .with_some(&api.max_tokens, params.max_tokens.or(api.max_tokens_default))
        .with_some("stopSequences", stop);
    if let (Some(field), Some(seed)) = (&api.seed, chat.seed()) {
        // The service reads 32 bits, of which the first is a sign.
        config = config.with(field, &(seed & 0x7fff_ffff));
    }
    if let Some(schema) = params.schema.as_ref().filter(|_| api.json_schema) {
        // `responseSchema` takes another language, which refuses much of what JSON Schema has.
        config =
            config.with("responseMimeType", "application/json").with_json("responseJsonSchema", &schema.json);
    }
    let system = chat.system.as_deref().map(parts).unwrap_or_default();
    Object::new()
        .with_object("systemInstruction", system)
        .with_list("contents", chat.messages.iter().map(content))
        .with_object("generationConfig", config)
        .with_table(&api.extra)
}

fn content(message: &Message) -> Object {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "model",
    };
    Object::new().with("role", role).with_list("parts", part(&message.content))
}

/// A content without a role, which is a list of parts, of which there is one.
pub(super) fn parts(text: &str) -> Object {
    Object::new().with_list("parts", part(text))
}

fn part(text: &str) -> impl Iterator<Item = Object> {
    std::iter::once(Object::new().with("text", text))
}

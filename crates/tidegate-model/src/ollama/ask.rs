//! What is sent to be answered.

use crate::ask::Chat;
use crate::object::Object;
use crate::profile::ChatApi;

/// The body that asks `model` to answer `chat`.
pub(crate) fn body(api: &ChatApi, model: &str, chat: &Chat, stream: bool) -> Object {
    let params = &*chat.params;
    let stop = (!params.stop.is_empty()).then(|| params.stop.iter().map(|stop| &**stop).collect::<Vec<_>>());
    let message = |(role, content): (&str, &str)| Object::new().with("role", role).with("content", content);
    let system = chat.system.as_deref().map(|system| ("system", system));
    let messages = chat.messages.iter().map(|message| (message.role.name(), &*message.content));
    let mut options = Object::new()
        .with_some("temperature", params.temperature)
        .with_some("top_p", params.top_p)
        .with_some(&api.max_tokens, params.max_tokens.or(api.max_tokens_default))
        .with_some("stop", stop);
    if let (Some(field), Some(seed)) = (&api.seed, chat.seed()) {
        // The server reads 32 bits, of which the first is a sign.
        options = options.with(field, &(seed & 0x7fff_ffff));
    }
    let mut body = Object::new()
        .with("model", model)
        .with_list("messages", system.into_iter().chain(messages).map(message))
        // The server streams unless told otherwise.
        .with("stream", &stream);
    if let Some(schema) = params.schema.as_ref().filter(|_| api.json_schema) {
        body = body.with_json("format", &schema.json);
    }
    body.with_object("options", options).with_table(&api.extra)
}

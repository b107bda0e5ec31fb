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
    let mut body = Object::new()
        // The service streams or not by this field alone, so it is always there.
        .with("stream", &stream)
        .with("model", model)
        .with_list("messages", system.into_iter().chain(messages).map(message))
        .with_some(&api.max_tokens, params.max_tokens.or(api.max_tokens_default))
        .with_some("temperature", params.temperature)
        .with_some("p", params.top_p)
        .with_some("stop_sequences", stop);
    if let (Some(field), Some(seed)) = (&api.seed, chat.seed()) {
        body = body.with(field, &seed);
    }
    if let Some(schema) = params.schema.as_ref().filter(|_| api.json_schema) {
        let format = Object::new().with("type", "json_object").with_json("json_schema", &schema.json);
        body = body.with_object("response_format", format);
    }
    body.with_table(&api.extra)
}

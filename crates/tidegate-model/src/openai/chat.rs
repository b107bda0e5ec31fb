//! Chat completions.

use std::borrow::Cow;
use std::sync::Arc;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{
    Charge, Codec, ContentHash, Fault, Listener, Quota, Refusal, Reply, Shape, StreamCodec, Tokenizer, Usage,
};

use super::stream::Stream;
use super::used::Used;
use crate::ask::{Chat, Completion, Finish, Schema};
use crate::chatting::Chatting;
use crate::service::{Service, unsendable};

/// Speaks `POST /chat/completions`, whole or as a stream.
#[derive(Clone)]
pub struct OpenaiChat {
    chatting: Chatting,
}

impl OpenaiChat {
    /// Answers with the model of `service`; `counter` counts tokens as it does, or more.
    ///
    /// # Errors
    /// The provider does not chat.
    pub fn new(service: Service, counter: Arc<dyn Tokenizer>) -> Result<Self, Fault> {
        Chatting::new(service, counter).map(|chatting| Self { chatting })
    }

    /// The name of the model in journal keys, and how tokens are counted.
    #[must_use]
    pub fn chatting(&self) -> &Chatting {
        &self.chatting
    }

    fn request(&self, chat: &Chat, stream: bool) -> Result<HttpRequest, Fault> {
        self.chatting.check(chat)?;
        let mut body = Vec::with_capacity(512 + chat.texts().map(str::len).sum::<usize>());
        self.write(chat, stream, &mut body).map_err(unsendable)?;
        let api = self.chatting.api();
        let path = api.stream_path.as_ref().filter(|_| stream).unwrap_or(&api.path);
        Ok(self.chatting.service().post(path, body))
    }

    fn write(&self, chat: &Chat, stream: bool, body: &mut Vec<u8>) -> serde_json::Result<()> {
        let (api, params) = (self.chatting.api(), &*chat.params);
        let mut json = serde_json::Serializer::new(body);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("model", self.chatting.service().model())?;
        map.serialize_entry("messages", &Messages(chat))?;
        optional(&mut map, "temperature", params.temperature)?;
        optional(&mut map, "top_p", params.top_p)?;
        optional(&mut map, &api.max_tokens, params.max_tokens.or(api.max_tokens_default))?;
        if !params.stop.is_empty() {
            map.serialize_entry("stop", &params.stop)?;
        }
        if let Some(field) = &api.seed {
            optional(&mut map, field, chat.seed())?;
        }
        if let Some(schema) = &params.schema {
            map.serialize_entry("response_format", &ResponseFormat::new(schema)?)?;
        }
        for (field, value) in &api.extra {
            map.serialize_entry(field, value)?;
        }
        if stream {
            map.serialize_entry("stream", &true)?;
            if api.stream_usage {
                map.serialize_entry("stream_options", &json!({"include_usage": true}))?;
            }
        }
        map.end()
    }
}

/// Writes `value` where there is one.
fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    field: &str,
    value: Option<T>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(field, &value))
}

/// The messages, the system's first.
struct Messages<'a>(&'a Chat);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Message<'a> {
            role: &'a str,
            content: &'a str,
        }
        let system = self.0.system.iter().map(|content| Message { role: "system", content });
        let others = self.0.messages.iter();
        let others = others.map(|message| Message { role: message.role.name(), content: &message.content });
        serializer.collect_seq(system.chain(others))
    }
}

/// The schema, its text as it was given: the order of its properties is the order of the answer's.
#[derive(Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    json_schema: JsonSchema<'a>,
}

#[derive(Serialize)]
struct JsonSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: Box<RawValue>,
}

impl<'a> ResponseFormat<'a> {
    fn new(schema: &'a Schema) -> serde_json::Result<Self> {
        let text = serde_json::from_str(&schema.json)?;
        let json_schema = JsonSchema { name: &schema.name, strict: schema.strict, schema: text };
        Ok(Self { r#type: "json_schema", json_schema })
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default, borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Said<'a>,
    #[serde(default, borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

/// What a model says, whole or in part.
#[derive(Deserialize, Default)]
pub(super) struct Said<'a> {
    #[serde(default, borrow)]
    content: Option<Content<'a>>,
    #[serde(default, borrow)]
    pub(super) refusal: Option<Cow<'a, str>>,
}

/// A text, or parts of which some are texts: models that think show their thoughts as other parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    #[serde(borrow)]
    Parts(Vec<Part<'a>>),
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(default, borrow)]
    text: Option<Cow<'a, str>>,
}

impl Said<'_> {
    /// Appends its text.
    pub(super) fn append(&self, text: &mut String) {
        match &self.content {
            None => {}
            Some(Content::Text(said)) => text.push_str(said),
            Some(Content::Parts(parts)) => {
                text.extend(parts.iter().filter_map(|part| part.text.as_deref()));
            }
        }
    }
}

/// Why a model stopped, as this format and its clones name it.
pub(super) fn finish(reason: &str, refused: bool) -> Finish {
    match reason {
        _ if refused => Finish::Refusal,
        "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" => Finish::Stop,
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "content_filter" => Finish::Filter,
        "tool_calls" | "function_call" => Finish::ToolUse,
        _ => Finish::Other,
    }
}

impl Codec for OpenaiChat {
    type Item = Chat;
    type Answer = Arc<Completion>;

    fn key(&self, item: &Chat) -> Option<ContentHash> {
        Some(self.chatting.key(item))
    }

    fn estimate(&self, items: &[Chat]) -> Charge {
        self.chatting.estimate(items)
    }

    fn shape(&self) -> Shape {
        self.chatting.shape()
    }

    fn encode(&self, items: &[Chat]) -> Result<HttpRequest, Fault> {
        self.request(crate::chatting::only(items)?, false)
    }

    fn decode(&self, items: &[Chat], answer: &Answer) -> Result<Reply<Arc<Completion>>, Refusal> {
        let service = self.chatting.service();
        let body: Body<'_> = service.read(answer)?;
        let ([item], [choice]) = (items, body.choices.as_slice()) else {
            let wrong = format!("{} answers came for {} conversations", body.choices.len(), items.len());
            return Err(service.bad(answer, &wrong));
        };
        let Some(reason) = &choice.finish_reason else {
            return Err(service.bad(answer, "the answer does not say why it ends, so it may not be whole"));
        };
        let mut text = String::new();
        choice.message.append(&mut text);
        let refusal = choice.message.refusal.as_deref().filter(|refusal| !refusal.is_empty());
        let usage = body.usage.and_then(Used::usage);
        let model = body.model.as_deref().unwrap_or(service.model());
        let completion = Completion {
            finish: finish(reason, refusal.is_some()),
            model: model.into(),
            usage: usage.unwrap_or_else(|| self.chatting.guess(item, &text)),
            text: text.into(),
        };
        let model = Some(model.to_owned());
        let answer = completion.whole(refusal.unwrap_or(reason)).map(Arc::new);
        Ok(Reply { answers: vec![answer], usage, model })
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.chatting.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.chatting.service().price(usage)
    }
}

impl StreamCodec for OpenaiChat {
    fn encode_stream(&self, item: &Chat) -> Result<HttpRequest, Fault> {
        self.request(item, true)
    }

    fn listen(&self, item: &Chat) -> Box<dyn Listener<Arc<Completion>>> {
        Box::new(Stream::new(self.chatting.clone(), item.clone()))
    }

    fn text<'a>(&self, answer: &'a Arc<Completion>) -> &'a str {
        &answer.text
    }
}

//! Conversations.

use std::sync::Arc;

use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{
    Charge, Codec, ContentHash, Fault, Listener, Quota, Refusal, Reply, Shape, StreamCodec, Tokenizer, Usage,
};

use super::listen::{Framing, Stream};
use super::refine;
use crate::ask::{Chat, ChatParams, Completion};
use crate::chatting::{Chatting, only};
use crate::draft::{Draft, Wrong};
use crate::object::Object;
use crate::openai::OpenaiChat;
use crate::profile::{ChatApi, Family};
use crate::service::Service;
use crate::{anthropic, cohere, gemini, ollama};

/// Answers conversations with any service.
#[derive(Clone)]
pub struct AnyChat(Inner);

#[derive(Clone)]
enum Inner {
    Openai(OpenaiChat),
    Plain(Plain),
}

/// Answers with the model of `service`, in the wire format that its profile names; `counter` counts tokens as the
/// model does, or more.
///
/// # Errors
/// The provider does not chat.
pub fn chat_codec(service: Service, counter: Arc<dyn Tokenizer>) -> Result<AnyChat, Fault> {
    let formats = match service.profile().family {
        Family::Openai => return OpenaiChat::new(service, counter).map(Inner::Openai).map(AnyChat),
        Family::Anthropic => &ANTHROPIC,
        Family::Gemini => &GEMINI,
        Family::Cohere => &COHERE,
        Family::Ollama => &OLLAMA,
    };
    Ok(AnyChat(Inner::Plain(Plain { chatting: Chatting::new(service, counter)?, formats })))
}

impl AnyChat {
    fn codec(&self) -> &dyn StreamCodec<Item = Chat, Answer = Arc<Completion>> {
        match &self.0 {
            Inner::Openai(codec) => codec,
            Inner::Plain(codec) => codec,
        }
    }
}

impl Codec for AnyChat {
    type Item = Chat;
    type Answer = Arc<Completion>;

    fn key(&self, item: &Chat) -> Option<ContentHash> {
        self.codec().key(item)
    }

    fn estimate(&self, items: &[Chat]) -> Charge {
        self.codec().estimate(items)
    }

    fn shape(&self) -> Shape {
        self.codec().shape()
    }

    fn encode(&self, items: &[Chat]) -> Result<HttpRequest, Fault> {
        self.codec().encode(items)
    }

    fn decode(&self, items: &[Chat], answer: &Answer) -> Result<Reply<Arc<Completion>>, Refusal> {
        self.codec().decode(items, answer)
    }

    fn sample(&self) -> Option<Chat> {
        let params = ChatParams { max_tokens: Some(16), ..ChatParams::default() };
        Some(Chat::question(None, "Answer with the word yes.", Arc::new(params)))
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.codec().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.codec().price(usage)
    }
}

impl StreamCodec for AnyChat {
    fn encode_stream(&self, item: &Chat) -> Result<HttpRequest, Fault> {
        self.codec().encode_stream(item)
    }

    fn listen(&self, item: &Chat) -> Box<dyn Listener<Arc<Completion>>> {
        self.codec().listen(item)
    }

    fn text<'a>(&self, answer: &'a Arc<Completion>) -> &'a str {
        &answer.text
    }
}

/// How a family writes what it sends, and reads what comes.
pub(super) struct Formats {
    /// The body that asks a model to answer, in pieces or not.
    write: fn(&ChatApi, &str, &Chat, bool) -> Object,
    /// Reads a whole answer.
    read: fn(&[u8]) -> Result<Draft, Wrong>,
    /// How pieces are told apart.
    pub(super) framing: Framing,
    /// Reads one piece.
    pub(super) event: fn(&[u8], &mut Draft, &mut String) -> Result<(), Wrong>,
}

static ANTHROPIC: Formats = Formats {
    write: anthropic::body,
    read: anthropic::read,
    framing: Framing::Events,
    event: anthropic::event,
};
static GEMINI: Formats =
    Formats { write: gemini::body, read: gemini::read, framing: Framing::Events, event: gemini::event };
static COHERE: Formats =
    Formats { write: cohere::body, read: cohere::read, framing: Framing::Events, event: cohere::event };
static OLLAMA: Formats =
    Formats { write: ollama::body, read: ollama::read, framing: Framing::Lines, event: ollama::event };

/// Answers with a service that has its own wire format.
#[derive(Clone)]
struct Plain {
    chatting: Chatting,
    formats: &'static Formats,
}

impl Plain {
    fn request(&self, chat: &Chat, stream: bool) -> Result<HttpRequest, Fault> {
        self.chatting.check(chat)?;
        let (service, api) = (self.chatting.service(), self.chatting.api());
        let body = (self.formats.write)(api, service.model(), chat, stream);
        let path = api.stream_path.as_ref().filter(|_| stream).unwrap_or(&api.path);
        Ok(service.post(path, body.done()))
    }
}

impl Codec for Plain {
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
        self.request(only(items)?, false)
    }

    fn decode(&self, items: &[Chat], answer: &Answer) -> Result<Reply<Arc<Completion>>, Refusal> {
        let service = self.chatting.service();
        refine::good(service, answer)?;
        let bad = |wrong| refine::bad(service, answer, wrong);
        let draft = (self.formats.read)(&answer.body).map_err(bad)?;
        let [item] = items else {
            return Err(bad(Wrong::Broken(format!("one answer came for {} conversations", items.len()))));
        };
        if !draft.is_whole() {
            let wrong = "the answer does not say why it ends, so it may not be whole";
            return Err(bad(Wrong::broken(wrong)));
        }
        let usage = draft.told();
        let (answer, _) = draft.done(&self.chatting, item);
        let model = answer.as_ref().ok().map(|completion| completion.model.to_string());
        Ok(Reply { answers: vec![answer], usage, model })
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.chatting.service().quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.chatting.service().price(usage)
    }
}

impl StreamCodec for Plain {
    fn encode_stream(&self, item: &Chat) -> Result<HttpRequest, Fault> {
        self.request(item, true)
    }

    fn listen(&self, item: &Chat) -> Box<dyn Listener<Arc<Completion>>> {
        Box::new(Stream::new(self.chatting.clone(), self.formats, item.clone()))
    }

    fn text<'a>(&self, answer: &'a Arc<Completion>) -> &'a str {
        &answer.text
    }
}

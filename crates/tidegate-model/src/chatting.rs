//! What answering conversations with a remote model is in every wire format: keys, estimates, and how an answer is
//! judged.

use std::sync::Arc;

use tidegate_core::{Charge, ContentHash, Fault, FaultKind, Shape, Tokenizer, Usage};

use crate::ask::Chat;
use crate::journal_key::reply_key;
use crate::profile::ChatApi;
use crate::service::Service;

/// Tokens that a message takes beside its text.
const AROUND: u64 = 4;
/// What an answer is expected to have where nothing limits it.
const EXPECTED: u64 = 512;

/// A model that answers conversations.
#[derive(Clone)]
pub struct Chatting {
    service: Service,
    identity: String,
    counter: Arc<dyn Tokenizer>,
}

impl Chatting {
    /// Answers with the model of `service`; `counter` counts tokens as it does, or more.
    ///
    /// # Errors
    /// The provider does not chat.
    pub fn new(service: Service, counter: Arc<dyn Tokenizer>) -> Result<Self, Fault> {
        if service.profile().chat.is_none() {
            let message = format!("{} does not answer conversations", service.profile().name);
            return Err(Fault::new(FaultKind::Config, message).hint("name another provider for answers"));
        }
        Ok(Self { identity: service.identity(), service, counter })
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The name under which its answers are kept.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// How the service is asked.
    #[must_use]
    pub fn api(&self) -> &ChatApi {
        self.service.profile().chat.as_ref().expect("`new` has seen that it is there")
    }

    /// The key of the answer to `chat`.
    #[must_use]
    pub fn key(&self, chat: &Chat) -> ContentHash {
        reply_key("chat", &self.identity, &chat.key_parts())
    }

    /// What asking `chats` probably counts: its tokens, and for the answer all that it may have, because services
    /// that count tokens count those beforehand.
    #[must_use]
    pub fn estimate(&self, chats: &[Chat]) -> Charge {
        let sent = chats.iter().map(|chat| self.tokens(chat)).sum();
        let answered = chats
            .iter()
            .map(|chat| chat.params.max_tokens.or(self.api().max_tokens_default).map_or(EXPECTED, u64::from));
        Charge { inputs: chats.len() as u64, input_tokens: sent, output_tokens: answered.sum() }
    }

    fn tokens(&self, chat: &Chat) -> u64 {
        let schema = chat.params.schema.as_ref().map(|schema| &*schema.json);
        let texts = chat.texts().chain(schema);
        texts.map(|text| AROUND + self.counter.count(text) as u64).sum()
    }

    /// What was used where a service does not say: what was sent, and the tokens of `text`.
    #[must_use]
    pub fn guess(&self, chat: &Chat, text: &str) -> Usage {
        let output_tokens = self.counter.count(text) as u64;
        Usage { input_tokens: self.tokens(chat), cached_tokens: 0, output_tokens }
    }

    /// One conversation in each request.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape { items: 1, ..Shape::default() }
    }

    /// What of `chat` the service cannot be asked.
    ///
    /// # Errors
    /// A conversation without messages; a schema that is no JSON, or that this service does not take.
    pub fn check(&self, chat: &Chat) -> Result<(), Fault> {
        if chat.messages.is_empty() {
            return Err(Fault::new(FaultKind::Validation, "the conversation has no message"));
        }
        let Some(schema) = &chat.params.schema else { return Ok(()) };
        let config = |message: String| Fault::new(FaultKind::Config, message);
        let name = schema.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if schema.name.is_empty() || schema.name.len() > 64 || !name {
            return Err(config(format!("the schema's name {:?} cannot be sent", schema.name))
                .hint("name it with up to 64 letters, digits, - and _"));
        }
        if !self.api().json_schema {
            let message = format!("{} cannot be held to a schema", self.service.profile().name);
            return Err(config(message).hint("leave the schema out and describe the form in the prompt"));
        }
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&schema.json)
            .map(drop)
            .map_err(|error| config(format!("the schema {} is no JSON object: {error}", schema.name)))
    }
}

/// The one conversation of a request.
///
/// # Errors
/// There are more, or none: the caller did not obey [`Chatting::shape`].
pub fn only(chats: &[Chat]) -> Result<&Chat, Fault> {
    match chats {
        [chat] => Ok(chat),
        _ => Err(Fault::new(FaultKind::Internal, format!("{} conversations in one request", chats.len()))),
    }
}

//! Answers about records, checked before they are kept.

use std::sync::Arc;

use serde_json::Value;
use tidegate_call::{Bought, CallCx, Caller, Paid, Replied};
use tidegate_core::{
    Answer, Charge, Codec, ContentHash, Cx, Fault, FaultKind, Head, HttpRequest, Quota, Refusal, Replies,
    Reply, Shape, Usage,
};
use tidegate_model::{AnyChat, Chat, ChatParams, Completion, Message, Schema, chat_codec};

use super::{Kind, Services};
use crate::config::{Enrich, ModelRef};
use crate::form::Form;

/// What a schema is called on the wire.
const SCHEMA: &str = "answer";

/// A model of a provider that is asked about records.
pub(crate) struct RemoteAnswers {
    caller: Caller<Checked>,
    paid: Arc<dyn Paid<Arc<Completion>>>,
    /// The name under which its answers are kept.
    identity: String,
    /// What it is told of the form of its answers, where its service cannot hold it to one.
    form_in_words: Option<String>,
    params: Arc<ChatParams>,
    room: Room,
}

/// What the model takes.
struct Room {
    /// Tokens of a question and its answer together; 0 where nobody knows.
    context: u64,
    /// Whether tokens are counted as the model counts them.
    exact: bool,
    model: String,
}

/// Which model is asked, and how it is to answer.
pub(crate) struct Asking<'a> {
    pub(crate) model: &'a ModelRef,
    /// The JSON Schema that answers must follow.
    pub(crate) schema: Option<&'a str>,
    pub(crate) params: ChatParams,
}

impl<'a> From<&'a Enrich> for Asking<'a> {
    fn from(settings: &'a Enrich) -> Self {
        let params = ChatParams {
            temperature: (settings.temperature > 0.0).then_some(settings.temperature as f32),
            max_tokens: Some(settings.max_tokens),
            ..ChatParams::default()
        };
        Self { model: &settings.model, schema: settings.schema.as_deref(), params }
    }
}

/// An estimate of tokens is at most so many times what any model counts.
const LOOSE: u64 = 5;
/// More than what is counted of a message beside its text.
const AROUND: usize = 8;

/// How often an answer that was cut is asked for with more room: once, with this many times as much.
const MORE_ROOM: u32 = 4;

impl RemoteAnswers {
    /// What `asking` names; its answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a provider or key that is not there, a provider that does not chat, a bad schema.
    pub(crate) fn open(
        services: &Services,
        asking: Asking<'_>,
        journal: Arc<dyn Replies>,
    ) -> Result<Self, Fault> {
        let reached = services.reach(asking.model)?;
        let form = asking.schema.map(Form::new).transpose()?;
        let takes = reached.service.profile().chat.as_ref().is_some_and(|chat| chat.json_schema);
        let mut params = asking.params;
        let mut form_in_words = None;
        if let Some(form) = &form {
            match takes {
                true => {
                    let (json, strict) = (form.text().clone(), form.is_closed());
                    params.schema = Some(Schema { name: SCHEMA.into(), json, strict });
                }
                false => form_in_words = Some(described(form)),
            }
        }
        let chat = chat_codec(reached.service.clone(), reached.tokenizer())?;
        let paid: Arc<dyn Paid<Arc<Completion>>> = Arc::new(Replied(journal));
        let identity = reached.service.identity();
        let room = Room {
            context: reached.context(),
            exact: reached.counts_exactly(),
            model: reached.service.model().to_owned(),
        };
        let parts = services.parts::<Checked>(&reached, paid.clone(), (identity.clone(), Kind::Answers));
        let caller = Caller::new(Arc::new(Checked { chat, form }), parts);
        Ok(Self { caller, paid, identity, form_in_words, params: Arc::new(params), room })
    }

    /// The conversation of `messages`, before which the model is told `system`.
    pub(crate) fn chat(&self, system: &str, messages: Vec<Message>) -> Chat {
        let system = match &self.form_in_words {
            Some(form) if system.is_empty() => form.clone(),
            Some(form) => format!("{system}\n\n{form}"),
            None => system.to_owned(),
        };
        let system = Some(system).filter(|system| !system.is_empty()).map(Into::into);
        Chat { system, messages: messages.into(), params: self.params.clone(), sample: 0 }
    }

    /// The name under which the answer to `chat` is kept.
    pub(crate) fn key(&self, chat: &Chat) -> Option<ContentHash> {
        self.caller.codec().key(chat)
    }

    /// Tokens that asking takes, as they are counted here: those sent, and those that the answer may have.
    pub(crate) fn tokens(&self, chat: &Chat) -> (u64, u64) {
        let charge = self.caller.codec().estimate(std::slice::from_ref(chat));
        (charge.input_tokens, charge.output_tokens)
    }

    /// Whether the model takes so long a question. What is surely too long is better seen here than refused there,
    /// where it counts against the limits; what may be too long is for the service to judge.
    ///
    /// # Errors
    /// [`FaultKind::TooLarge`]: it does not.
    pub(crate) fn fits(&self, chat: &Chat) -> Result<(), Fault> {
        let Room { context, exact, model } = &self.room;
        let answer = chat.params.max_tokens.map_or(0, u64::from);
        let schema = chat.params.schema.as_ref().map_or(0, |schema| schema.json.len() + AROUND);
        // No token is shorter than a byte, so most questions need not be counted.
        let bytes = chat.texts().map(|text| text.len() + AROUND).sum::<usize>() + schema;
        if *context == 0 || bytes as u64 + answer <= *context {
            return Ok(());
        }
        let (sent, _) = self.tokens(chat);
        let (sent, about) = if *exact { (sent, "") } else { (sent / LOOSE, "at least ") };
        if sent + if *exact { answer } else { 0 } <= *context {
            return Ok(());
        }
        let message = format!(
            "the prompt has {about}{sent} tokens; with {answer} for the answer that is more than the {context} that \
             {model} takes: shorten the record, cut it up, or ask a model that takes more"
        );
        Err(Fault::new(FaultKind::TooLarge, message)
            .hint("context_tokens in [providers.NAME] says how much a model of one's own takes"))
    }

    /// The answer to `chat`, which has the form it must have. One that has not is asked for once more with what is
    /// wrong with it, one that was cut with room for more; what comes of that is the answer from then on.
    ///
    /// # Errors
    /// [`FaultKind::Validation`] and [`FaultKind::Incomplete`] where the second answer is no better;
    /// [`FaultKind::Refused`] where the model refuses; as [`Caller::call`] otherwise.
    pub(crate) async fn answer(
        &self,
        chat: &Chat,
        (cx, call): (&Cx, &CallCx),
    ) -> Result<Arc<Completion>, Fault> {
        let unfit = match self.once(chat, (cx, call)).await {
            Err(fault) if matches!(fault.kind(), FaultKind::Validation | FaultKind::Incomplete) => fault,
            answered => return answered,
        };
        let other = match unfit.kind() {
            FaultKind::Validation => better(chat, unfit.message()),
            _ => roomier(chat),
        };
        let answered = self.once(&other, (cx, call)).await.map_err(|fault| match fault.kind() {
            FaultKind::Validation => fault
                .during("also when asked once more")
                .hint("say in the prompt what is wanted, or loosen the schema"),
            FaultKind::Incomplete => fault.during("also when asked with room for more"),
            _ => fault,
        })?;
        self.keep(chat, answered.clone()).await?;
        Ok(answered)
    }

    async fn once(&self, chat: &Chat, (cx, call): (&Cx, &CallCx)) -> Result<Arc<Completion>, Fault> {
        let mut answers = self.caller.call(std::slice::from_ref(chat), call).await?;
        cx.note_wait(answers.told.waited);
        let none = || Fault::new(FaultKind::Internal, "a question without an answer");
        answers.results.pop().ok_or_else(none)?
    }

    /// Keeps a second answer as that to the first question, so that nobody asks that again.
    async fn keep(&self, chat: &Chat, answer: Arc<Completion>) -> Result<(), Fault> {
        let Some(key) = self.caller.codec().key(chat) else { return Ok(()) };
        let bought = Bought { key, answer, usage: Usage::default(), cost: 0.0 };
        self.paid.append(&self.identity, vec![bought]).await
    }

    /// The value that an answer is: JSON where a schema says which, else text.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: it is none.
    pub(crate) fn value(&self, answer: &Completion) -> Result<Value, Fault> {
        self.caller.codec().read(answer)
    }
}

/// The conversation once more, with what was wrong with the answer to it.
fn better(chat: &Chat, wrong: &str) -> Chat {
    let mut messages = chat.messages.to_vec();
    if let Some(last) = messages.last_mut() {
        last.content = format!(
            "{}\n\nAn earlier answer to this was refused: {wrong}. Answer again, with nothing but JSON that follows the \
             schema.",
            last.content
        )
        .into();
    }
    Chat { messages: messages.into(), ..chat.clone() }
}

/// The conversation once more, with room for a longer answer.
fn roomier(chat: &Chat) -> Chat {
    let mut params = (*chat.params).clone();
    params.max_tokens = params.max_tokens.map(|tokens| tokens.saturating_mul(MORE_ROOM));
    Chat { params: Arc::new(params), ..chat.clone() }
}

/// What a model is told of a schema where its service cannot hold it to one.
fn described(form: &Form) -> String {
    format!("Answer with nothing but JSON that follows this JSON Schema:\n{}", form.text())
}

/// A codec that takes no answer which does not have the form it must have. Refused here, such an answer is not kept:
/// whoever asks again, after changing nothing, gets another one.
struct Checked {
    chat: AnyChat,
    form: Option<Form>,
}

impl Checked {
    fn read(&self, completion: &Completion) -> Result<Value, Fault> {
        let Some(form) = &self.form else { return Ok(Value::String(completion.text.trim().to_owned())) };
        form.read(&completion.text).map_err(|wrong| Fault::new(FaultKind::Validation, wrong))
    }
}

impl Codec for Checked {
    type Item = Chat;
    type Answer = Arc<Completion>;

    fn key(&self, item: &Chat) -> Option<ContentHash> {
        self.chat.key(item)
    }

    fn estimate(&self, items: &[Chat]) -> Charge {
        self.chat.estimate(items)
    }

    fn shape(&self) -> Shape {
        self.chat.shape()
    }

    fn encode(&self, items: &[Chat]) -> Result<HttpRequest, Fault> {
        self.chat.encode(items)
    }

    fn decode(&self, items: &[Chat], answer: &Answer) -> Result<Reply<Arc<Completion>>, Refusal> {
        let mut reply = self.chat.decode(items, answer)?;
        for answer in &mut reply.answers {
            if let Ok(completion) = answer
                && let Err(fault) = self.read(completion)
            {
                *answer = Err(fault);
            }
        }
        Ok(reply)
    }

    fn sample(&self) -> Option<Chat> {
        self.chat.sample()
    }

    fn quota(&self, head: &Head) -> Vec<Quota> {
        self.chat.quota(head)
    }

    fn price(&self, usage: &Usage) -> Option<f64> {
        self.chat.price(usage)
    }
}

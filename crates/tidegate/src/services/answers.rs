//! Answers about records, checked before they are kept.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use tidegate_call::{CallCx, Caller, Paid, Replied};
use tidegate_core::{
    Answer, Charge, Codec, ContentHash, Cx, Fault, FaultKind, Head, HttpRequest, Quota, Refusal, Replies,
    Reply, Shape, Usage,
};
use tidegate_model::{AnyChat, Chat, ChatParams, Completion, Schema, chat_codec};

use super::{Kind, Services};
use crate::config::Enrich;
use crate::form::Form;

/// What a schema is called on the wire.
const SCHEMA: &str = "answer";

/// A model of a provider that is asked about records.
pub(crate) struct RemoteAnswers {
    caller: Caller<Checked>,
    system: Option<String>,
    params: Arc<ChatParams>,
}

/// What is asked.
pub(crate) struct Question<'a>(Cow<'a, str>);

impl<'a> Question<'a> {
    /// The prompt as it is.
    pub(crate) fn first(prompt: &'a str) -> Self {
        Self(Cow::Borrowed(prompt))
    }

    /// The prompt once more, with what was wrong with the answer to it.
    pub(crate) fn again(prompt: &str, wrong: &str) -> Self {
        Self(Cow::Owned(format!(
            "{prompt}\n\nAn earlier answer to this was refused: {wrong}. Answer again, with nothing but JSON that \
             follows the schema."
        )))
    }
}

impl RemoteAnswers {
    /// What `settings` name; its answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a provider or key that is not there, a provider that does not chat, a bad schema.
    pub(crate) fn open(
        services: &Services,
        settings: &Enrich,
        journal: Arc<dyn Replies>,
    ) -> Result<Self, Fault> {
        let reached = services.reach(&settings.model)?;
        let form = settings.schema.as_deref().map(Form::new).transpose()?;
        let takes = reached.service.profile().chat.as_ref().is_some_and(|chat| chat.json_schema);
        let mut params = ChatParams {
            temperature: (settings.temperature > 0.0).then_some(settings.temperature as f32),
            max_tokens: Some(settings.max_tokens),
            ..ChatParams::default()
        };
        let mut system = Some(settings.system.clone()).filter(|system| !system.is_empty());
        if let Some(form) = &form {
            match takes {
                true => {
                    let (json, strict) = (form.text().clone(), form.is_closed());
                    params.schema = Some(Schema { name: SCHEMA.into(), json, strict });
                }
                false => system = Some(described(system, form)),
            }
        }
        let chat = chat_codec(reached.service.clone(), reached.tokenizer())?;
        let paid: Arc<dyn Paid<Arc<Completion>>> = Arc::new(Replied(journal));
        let parts = services.parts::<Checked>(&reached, paid, (reached.service.identity(), Kind::Answers));
        let caller = Caller::new(Arc::new(Checked { chat, form }), parts);
        Ok(Self { caller, system, params: Arc::new(params) })
    }

    /// The answer to `question`: JSON where a schema says which, else text.
    ///
    /// # Errors
    /// [`FaultKind::Validation`] where the answer does not follow the schema; as [`Caller::call`] otherwise.
    pub(crate) async fn ask(
        &self,
        question: &Question<'_>,
        (cx, call): (&Cx, &CallCx),
    ) -> Result<Value, Fault> {
        let chat = Chat::question(self.system.as_deref(), &question.0, self.params.clone());
        let mut answers = self.caller.call(std::slice::from_ref(&chat), call).await?;
        cx.note_wait(answers.told.waited);
        let none = || Fault::new(FaultKind::Internal, "a question without an answer");
        let completion = answers.results.pop().ok_or_else(none)??;
        self.caller.codec().read(&completion)
    }
}

/// What a model is told of a schema where its service cannot hold it to one.
fn described(system: Option<String>, form: &Form) -> String {
    let before = system.map(|system| system + "\n\n").unwrap_or_default();
    format!("{before}Answer with nothing but JSON that follows this JSON Schema:\n{}", form.text())
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

//! A step that asks a model about a record and puts the answer into it.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::Value;
use tidegate_call::{CallCx, Priority};
use tidegate_core::{Body, ContentHash, Cx, Each, Emitted, Fault, FaultKind, Fields, Record, Replies};
use tidegate_model::{Chat, ChatParams, Completion, Message, Role};
use tracing::Instrument as _;

use crate::config::{Map, Prompt, Step};
use crate::form;
use crate::services::{Asking, RemoteAnswers, Services};
use crate::tape::{Deck, Question, last_of};
use tidegate_expr::{Expr, Record as Row, Template};

/// Records longer than this are read on the compute pool, in bytes.
const LONG: usize = 64 << 10;

/// Asks a model about each record.
pub(crate) struct AskStage {
    asks: Arc<Asks>,
    context: Vec<String>,
    step: String,
    /// What records the answers, or has them.
    deck: Option<Arc<Deck>>,
}

/// What is asked of which records.
pub(crate) struct Asks {
    model: RemoteAnswers,
    when: Option<Expr>,
    system: Option<Template>,
    examples: Vec<(Template, Template)>,
    prompt: Template,
    /// The field that takes the answer; its properties become fields where there is none.
    output: Option<String>,
    /// Whether answers are JSON.
    json: bool,
}

impl AskStage {
    /// What `step` says; answers are kept in `journal`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a model that cannot be reached or does not answer.
    pub(crate) fn new(
        (map, step, ask): (&Map, &Step, &Prompt),
        services: &Services,
        journal: Arc<dyn Replies>,
    ) -> Result<Self, Fault> {
        let asks = Asks::new((step, ask), services, journal)?;
        let (step, deck) = (step.name.clone(), services.deck().cloned());
        Ok(Self { asks: Arc::new(asks), context: map.context.clone(), step, deck })
    }

    async fn ask(&self, cx: &Cx, record: &mut Record) -> Result<(), Fault> {
        let Some(chat) = self.question(cx, record).await? else { return Ok(()) };
        let answer = match &self.deck {
            Some(deck) => self.taped(deck, &chat, (cx, record)).await?,
            None => self.answer(&chat, (cx, record)).await?,
        };
        let text = self.asks.put(super::object(record)?, &answer)?;
        record.set_body(Body::Text(text.into()));
        Ok(())
    }

    async fn answer(&self, chat: &Chat, (cx, record): (&Cx, &Record)) -> Result<Arc<Completion>, Fault> {
        let call = CallCx::new(Priority::Bulk, record.trace).stopping(cx.stop_signal());
        self.asks.model.answer(chat, (cx, &call)).await
    }

    /// The same from what was recorded, or recorded.
    async fn taped(
        &self,
        deck: &Deck,
        chat: &Chat,
        (cx, record): (&Cx, &Record),
    ) -> Result<Arc<Completion>, Fault> {
        let Some(key) = self.asks.key(chat) else { return self.answer(chat, (cx, record)).await };
        let question = Question::new(&self.step, record, (last_of(chat), key));
        let answer = deck.answer(&question, self.answer(chat, (cx, record))).await?;
        // Whoever wrote an answer by hand is held to its form as any model is.
        self.asks.model.value(&answer).map(|_| answer)
    }

    async fn question(&self, cx: &Cx, record: &Record) -> Result<Option<Chat>, Fault> {
        let object = super::object(record)?;
        if object.len() <= LONG {
            return self.asks.question(object);
        }
        let (asks, body) = (self.asks.clone(), record.body.clone());
        cx.compute(record.ordinal, move || asks.question(body.as_text().unwrap_or_default())).await?
    }
}

#[async_trait]
impl Each for AskStage {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        let asked = match super::belongs(record, &self.context) {
            belongs if belongs.is_empty() => self.ask(cx, record).await,
            belongs => {
                let span =
                    tracing::info_span!("record", trace = %record.trace, source = %record.key, %belongs);
                self.ask(cx, record).instrument(span).await
            }
        };
        match asked {
            Ok(()) => Ok(Emitted::Keep),
            Err(fault) => Err(super::placed(fault, record, &self.context)),
        }
    }
}

impl Asks {
    pub(crate) fn new(
        (step, ask): (&Step, &Prompt),
        services: &Services,
        journal: Arc<dyn Replies>,
    ) -> Result<Self, Fault> {
        let params = ChatParams {
            temperature: ask.temperature.map(|temperature| temperature as f32),
            top_p: ask.top_p.map(|share| share as f32),
            max_tokens: Some(ask.max_tokens),
            stop: ask.stop.iter().map(|stop| stop.as_str().into()).collect(),
            seed: ask.seed,
            schema: None,
        };
        let asking = Asking { model: &ask.model, schema: ask.schema.as_deref(), params };
        let template = |key: &str, source: &str| Template::new(&format!("{}.{key}", step.name), source);
        let examples = ask.examples.iter();
        let examples = examples.map(|example| {
            Ok((template("example.prompt", &example.prompt)?, template("example.answer", &example.answer)?))
        });
        Ok(Self {
            model: RemoteAnswers::open(services, asking, journal)?,
            when: step.when.as_deref().map(|source| Expr::new("when", source)).transpose()?,
            system: Some(&ask.system)
                .filter(|text| !text.is_empty())
                .map(|text| template("system", text))
                .transpose()?,
            examples: examples.collect::<Result<_, Fault>>()?,
            prompt: template("prompt", &ask.prompt)?,
            output: Some(ask.output.clone()).filter(|field| !field.is_empty()),
            json: ask.schema.is_some(),
        })
    }

    /// What is asked about the record that `object` is; `None` if it is not concerned.
    ///
    /// # Errors
    /// [`FaultKind::Validation`]: a place of the prompt that the record does not fill; [`FaultKind::Malformed`];
    /// [`FaultKind::TooLarge`]: more than the model takes.
    pub(crate) fn question(&self, object: &str) -> Result<Option<Chat>, Fault> {
        if let Some(when) = &self.when
            && !when.holds(&Row::parse(object.as_bytes())?)?
        {
            return Ok(None);
        }
        let fields: Fields = serde_json::from_str(object)
            .map_err(|error| Fault::new(FaultKind::Malformed, format!("{error}")))?;
        let system =
            self.system.as_ref().map(|system| fill(system, &fields)).transpose()?.unwrap_or_default();
        let say = |role, content: String| Message { role, content: content.into() };
        let mut messages = Vec::with_capacity(2 * self.examples.len() + 1);
        for (prompt, answer) in &self.examples {
            messages.push(say(Role::User, fill(prompt, &fields)?));
            messages.push(say(Role::Assistant, fill(answer, &fields)?));
        }
        messages.push(say(Role::User, fill(&self.prompt, &fields)?));
        let chat = self.model.chat(&system, messages);
        self.model.fits(&chat)?;
        Ok(Some(chat))
    }

    /// The name under which the answer to `chat` is kept.
    pub(crate) fn key(&self, chat: &Chat) -> Option<ContentHash> {
        self.model.key(chat)
    }

    /// Tokens that asking takes: those sent, and those that the answer may have.
    pub(crate) fn tokens(&self, chat: &Chat) -> (u64, u64) {
        self.model.tokens(chat)
    }

    /// The record with the answer in it.
    pub(crate) fn put(&self, object: &str, answer: &Completion) -> Result<String, Fault> {
        let value = match self.json {
            true => form::on_one_line(&answer.text),
            false => Value::from(answer.text.trim()).to_string(),
        };
        let mut row = Row::parse(object.as_bytes())?;
        if let Some(field) = &self.output {
            row.set(field, value);
            return Ok(row.text());
        }
        let properties = Row::parse(value.as_bytes()).map_err(|_| {
            Fault::new(FaultKind::Validation, "the answer has no properties to be merged into the record")
                .hint("ask for an object: \"type\": \"object\" in the schema")
        })?;
        properties.fields().for_each(|(name, value)| row.set(name, value.to_owned()));
        Ok(row.text())
    }
}

/// The template with the fields of a record, and all of them as `record`.
fn fill(template: &Template, fields: &Fields) -> Result<String, Fault> {
    template.render(&Named(fields)).map_err(|fault| match template.missing(fields) {
        Some(name) => Fault::new(FaultKind::Validation, format!("the record has no field `{name}`"))
            .during(fault.message().to_owned())
            .hint("mend the record, or give the place another value with `| default(\"…\")`"),
        None => fault,
    })
}

struct Named<'a>(&'a Fields);

impl Serialize for Named<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        if !self.0.contains_key(WHOLE) {
            map.serialize_entry(WHOLE, self.0)?;
        }
        map.end()
    }
}

/// Under which name a prompt has the whole record, for fields whose names are no words of a template.
const WHOLE: &str = "record";

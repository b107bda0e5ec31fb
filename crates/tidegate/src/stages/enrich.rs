//! A model answers something about each record: a label, a summary, the context that a chunk lacks.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tidegate_call::{CallCx, Priority};
use tidegate_core::{Cx, Each, Emitted, Fault, Record, Replies, Tokenizer};
use tidegate_model::{Completion, Message, Role};

use super::context::Context;
use super::values::Values;
use super::when::When;
use crate::config::{Enrich, Into};
use crate::services::{RemoteAnswers, Services};
use crate::tape::{Deck, Question, last_of};
use tidegate_expr::Template;

/// Asks a model about each record, and puts its answer where the configuration says.
pub(crate) struct EnrichStage {
    when: When,
    model: RemoteAnswers,
    system: String,
    prompt: Template,
    into: Target,
    name: String,
    /// What records the answers, or has them.
    deck: Option<Arc<Deck>>,
}

/// Where answers go.
enum Target {
    Field(String),
    /// Before the text of a chunk.
    Context(Context),
}

impl EnrichStage {
    /// What `settings` say; `name` is the stage's. Answers are kept in `journal`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a model that cannot be reached or does not answer, an expression that does
    /// not compile.
    pub(crate) fn new(
        (name, settings): (&str, &Enrich),
        services: &Services,
        (journal, tokenizer): (Arc<dyn Replies>, Arc<dyn Tokenizer>),
    ) -> Result<Self, Fault> {
        Ok(Self {
            when: When::new(name, settings.when.as_deref())?,
            model: RemoteAnswers::open(services, settings.into(), journal)?,
            system: settings.system.clone(),
            prompt: Template::new(&format!("stage.{name}.prompt"), &settings.prompt)?,
            into: match settings.into {
                Into::Field => Target::Field(settings.field.clone()),
                Into::Context => Target::Context(Context::new(tokenizer)),
            },
            name: name.to_owned(),
            deck: services.deck().cloned(),
        })
    }

    async fn answer(&self, cx: &Cx, record: &Record) -> Result<Arc<Completion>, Fault> {
        let prompt = self.prompt.render(&Values::of(record)?)?;
        let message = Message { role: Role::User, content: prompt.into() };
        let chat = self.model.chat(&self.system, vec![message]);
        let call = CallCx::new(Priority::Bulk, record.trace).stopping(cx.stop_signal());
        let asked = self.model.answer(&chat, (cx, &call));
        match (&self.deck, self.model.key(&chat)) {
            (Some(deck), Some(key)) => {
                deck.answer(&Question::new(&self.name, record, (last_of(&chat), key)), asked).await
            }
            _ => asked.await,
        }
    }

    fn put(&self, record: &mut Record, answer: Value) -> Result<(), Fault> {
        match &self.into {
            Target::Field(name) => {
                Arc::make_mut(&mut record.fields).insert(name.clone(), answer);
            }
            Target::Context(context) => {
                let text = match answer {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                context.put(record, &text);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Each for EnrichStage {
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        if !self.when.holds(cx, record).await? {
            return Ok(Emitted::Keep);
        }
        let answer = self.answer(cx, record).await?;
        self.put(record, self.model.value(&answer)?)?;
        Ok(Emitted::Keep)
    }
}

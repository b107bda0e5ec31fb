//! Answering questions from what a store holds: retrieve, ask a model, hand on its words as they come.

mod prompt;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_call::{CallCx, Priority};
use tidegate_core::report::Calls;
use tidegate_core::{Fault, FaultKind, TraceId};
use tidegate_model::{Chat, ChatParams};
use tidegate_store::Hit;

use crate::config::{Config, ModelRef};
use crate::index::{Index, SearchOptions};
use crate::lazy::Lazy;
use crate::services::{RemoteChat, Services};
use prompt::Prompt;

/// How long an answer may take from question to last word; models that think take minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// A store, and a model that answers questions from it.
///
/// ```no_run
/// # async fn demo(config: &tidegate::config::Config) -> Result<(), tidegate::core::Fault> {
/// let asker = tidegate::Asker::open(config)?;
/// let asked = asker.ask("why did we leave the old queue?", &Default::default(), &mut |text| print!("{text}")).await?;
/// println!("\nfrom {} passages", asked.passages.len());
/// # Ok(()) }
/// ```
pub struct Asker {
    index: Index,
    chat: RemoteChat,
    services: Services,
    prompt: Prompt,
    params: Arc<ChatParams>,
    /// What the model that stands in is called.
    fallback: String,
}

/// The answer to a question.
#[derive(Debug)]
pub struct Asked {
    /// What the model said: all of it, or what came before it was cut.
    pub answer: String,
    /// Why the answer is not whole, if it is not.
    pub incomplete: Option<Fault>,
    /// The passages it was made from; number n of the answer is the n-th, counted from 1.
    pub passages: Vec<Hit>,
    /// Whether it had been asked before, and cost nothing.
    pub from_journal: bool,
    /// Whether it is an old answer, given because the model could not be reached.
    pub stale: bool,
    /// The model that answered instead, because the one that was asked could not be reached.
    pub elsewhere: Option<String>,
    /// What was called.
    pub calls: Calls,
    /// How long it took.
    pub took: Duration,
}

impl Asker {
    /// Opens the store and reaches the model that `config` names.
    ///
    /// # Errors
    /// As [`Index::open`]; [`FaultKind::Config`] where no model is named, or one that cannot be reached or cannot
    /// answer.
    pub fn open(config: &Config) -> Result<Self, Fault> {
        let ask = &config.ask;
        if ask.model == ModelRef::None {
            return Err(Fault::new(FaultKind::Config, "no model is named that could answer").hint(
                "give --model PROVIDER:MODEL, such as ollama:llama3.2 or openai:gpt-4o-mini, or set it in [ask]",
            ));
        }
        let prompt = Prompt::new(ask)?;
        let index = Index::open_with(&config.store.url, config)?;
        let services = Services::new(config)?;
        let chat = RemoteChat::open(&services, ask, Arc::new(Lazy(index.store().clone())))?;
        let params = ChatParams {
            temperature: (ask.temperature > 0.0).then_some(ask.temperature as f32),
            max_tokens: Some(ask.max_tokens),
            ..ChatParams::default()
        };
        let fallback = ask.fallback.to_string();
        Ok(Self { index, chat, services, prompt, params: Arc::new(params), fallback })
    }

    /// Answers `question` from the passages that `options` find. `on_text` is handed the words as they come.
    ///
    /// # Errors
    /// [`FaultKind::Empty`] where nothing is found to answer from; faults of the search and of the call. Never after
    /// words came: then the answer says what is missing.
    ///
    /// # Cancel safety
    /// Dropping the future ends the call; what came is not kept, and may be charged for.
    pub async fn ask(
        &self,
        question: &str,
        options: &SearchOptions,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Asked, Fault> {
        let started = Instant::now();
        let passages = self.index.find(question, options).await?.hits;
        if passages.is_empty() {
            return Err(Fault::new(FaultKind::Empty, "nothing was found to answer from")
                .hint("ask in other words, or widen --filter and --path"));
        }
        let asked = self.prompt.question(question, &passages)?;
        let chat = Chat::question(Some(self.prompt.system()), &asked, self.params.clone());
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let cx = CallCx::new(Priority::Interactive, TraceId(0)).until(deadline);
        let streamed = self.chat.stream(&chat, &cx, on_text).await?;
        Ok(Asked {
            answer: streamed.text,
            incomplete: streamed.answer.err(),
            passages,
            from_journal: streamed.told.from_journal > 0,
            stale: streamed.told.stale > 0,
            elsewhere: (streamed.told.elsewhere > 0).then(|| self.fallback.clone()),
            calls: self.services.calls(),
            took: started.elapsed(),
        })
    }
}

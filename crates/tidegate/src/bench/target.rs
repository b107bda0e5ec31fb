//! What is called: a model that embeds, or one that answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_call::{CallCx, Caller, Http, Paid, Priority, Told, Unpaid, Vectors};
use tidegate_core::{Fault, FaultKind, Journal, Task, TraceId, Usage};
use tidegate_model::{
    AnyChat, AnyEmbedding, Chat, ChatParams, EmbedOptions, Text, chat_codec, embedding_codec,
};

use super::load::{Load, Work};
use super::texts::Texts;
use super::wire::{Counting, Failures};
use crate::services::{Kind, Reached, Services};

/// A caller of a model and what it is sent.
pub(super) struct Target {
    calls: Calls,
    texts: Texts,
    /// Tokens of a text by the model's own count, as a multiple of the text's.
    scale: f64,
    batch: u64,
    poison_every: u64,
    params: Arc<ChatParams>,
}

enum Calls {
    Embed(Caller<AnyEmbedding>),
    Chat(Caller<AnyChat>),
}

/// How one call ended.
pub(super) struct Ended {
    pub(super) took: Duration,
    /// Until the first text of a streamed answer.
    pub(super) first: Option<Duration>,
    /// Texts that were answered.
    pub(super) ok: u64,
    /// Faults of those that were not.
    pub(super) lost: Vec<FaultKind>,
    pub(super) told: Told,
    /// Why nothing more is to be called.
    pub(super) fatal: Option<Fault>,
}

impl Target {
    /// The model of `load` over `http`; vectors are kept in `journal`.
    pub(super) fn new(
        (services, reached): (&Services, &Reached),
        load: &Load,
        journal: Option<Arc<dyn Journal>>,
        (http, failures): (Arc<Http>, Failures),
    ) -> Result<Self, Fault> {
        let identity = reached.service.identity();
        let transport = Arc::new(Counting { http, failures });
        let calls = match load.work {
            Work::Embed => {
                let codec = embedding_codec(reached.service.clone(), EmbedOptions::new(Task::Document))?;
                let paid: Arc<dyn Paid<Arc<[f32]>>> = match journal {
                    Some(journal) => Arc::new(Vectors(journal)),
                    None => Arc::new(Unpaid),
                };
                let mut parts = services.parts::<AnyEmbedding>(reached, paid, (identity, Kind::Vectors));
                parts.transport = transport;
                Calls::Embed(Caller::new(Arc::new(codec), parts))
            }
            Work::Chat => {
                let codec = chat_codec(reached.service.clone(), reached.tokenizer())?;
                let mut parts =
                    services.parts::<AnyChat>(reached, Arc::new(Unpaid), (identity, Kind::Answers));
                parts.transport = transport;
                Calls::Chat(Caller::new(Arc::new(codec), parts))
            }
        };
        let texts = Texts::new(&load.tokens, load.seed);
        Ok(Self {
            calls,
            scale: if load.exact { 1.0 } else { scale(&texts, reached) },
            texts,
            batch: if load.work == Work::Chat { 1 } else { load.batch.max(1) as u64 },
            poison_every: load.poison_every,
            params: Arc::new(ChatParams { max_tokens: Some(load.answer_tokens), ..ChatParams::default() }),
        })
    }

    /// Makes call number `number`.
    ///
    /// # Cancel safety
    /// As [`Caller::call`].
    pub(super) async fn call(&self, number: u64) -> Ended {
        let cx = CallCx::new(Priority::Bulk, TraceId(number));
        let started = Instant::now();
        match &self.calls {
            Calls::Embed(caller) => {
                let texts: Vec<Text> =
                    (number * self.batch..(number + 1) * self.batch).map(|at| self.text(at)).collect();
                match caller.call(&texts, &cx).await {
                    Ok(answers) => {
                        let lost: Vec<FaultKind> =
                            answers.results.iter().filter_map(|it| Some(it.as_ref().err()?.kind())).collect();
                        let ok = answers.results.len() as u64 - lost.len() as u64;
                        Ended { ok, lost, told: answers.told, ..Ended::after(started) }
                    }
                    Err(fault) => Ended::failed(fault, self.batch, started),
                }
            }
            Calls::Chat(caller) => {
                let text = self.text(number).text;
                let chat = Chat::question(None, &text, self.params.clone());
                let mut first = None;
                let mut hear = |_: &str| first = first.or_else(|| Some(started.elapsed()));
                match caller.stream(&chat, &cx, &mut hear).await {
                    Ok(streamed) => {
                        // The answer to a text without a meaning may well be cut at its limit: the call was answered.
                        let fault = streamed.answer.err().map(|fault| fault.kind());
                        let lost: Vec<_> =
                            fault.into_iter().filter(|kind| *kind != FaultKind::Incomplete).collect();
                        let ok = 1 - lost.len() as u64;
                        Ended { first, ok, lost, told: streamed.told, ..Ended::after(started) }
                    }
                    Err(fault) => Ended::failed(fault, 1, started),
                }
            }
        }
    }

    fn text(&self, at: u64) -> Text {
        let (mut text, tokens) = self.texts.text(at);
        if self.poison_every > 0 && at % self.poison_every == self.poison_every / 2 {
            text.push_str(" POISON");
        }
        Text::new(text, (f64::from(tokens) * self.scale).ceil() as u32)
    }

    /// The tokens that one call probably sends, and those its answer may have.
    pub(super) fn usage(&self) -> Usage {
        let sent = self.texts.mean_tokens() * self.scale * self.batch as f64;
        let answered = match self.calls {
            Calls::Embed(_) => 0,
            Calls::Chat(_) => u64::from(self.params.max_tokens.unwrap_or_default()),
        };
        Usage { input_tokens: sent.ceil() as u64, cached_tokens: 0, output_tokens: answered }
    }
}

impl Ended {
    fn after(started: Instant) -> Self {
        Self {
            took: started.elapsed(),
            first: None,
            ok: 0,
            lost: Vec::new(),
            told: Told::default(),
            fatal: None,
        }
    }

    /// A call that failed as a whole, with so many texts.
    fn failed(fault: Fault, texts: u64, started: Instant) -> Self {
        use FaultKind as K;
        let lost = vec![fault.kind(); usize::try_from(texts).unwrap_or_default()];
        // The next call would end likewise.
        let fatal = matches!(fault.kind(), K::Config | K::Blocked | K::Budget | K::Cancelled | K::Internal);
        Self { lost, fatal: fatal.then_some(fault), ..Self::after(started) }
    }
}

/// How many tokens the model counts for one of a text's, judged by a few of them.
fn scale(texts: &Texts, reached: &Reached) -> f64 {
    let tokenizer = reached.tokenizer();
    let shares = (0..16).map(|number| {
        let (text, tokens) = texts.text(number);
        tokenizer.count(&text) as f64 / f64::from(tokens)
    });
    shares.fold(0.0, f64::max)
}

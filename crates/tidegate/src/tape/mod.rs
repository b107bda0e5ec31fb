//! Cassettes: the answers of a whole run as files that a person can read, and that a run takes its answers from.
//!
//! A folder has a file for each step that asks, with an answer on every line, in the order of the input. Nothing in it
//! says when or where it was recorded, so that what is recorded again differs only where answers do. A copy of the
//! journal was refused: nobody reads a database in a review, and it holds what other jobs asked.

mod entry;
mod near;
mod recorder;
mod replay;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_connect::OUTPUT;
use tidegate_core::{Advice, ContentHash, Fault, FaultKind, Ledger as _, Record, advise};
use tidegate_model::{Chat, Completion};
use tidegate_store::PipelineLedger;

use crate::config::{Config, ModelRef, Sink, Source, Stage};
use recorder::Recorder;
use replay::Cassette;

/// Whether answers are recorded, or taken from what was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tape {
    /// Neither.
    #[default]
    Off,
    /// The answers of the run go into this folder, those from the journal among them.
    Record(PathBuf),
    /// The answers come from this folder alone: nothing is sent.
    Replay(PathBuf),
}

/// What plays or records the answers of a run.
pub(crate) enum Deck {
    Recording(Recorder),
    Playing(Cassette),
}

/// A question of a step, with its place.
pub(crate) struct Question<'a> {
    pub(crate) step: &'a str,
    /// The key of the record.
    pub(crate) record: &'a str,
    /// The record's place in the order of the input.
    pub(crate) place: At,
    /// What is asked last, which is what differs from record to record; or the text whose vector is wanted.
    pub(crate) prompt: &'a str,
    pub(crate) key: ContentHash,
}

/// A place in the order of the input: the item's, and that of a chunk or document within it.
pub(crate) type At = (u64, (u32, u32));

impl<'a> Question<'a> {
    /// The question `prompt`, whose answer is kept under `key`, of a step about a record.
    pub(crate) fn new(step: &'a str, record: &'a Record, (prompt, key): (&'a str, ContentHash)) -> Self {
        Self { step, record: &record.key, place: (record.ordinal, record.rank()), prompt, key }
    }
}

/// What is asked last in a conversation.
pub(crate) fn last_of(chat: &Chat) -> &str {
    chat.messages.last().map_or("", |message| &message.content)
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Text(Arc<Completion>),
    Vector(Arc<[f32]>),
}

impl Reply {
    fn text(self) -> Result<Arc<Completion>, Fault> {
        match self {
            Self::Text(answer) => Ok(answer),
            Self::Vector(_) => Err(another("a vector where an answer belongs")),
        }
    }

    fn vector(self) -> Result<Arc<[f32]>, Fault> {
        match self {
            Self::Vector(vector) => Ok(vector),
            Self::Text(_) => Err(another("an answer where a vector belongs")),
        }
    }
}

fn another(what: &str) -> Fault {
    Fault::new(FaultKind::Config, format!("the cassette has {what}")).hint("record it again with --record")
}

impl Deck {
    /// What `tape` says, for the steps of `config`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a folder that cannot be written to, or a cassette that does not read.
    pub(crate) fn open(tape: &Tape, config: &Config) -> Result<Option<Arc<Self>>, Fault> {
        if *tape == Tape::Off {
            return Ok(None);
        }
        check(config)?;
        let steps = steps(config);
        Ok(match tape {
            Tape::Off => None,
            Tape::Record(folder) => Some(Arc::new(Self::Recording(Recorder::new(folder, steps)?))),
            Tape::Replay(folder) => Some(Arc::new(Self::Playing(Cassette::open(folder, steps)?))),
        })
    }

    /// The answer to `question`: the recorded one, or what `ask` brings, which is recorded.
    ///
    /// # Errors
    /// The record's fault, also where that was recorded; [`FaultKind::Config`]: nothing was; what cannot be written.
    ///
    /// # Cancel safety
    /// As `ask`, of which nothing is recorded then.
    pub(crate) async fn answer(
        &self,
        question: &Question<'_>,
        ask: impl Future<Output = Result<Arc<Completion>, Fault>>,
    ) -> Result<Arc<Completion>, Fault> {
        match self {
            Self::Playing(cassette) => cassette.answer(question)?.text(),
            Self::Recording(recorder) => {
                let answered = ask.await;
                recorder.record(question, &answered.clone().map(Reply::Text))?;
                answered
            }
        }
    }

    /// The recorded vectors of all `questions`; `None` where they are to be asked for.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub(crate) fn vectors(&self, questions: &[Question<'_>]) -> Result<Option<Vectors>, Fault> {
        let Self::Playing(cassette) = self else { return Ok(None) };
        let mut vectors = Vec::with_capacity(questions.len());
        for question in questions {
            match cassette.answer(question).and_then(Reply::vector) {
                Err(fault) if advise(&fault) != Advice::Quarantine => return Err(fault),
                vector => vectors.push(vector),
            }
        }
        Ok(Some(vectors))
    }

    /// Records the vector of a text, or what was wrong with that.
    ///
    /// # Errors
    /// What cannot be written.
    pub(crate) fn record(
        &self,
        question: &Question<'_>,
        vector: &Result<Arc<[f32]>, Fault>,
    ) -> Result<(), Fault> {
        match self {
            Self::Recording(recorder) => recorder.record(question, &vector.clone().map(Reply::Vector)),
            Self::Playing(_) => Ok(()),
        }
    }

    /// The length of the vectors that a step is played with; `None` where it is to be asked for.
    pub(crate) fn length(&self, step: &str) -> Option<usize> {
        match self {
            Self::Playing(cassette) => cassette.length(step),
            Self::Recording(_) => None,
        }
    }

    /// Puts what was recorded in the place of what was there, at the end of a run that was whole.
    ///
    /// # Errors
    /// What cannot be written.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        match self {
            Self::Recording(recorder) => recorder.finish(),
            Self::Playing(_) => Ok(()),
        }
    }
}

/// Vectors, each on its own.
pub(crate) type Vectors = Vec<Result<Arc<[f32]>, Fault>>;

/// The steps or stages that ask models, with these.
fn steps(config: &Config) -> Vec<(String, String)> {
    if let Some(map) = &config.map {
        let asks =
            |step: &crate::config::Step| Some((step.name.clone(), step.ask.as_ref()?.model.to_string()));
        return map.steps.iter().filter_map(asks).collect();
    }
    let asks = |stage: &Stage| {
        let model = match stage {
            Stage::Enrich(enrich) => &enrich.model,
            Stage::Embed(embed) => &embed.model,
            _ => return None, // the others ask no model
        };
        let remote = matches!(model, ModelRef::Remote { .. });
        remote.then(|| (stage.name().to_owned(), model.to_string()))
    };
    config.stages.iter().filter_map(asks).collect()
}

/// Refuses a pipeline that calls what is no model: a replay would call it as well.
fn check(config: &Config) -> Result<(), Fault> {
    let asks = config.stages.iter().find(|stage| matches!(stage, Stage::Http(_)));
    let what = match (asks, &config.source, &config.sink) {
        _ if config.map.is_some() => return Ok(()),
        (Some(stage), ..) => format!("stage {} asks a service", stage.name()),
        (_, Source::Urls(_) | Source::Objects(_), _) => "the source is elsewhere".to_owned(),
        (_, _, Sink::Webhook(_)) => "the sink posts to a service".to_owned(),
        _ => return Ok(()),
    };
    Err(Fault::new(FaultKind::Config, format!("a cassette holds answers of models, and {what}"))
        .hint("leave --record and --replay out, or record a pipeline of files and models alone"))
}

/// Refuses a pipeline that would go on behind what it has written: the rest of the answers would be missing.
///
/// # Errors
/// [`FaultKind::Guarded`]; storage faults.
pub(crate) async fn from_the_start(ledger: &PipelineLedger) -> Result<(), Fault> {
    if ledger.resume().await?.is_none() && ledger.length(OUTPUT).await?.is_none() {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::Guarded,
        "a cassette is of a whole run, and this one would go on behind another",
    )
    .hint("name a fresh store with --store, and take the output of the other away"))
}

/// The file of a step.
pub(crate) fn file_of(folder: &Path, step: &str) -> PathBuf {
    folder.join(format!("{step}.jsonl"))
}

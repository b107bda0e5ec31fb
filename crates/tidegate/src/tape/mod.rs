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

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_core::{ContentHash, Fault};
use tidegate_model::{Chat, Completion};

use crate::config::{Config, Map};
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
    pub(crate) ordinal: u64,
    pub(crate) chat: &'a Chat,
    pub(crate) key: ContentHash,
}

impl Question<'_> {
    /// What is asked last, which is what differs from record to record.
    fn prompt(&self) -> &str {
        self.chat.messages.last().map_or("", |message| &message.content)
    }
}

impl Deck {
    /// What `tape` says, for the steps of `config`.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: a folder that cannot be written to, or a cassette that does not read.
    pub(crate) fn open(tape: &Tape, config: &Config) -> Result<Option<Arc<Self>>, Fault> {
        let Some(map) = &config.map else { return Ok(None) };
        let steps = steps(map);
        Ok(match tape {
            Tape::Off => None,
            Tape::Record(folder) => Some(Arc::new(Self::Recording(Recorder::new(folder, steps)?))),
            Tape::Replay(folder) => Some(Arc::new(Self::Playing(Cassette::open(folder, steps)?))),
        })
    }

    /// The recorded answer to `question`; `None` where it is to be asked.
    ///
    /// # Errors
    /// The record's fault, where that was recorded; [`tidegate_core::FaultKind::Config`]: nothing was.
    pub(crate) fn play(&self, question: &Question<'_>) -> Option<Result<Arc<Completion>, Fault>> {
        match self {
            Self::Recording(_) => None,
            Self::Playing(cassette) => Some(cassette.answer(question)),
        }
    }

    /// Records what came of `question`.
    ///
    /// # Errors
    /// What cannot be written.
    pub(crate) fn record(
        &self,
        question: &Question<'_>,
        answer: &Result<Arc<Completion>, Fault>,
    ) -> Result<(), Fault> {
        match self {
            Self::Recording(recorder) => recorder.record(question, answer),
            Self::Playing(_) => Ok(()),
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

/// The steps that ask, with their models.
fn steps(map: &Map) -> Vec<(String, String)> {
    let asks = |step: &crate::config::Step| Some((step.name.clone(), step.ask.as_ref()?.model.to_string()));
    map.steps.iter().filter_map(asks).collect()
}

/// The file of a step.
fn file_of(folder: &Path, step: &str) -> PathBuf {
    folder.join(format!("{step}.jsonl"))
}

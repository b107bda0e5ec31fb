//! What is called, how often, and with what.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::config::ModelRef;

/// What a model is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// To make vectors.
    Embed,
    /// To answer, piece by piece.
    Chat,
}

/// A load to put on a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The model; one of a provider.
    pub model: ModelRef,
    /// What it is asked to do.
    pub work: Work,
    /// Calls of each way.
    pub calls: u64,
    /// Calls in flight at most.
    pub at_once: usize,
    /// The lengths of the texts, in tokens.
    pub tokens: RangeInclusive<u32>,
    /// Texts in a call; chats have one.
    pub batch: usize,
    /// The most tokens of an answer.
    pub answer_tokens: u32,
    /// The texts are another for another seed.
    pub seed: u64,
    /// No call is begun after this time.
    pub patience: Option<Duration>,
    /// One text in so many holds the word POISON, which a scripted provider can be told to refuse; 0: none.
    pub poison_every: u64,
    /// Whether the service counts four bytes a token, as a scripted provider does.
    pub exact: bool,
}

impl Load {
    /// 200 calls of `model`, 32 at once, with texts of 20 to 340 tokens.
    #[must_use]
    pub fn new(model: ModelRef, work: Work) -> Self {
        Self {
            model,
            work,
            calls: 200,
            at_once: 32,
            tokens: 20..=340,
            batch: 1,
            answer_tokens: 64,
            seed: 1,
            patience: Some(Duration::from_secs(60)),
            poison_every: 0,
            exact: false,
        }
    }
}

/// A way to make many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// One after the other.
    Sequential,
    /// Each in a thread that waits for it.
    Threads,
    /// All on one thread, so many at once.
    Async,
}

impl Way {
    /// Every way, from the plainest on.
    pub const ALL: [Self; 3] = [Self::Sequential, Self::Threads, Self::Async];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Threads => "threads",
            Self::Async => "async",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Way {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

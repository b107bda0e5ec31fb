//! An answer of a model while it is being read, whole or piece by piece.

use std::sync::Arc;

use tidegate_core::{Fault, Usage};

use crate::ask::{Chat, Completion, Finish};
use crate::chatting::Chatting;

/// The most bytes of an answer. Models that write more than this in one answer do not exist; streams without end do.
const MOST: usize = 16 * 1024 * 1024;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    text: String,
    /// Why the model stopped; `None` while it has not.
    pub(crate) finish: Option<Finish>,
    /// What the service says of the end.
    pub(crate) words: String,
    /// The model that answers; empty where nobody says.
    pub(crate) model: String,
    /// What was used, as far as it is known.
    pub(crate) usage: Usage,
    /// Whether the service has said that nothing follows.
    pub(crate) ended: bool,
}

/// What is wrong with a piece of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The service sent an error instead.
    Sent,
    /// The service failed, in its own words, though the status is good.
    Failed(String),
    /// It is not what was expected.
    Broken(String),
}

impl Wrong {
    #[expect(clippy::needless_pass_by_value, reason = "so that it can be given to `map_err` by its name")]
    pub(crate) fn broken(error: impl ToString) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Draft {
    /// An answer that comes at once, so that nothing follows.
    pub(crate) fn entire() -> Self {
        Self { ended: true, ..Self::default() }
    }

    /// Appends `piece` to the answer and to `shown`.
    pub(crate) fn say(&mut self, piece: &str, shown: &mut String) -> Result<(), Wrong> {
        if self.text.len() + piece.len() > MOST {
            return Err(Wrong::broken("the answer has no end"));
        }
        self.text.push_str(piece);
        shown.push_str(piece);
        Ok(())
    }

    /// Notes that the model stopped for the reason that the service calls `word`.
    pub(crate) fn stop(&mut self, finish: Finish, word: &str) {
        self.finish = Some(finish);
        word.clone_into(&mut self.words);
    }

    /// Whether the service has said why the model stopped, and that nothing follows.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended && self.finish.is_some()
    }

    /// What was used, if the service has said so.
    pub(crate) fn told(&self) -> Option<Usage> {
        (self.usage != Usage::default()).then_some(self.usage)
    }

    /// The answer to `chat`, and what was used for it, told or guessed.
    pub(crate) fn done(self, chatting: &Chatting, chat: &Chat) -> (Result<Arc<Completion>, Fault>, Usage) {
        let usage = self.told().unwrap_or_else(|| chatting.guess(chat, &self.text));
        let model = if self.model.is_empty() { chatting.service().model() } else { &self.model };
        let finish = self.finish.unwrap_or(Finish::Other);
        let completion = Completion { finish, model: model.into(), usage, text: self.text.into() };
        (completion.whole(&self.words).map(Arc::new), usage)
    }
}

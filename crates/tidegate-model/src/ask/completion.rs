//! What a model answers to a conversation, and whether that is whole.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidegate_core::{Fault, FaultKind, Usage};

/// An answer to a conversation, as it is journalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What the model says.
    pub text: Arc<str>,
    /// Why it stopped.
    pub finish: Finish,
    /// The model that answered, as the service names it.
    pub model: Arc<str>,
    /// What was used.
    pub usage: Usage,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It had said all, or came to a stop text.
    Stop,
    /// It ran out of tokens.
    Length,
    /// A filter of the service cut it.
    Filter,
    /// It refused.
    Refusal,
    /// It wants a tool.
    ToolUse,
    /// Something else: nothing that can be taken for the end of an answer.
    Other,
}

impl Completion {
    /// Itself if it is whole; only whole answers may be kept. `words` is what the service says about the end: the
    /// refusal, or its name for the reason.
    ///
    /// # Errors
    /// The record's own fault: the answer was cut (`Incomplete`), nothing came (`Incomplete`), or the model refused
    /// (`Refused`, with its words).
    pub fn whole(self, words: &str) -> Result<Self, Fault> {
        let cut = |message: &str, hint: &str| Err(Fault::new(FaultKind::Incomplete, message).hint(hint));
        let blank = self.text.trim().is_empty();
        match self.finish {
            Finish::Stop | Finish::ToolUse if blank => {
                cut("the model answered nothing", "ask another way, or allow more tokens")
            }
            Finish::Stop | Finish::ToolUse => Ok(self),
            Finish::Length => cut("the answer was cut at its token limit", "allow more tokens for answers"),
            Finish::Filter => cut("a content filter of the service cut the answer", "change the prompt"),
            Finish::Other => {
                let words = crate::refusal::shown(words);
                cut(&format!("the model stopped for a reason that is no end: {words}"), "try again later")
            }
            Finish::Refusal => {
                let words = crate::refusal::shown(if words.is_empty() { &self.text } else { words });
                Err(Fault::new(FaultKind::Refused, format!("the model refused: {words}")))
            }
        }
    }
}

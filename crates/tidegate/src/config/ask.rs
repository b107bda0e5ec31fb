//! `[ask]`: how questions are answered from what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model_ref::ModelRef;
use super::period::Period;

/// How `tidegate ask` answers questions from what it finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ask {
    /// What answers: "PROVIDER:MODEL", such as "openai:gpt-4o-mini" or "ollama:llama3.2"; "none" if nothing does.
    pub model: ModelRef,
    /// Passages that the answer is made from.
    pub passages: usize,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// How freely words are chosen, up to 2; 0 leaves it to the service, because some models refuse to be told.
    pub temperature: f64,
    /// What the model is told before the question; tidegate's own words if empty.
    pub system: String,
    /// The question with its passages, as a template over `question` and `passages`, each with `number`, `source`,
    /// `title`, `heading` and `text`; tidegate's own if empty.
    pub prompt: String,
    /// What answers where `model` cannot be reached: another "PROVIDER:MODEL"; "none" if nothing does. Such answers
    /// are marked.
    pub fallback: ModelRef,
    /// How long an answer that was kept is given again to the same question over the same passages; "0s" is for ever.
    pub fresh_for: Period,
    /// How old a kept answer may be that is given, marked, while `model` cannot be reached; "0s" gives none.
    pub stale_for: Period,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            model: ModelRef::None,
            passages: 8,
            max_tokens: 1_024,
            temperature: 0.0,
            system: String::new(),
            prompt: String::new(),
            fallback: ModelRef::None,
            fresh_for: Period::from_millis(0),
            stale_for: Period::from_millis(0),
        }
    }
}

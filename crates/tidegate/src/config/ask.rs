//! `[ask]`: how questions are answered from what was found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model_ref::ModelRef;

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
        }
    }
}

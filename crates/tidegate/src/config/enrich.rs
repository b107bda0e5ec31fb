//! `[[stage]] type = "enrich"`: a model answers something about each record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model_ref::ModelRef;

/// Where answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Into {
    /// Into a field.
    #[default]
    Field,
    /// Before the text of the chunk, with which they are embedded and searched.
    Context,
}

/// Asking a model about each record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enrich {
    /// What the stage is called in reports; needed where there are several of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"label")]
    pub name: Option<String>,
    /// Asks only about records for which this holds; the others pass by unchanged. An expression in the language of jq
    /// over `text`, `heading`, `title`, `source` and `fields`, such as .fields.lang == "en".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"(.text | length) > 200")]
    pub when: Option<String>,
    /// What answers: "PROVIDER:MODEL", such as "openai:gpt-4o-mini" or "ollama:llama3.2".
    pub model: ModelRef,
    /// What is asked, as a template over `text`, `heading`, `title`, `source` and `fields`.
    pub prompt: String,
    /// What the model is told before it.
    pub system: String,
    /// "field" keeps the answer as a value of the record: of a document before the chunk stage, of a chunk after it.
    /// "context" puts it before the text of a chunk, so that both are embedded and searched together.
    pub into: Into,
    /// The field that takes the answer, where it goes into one.
    pub field: String,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// How freely words are chosen, up to 2; 0 leaves it to the service, because some models refuse to be told.
    pub temperature: f64,
    /// A JSON Schema that answers must follow: its text, or the file it is in. An answer that does not is asked for
    /// once more; then the record is put aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"label.schema.json")]
    pub schema: Option<String>,
    /// Records worked on at once; 0 means as many as the provider may have in flight.
    pub concurrency: usize,
}

impl Default for Enrich {
    fn default() -> Self {
        Self {
            name: None,
            when: None,
            model: ModelRef::None,
            prompt: String::new(),
            system: String::new(),
            into: Into::Field,
            field: "enrich".to_owned(),
            max_tokens: 512,
            temperature: 0.0,
            schema: None,
            concurrency: 0,
        }
    }
}

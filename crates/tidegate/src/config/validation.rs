//! `[validate]`: what documents must be like to go on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::{Fault, FaultKind};
use tidegate_text::{Rules, Schema};

/// What documents must be like; each is looked at between parsing and chunking, before any model is paid for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validate {
    /// A JSON Schema: its text, or the file it is in. A row of JSON Lines must follow it as it stands in its file; of
    /// any other document, a .json file included, the metadata must, which is what filters see, such as title and
    /// author, and not what is in the file. `$ref` leads to places in the same file only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"row.schema.json")]
    pub schema: Option<String>,
    /// The least characters of text; 0 means no limit.
    pub min_text: usize,
    /// The most characters of text; 0 means no limit.
    pub max_text: usize,
    /// The least words, as spaces part them; 0 means no limit.
    pub min_words: usize,
    /// The most pages, slides or sheets; 0 means no limit.
    pub max_pages: usize,
    /// The languages that texts may be in, such as ["en", "de"]; any where none are named. A text too short or too mixed
    /// to tell goes on.
    pub languages: Vec<String>,
    /// Fields that must be there and hold something, such as ["title"].
    pub require: Vec<String>,
    /// What becomes of a document that breaks a rule: "quarantine" puts it aside with the reason, "drop" leaves it out,
    /// counts it, and does not look at it again until it changes.
    pub on_failure: OnFailure,
}

/// What becomes of a document that breaks a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It is put aside.
    #[default]
    Quarantine,
    /// It is left out.
    Drop,
}

impl Validate {
    /// Whether there is any rule.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let Self { schema, min_text, max_text, min_words, max_pages, languages, require, on_failure: _ } =
            self;
        let numbers = [*min_text, *max_text, *min_words, *max_pages];
        numbers != [0; 4] || schema.is_some() || !languages.is_empty() || !require.is_empty()
    }

    /// The rules, ready to be applied.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: a schema that cannot be followed.
    pub fn rules(&self) -> Result<Rules, Fault> {
        let schema = self.schema.as_deref().map(Schema::new).transpose();
        let schema = schema.map_err(|what| {
            Fault::new(FaultKind::Config, what)
                .during("validate.schema")
                .hint("name the file of a JSON Schema that needs no other file, or write its text here")
        })?;
        Ok(Rules {
            min_text: self.min_text,
            max_text: self.max_text,
            min_words: self.min_words,
            max_pages: self.max_pages,
            languages: self.languages.clone(),
            require: self.require.clone(),
            schema,
        })
    }
}

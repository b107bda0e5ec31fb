//! `[[stage]] type = "set"`: fields from expressions and templates, and fields that go.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toml::Value;

use super::map::{Setting, Step};

/// Changing fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Set {
    /// What the stage is called in reports; needed where there are several of its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"tidy")]
    pub name: Option<String>,
    /// Changes only records for which this holds; the others pass by unchanged. An expression in the language of jq
    /// over `text`, `heading`, `title`, `source` and `fields`, such as .fields.lang == "en".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"(.text | length) > 200")]
    pub when: Option<String>,
    /// Fields and what makes their values, which all see the record as it came: an expression, or { template = "…" },
    /// over the same names. The field title is what the document is called, and stands above its chunks.
    #[serde(skip_serializing_if = "Settings::is_empty")]
    pub fields: Settings,
    /// The only fields that stay, such as ["title", "year"]; all, if none are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = &["title", "year"])]
    pub keep: Vec<String>,
    /// Fields that go, such as ["author"].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = &["author"])]
    pub remove: Vec<String>,
}

/// Fields by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, FieldText>);

/// What makes the value of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldText {
    /// An expression.
    Value(String),
    /// A text with places to fill in.
    Filled {
        /// The text.
        template: String,
    },
}

impl Set {
    /// The same as a step of a map job says it.
    pub(crate) fn step(&self) -> Step {
        let setting = |(field, text): (&String, &FieldText)| {
            let setting = match text {
                FieldText::Value(source) => Setting::Value(source.clone()),
                FieldText::Filled { template } => Setting::Template(template.clone()),
            };
            (field.clone(), setting)
        };
        Step {
            when: self.when.clone(),
            set: self.fields.0.iter().map(setting).collect(),
            keep: self.keep.clone(),
            remove: self.remove.clone(),
            ..Step::default()
        }
    }
}

impl Settings {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks a value that somebody wrote.
    ///
    /// # Errors
    /// A fragment that says what to write.
    pub(super) fn check(value: &Value) -> Result<(), String> {
        let Some(table) = value.as_table() else {
            return Err("must be a table such as { year = \".fields.date[:4]\" }".to_owned());
        };
        for (name, value) in table {
            let shown = name.escape_debug();
            if name.is_empty() {
                return Err("a field has no name".to_owned());
            }
            let template = |table: &toml::Table| {
                table.len() == 1 && table.get("template").is_some_and(|text| text.is_str())
            };
            if !value.is_str() && !value.as_table().is_some_and(template) {
                return Err(format!("`{shown}` must be an expression in quotes, or {{ template = \"…\" }}"));
            }
        }
        Ok(())
    }
}

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": "settings",
            "additionalProperties": {
                "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "properties": { "template": { "type": "string" } },
                        "required": ["template"],
                        "additionalProperties": false
                    }
                ]
            }
        })
    }
}

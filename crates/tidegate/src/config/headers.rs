//! Headers of requests: texts, or the places of secrets.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toml::Value;

use super::secret::SecretRef;

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderText {
    /// A text, or a template.
    Text(String),
    /// Where a secret is.
    Secret(SecretRef),
}

/// Headers by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, HeaderText>);

/// What belongs to the transport: a second one of these is how two readers see two requests.
const TAKEN: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade"];

impl Headers {
    /// Checks a value that somebody wrote.
    ///
    /// # Errors
    /// A fragment that says what to write; values are not repeated, because they may be secrets.
    pub(super) fn check(value: &Value) -> Result<(), String> {
        let Some(table) = value.as_table() else {
            return Err("must be a table such as { X-Team = \"search\" }".to_owned());
        };
        for (name, value) in table {
            let shown = name.escape_debug();
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                return Err(format!("`{shown}` cannot name a header"));
            }
            if TAKEN.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!("`{shown}` is set by tidegate itself; leave it out"));
            }
            if !value.is_str() {
                SecretRef::check(value).map_err(|error| format!("`{shown}`: {error}"))?;
            }
        }
        Ok(())
    }

    /// Whether one of them is called `name`, in whatever case.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.keys().any(|key| key.eq_ignore_ascii_case(name))
    }

    /// The places of secrets that are files.
    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.values_mut().filter_map(|value| match value {
            HeaderText::Secret(SecretRef::File(path)) => Some(path),
            _ => None,
        })
    }

    /// The headers that are no secrets, which decide what is answered.
    #[must_use]
    pub fn texts(&self) -> Vec<(&str, &str)> {
        let texts = self.0.iter().filter_map(|(name, value)| match value {
            HeaderText::Text(text) => Some((name.as_str(), text.as_str())),
            HeaderText::Secret(_) => None,
        });
        texts.collect()
    }
}

impl JsonSchema for Headers {
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = SecretRef::json_schema(generator);
        json_schema!({
            "type": "object",
            "format": "headers",
            "additionalProperties": { "anyOf": [{ "type": "string" }, secret] }
        })
    }
}

//! Where a secret is kept. Configurations name the place; only the place holds the secret.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toml::Value;

/// Where a secret is: `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file, whose white space at the ends does not count; relative to the folder of the configuration.
    File(String),
}

impl SecretRef {
    /// Checks a value that somebody wrote.
    ///
    /// # Errors
    /// A fragment that says what to write; it never repeats the value, which may be the secret itself.
    pub(super) fn check(value: &Value) -> Result<(), String> {
        let one = value.as_table().filter(|table| table.len() == 1);
        let place = one.and_then(|table| table.iter().next());
        let named =
            |name: &Value| name.as_str().is_some_and(|name| !name.is_empty() && !name.contains(['\0', '=']));
        match place {
            Some((kind, name)) if (kind == "env" || kind == "file") && named(name) => Ok(()),
            _ if value.is_str() => Err("a key does not stand in a configuration; write { env = \"NAME\" } \
                 or { file = \"PATH\" }"
                .to_owned()),
            _ => Err("must be { env = \"NAME\" } or { file = \"PATH\" }".to_owned()),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {path}"),
        }
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": "secret",
            "properties": { "env": { "type": "string" }, "file": { "type": "string" } },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1
        })
    }
}

//! Which model does the work: one inside the program, one whose files are on this machine, or one of a provider.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::models::KNOWN;

/// A model: `"builtin"`, `"none"`, the name of one that can be fetched (`"minilm"`), the folder of one (`"./bge-small"`),
/// or `"PROVIDER:MODEL"`, such as `"openai:text-embedding-3-small"`.
///
/// ```
/// use tidegate::config::ModelRef;
/// let model: ModelRef = "openai:text-embedding-3-small".parse()?;
/// assert_eq!(model, ModelRef::remote("openai", "text-embedding-3-small"));
/// assert_eq!(model.to_string(), "openai:text-embedding-3-small");
/// assert!("text-embedding-3-small".parse::<ModelRef>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ModelRef {
    /// The table inside the program: offline, on all cores.
    #[default]
    Builtin,
    /// None.
    None,
    /// A model that is known by name and was fetched: on this machine's cores.
    Known(&'static str),
    /// A folder with the files of a model of the BERT family: on this machine's cores.
    Folder(String),
    /// A model of a provider.
    Remote {
        /// The provider: a section `[providers.NAME]`, or the name of a profile.
        provider: String,
        /// The model, as the provider calls it.
        model: String,
    },
}

impl ModelRef {
    /// A model of a provider.
    #[must_use]
    pub fn remote(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self::Remote { provider: provider.into(), model: model.into() }
    }

    /// Whether it is a model of files on this machine.
    #[must_use]
    pub fn is_of_files(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Folder(_))
    }

    /// Whether it makes vectors only.
    #[must_use]
    pub fn only_embeds(&self) -> bool {
        self.is_of_files() || *self == Self::Builtin
    }

    /// The provider, if it is a provider's.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Remote { provider, .. } => Some(provider),
            _ => None,
        }
    }
}

/// Whether a text is the path of a folder: it says so by how it begins, as no name of a provider can.
fn is_folder(text: &str) -> bool {
    matches!(text, "." | "..") || ["./", "../", "/"].iter().any(|begin| text.starts_with(begin))
}

/// Whether a name can stand for a provider.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

impl FromStr for ModelRef {
    type Err = String;

    /// # Errors
    /// A fragment that says what is wrong and how a model is written.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "builtin" => return Ok(Self::Builtin),
            "none" => return Ok(Self::None),
            _ => {}
        }
        if let Some(known) = KNOWN.iter().find(|known| known.name == text) {
            return Ok(Self::Known(known.name));
        }
        let shown = text.escape_debug();
        if is_folder(text) {
            let plain = !text.chars().any(char::is_control);
            return if plain {
                Ok(Self::Folder(text.to_owned()))
            } else {
                Err(format!("`{shown}` is no folder"))
            };
        }
        let Some((provider, model)) = text.split_once(':') else {
            return Err(format!(
                "`{shown}` names no provider; write PROVIDER:MODEL, minilm, ./FOLDER, builtin or none"
            ));
        };
        if !is_name(provider) {
            return Err(format!("`{shown}`: the provider must be letters, digits, `-` or `_`"));
        }
        if model.is_empty() || model.chars().any(char::is_control) || model.trim() != model {
            return Err(format!("`{shown}` names no model; write PROVIDER:MODEL"));
        }
        Ok(Self::remote(provider, model))
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin => f.write_str("builtin"),
            Self::None => f.write_str("none"),
            Self::Known(name) => f.write_str(name),
            Self::Folder(path) => f.write_str(path),
            Self::Remote { provider, model } => write!(f, "{provider}:{model}"),
        }
    }
}

impl Serialize for ModelRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for ModelRef {
    fn schema_name() -> Cow<'static, str> {
        "ModelRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "model",
            "pattern": "^(builtin|none|minilm|\\.|\\.?\\.?/.*|[A-Za-z0-9_-]{1,64}:.+)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_as_it_is_written() {
        for text in [
            "builtin",
            "none",
            "minilm",
            "./bge",
            "../m:1",
            "/srv/e5-small",
            ".",
            "openai:a",
            "ollama:nomic-embed-text:v1.5",
            "my_vllm:BAAI/bge-m3",
        ] {
            assert_eq!(text.parse::<ModelRef>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "openai",
            "openai:",
            ":m",
            "a b:m",
            "openai: m",
            "x:\u{1b}[2J",
            "Builtin",
            "bge/small",
            "./\n",
        ] {
            text.parse::<ModelRef>().unwrap_err();
        }
    }
}

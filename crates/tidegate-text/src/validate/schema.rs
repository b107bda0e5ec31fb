//! A JSON Schema, and whether what is known about a document follows it.

use std::sync::Arc;

use jsonschema::PatternOptions;
use serde_json::Value;

use super::Subject;
use super::work;

/// What one regular expression may grow to when it is compiled, in bytes.
const PATTERN: usize = 1 << 20;
/// Longest text of a schema, in bytes.
const TEXT: usize = 1 << 20;
/// Longest account of what does not follow, in characters; the account holds the value.
const ACCOUNT: usize = 300;

/// A JSON Schema that was understood: draft 4, 6, 7, 2019-09 or 2020-12, as its `$schema` says, and 2020-12 without one.
/// It stands for itself: nothing that it names is fetched or read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schema {
    root: Arc<Value>,
    compiled: Arc<jsonschema::Validator>,
}

impl Schema {
    /// Understands the text of a schema.
    ///
    /// # Errors
    /// A fragment that says what is wrong: no JSON, no schema, a reference that leads out of the file or in a circle, a
    /// `pattern` that needs more than a regular expression can, a `format` that does not exist.
    ///
    /// ```
    /// use tidegate_text::Schema;
    /// Schema::new(r#"{"required": ["price"]}"#).unwrap();
    /// Schema::new(r#"{"$ref": "https://example.org/other.json"}"#).unwrap_err();
    /// ```
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > TEXT {
            return Err("the schema is longer than 1 MiB".to_owned());
        }
        let root: Value =
            serde_json::from_str(text).map_err(|error| format!("the schema is no JSON: {error}"))?;
        if !root.is_object() {
            return Err("the schema is no JSON object".to_owned());
        }
        work::understand(&root)?;
        let options = jsonschema::options()
            // Backtracking takes exponential time on texts that somebody else wrote.
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN).dfa_size_limit(PATTERN))
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false);
        let compiled = options.build(&root).map_err(|error| match error.instance_path().as_str() {
            "" => short(&error.to_string()),
            place => format!("{place}: {}", short(&error.to_string())),
        })?;
        Ok(Self { root: Arc::new(root), compiled: Arc::new(compiled) })
    }

    /// Whether the row or the metadata follows it.
    pub(super) fn check(&self, subject: &Subject<'_>) -> Result<(), String> {
        let mut fields = subject.fields.clone();
        let subject_of = match subject.text_field {
            Some(name) => {
                fields.insert(name.to_owned(), subject.text.into());
                "the row"
            }
            None => "the metadata",
        };
        self.follows(&Value::Object(fields), subject_of)
    }

    fn follows(&self, value: &Value, subject: &str) -> Result<(), String> {
        if !work::is_bearable(&self.root, value) {
            return Err(format!("schema: it asks for more work than {subject} is worth"));
        }
        let Err(error) = self.compiled.validate(value) else { return Ok(()) };
        let place = match error.instance_path().as_str() {
            "" => subject,
            place => place,
        };
        let (keyword, at) = (error.kind().keyword(), error.schema_path().as_str());
        Err(format!("schema: {place} breaks \"{keyword}\" at {at}: {}", short(&error.to_string())))
    }
}

/// The beginning and the end of a long text, on one line.
fn short(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let length = text.chars().count();
    if length <= ACCOUNT {
        return text;
    }
    let half = ACCOUNT / 2;
    let (head, tail): (String, String) =
        (text.chars().take(half).collect(), text.chars().skip(length - half).collect());
    format!("{head} … {tail}")
}

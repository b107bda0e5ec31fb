//! `response`: text, or the form that answers must have.

use std::path::Path;

use tidegate_core::Fault;
use toml::Value;

use super::section::Section;
use crate::config::check::placed;
use crate::config::file::load_schema;

const HINT: &str =
    "write \"text\", the file of a JSON Schema, or the schema itself: { type = \"object\", ... }";

/// The JSON Schema that the `response` of a step asks for; `None` for text.
///
/// # Errors
/// A schema that cannot be read, or that asks for what would not be checked.
pub(super) fn schema(step: &Section<'_>, folder: &Path) -> Result<Option<String>, Fault> {
    let text = match step.value("response") {
        None => return Ok(None),
        Some(Value::String(text)) if text == "text" => return Ok(None),
        Some(value) => written(step, value, folder)?,
    };
    crate::form::check_schema(&text)
        .map_err(|fault| placed(fault.during("response"), &step.at("response")))?;
    Ok(Some(text))
}

/// The text of a schema: as it stands, or in the file that is named.
fn written(step: &Section<'_>, value: &Value, folder: &Path) -> Result<String, Fault> {
    match value {
        Value::String(text) if text.trim_start().starts_with('{') => Ok(text.clone()),
        Value::String(file) => load_schema(&folder.join(file))
            .map_err(|fault| placed(fault.during("response").hint(HINT), &step.at("response"))),
        // { schema = ... } says the same with one word more.
        Value::Table(table) if table.len() == 1 && table.contains_key("schema") => {
            written(step, &table["schema"], folder)
        }
        Value::Table(table) => serde_json::to_string(table)
            .map_err(|error| step.refuse("response", format!("the schema is no JSON: {error}"))),
        _ => Err(step.refuse("response", "response is no schema").hint(HINT)),
    }
}

//! What templates of stages may name.

use serde::Serialize;
use tidegate_core::{Fault, FaultKind, Fields, Record};

/// What a prompt may name.
pub(crate) const NAMES: [&str; 5] = ["text", "heading", "title", "source", "fields"];
/// What a request may name beside it.
pub(crate) const VECTOR: &str = "vector";

/// A record as templates see it.
#[derive(Serialize)]
pub(crate) struct Values<'a> {
    text: &'a str,
    /// The headings above a chunk, outermost first.
    heading: String,
    title: &'a str,
    source: &'a str,
    fields: &'a Fields,
    /// Absent until the record is embedded, so that a template that names it too early is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<&'a [f32]>,
}

impl<'a> Values<'a> {
    /// What `record` has.
    ///
    /// # Errors
    /// It has no text yet.
    pub(crate) fn of(record: &'a Record) -> Result<Self, Fault> {
        let text = record.body.as_text();
        Ok(Self {
            text: text.ok_or_else(|| Fault::new(FaultKind::Internal, "there is no text to ask about"))?,
            heading: record.place.as_ref().map(|place| place.heading.join(" > ")).unwrap_or_default(),
            title: record.fields.get("title").and_then(serde_json::Value::as_str).unwrap_or_default(),
            source: &record.key,
            fields: &record.fields,
            vector: record.embedded.as_ref().map(|embedded| &*embedded.vector),
        })
    }
}

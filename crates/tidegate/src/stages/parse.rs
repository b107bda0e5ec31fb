//! Bytes become a document.

use std::sync::Arc;

use tidegate_core::{Body, Cpu, Cx, Document, Emit, Fault, FaultKind, Fields, Record};
use tidegate_text::ParseOptions;

/// Parses trusted text formats in this process: rows, which are text and nothing else. What only a sandbox may parse is
/// put aside by name; [`super::ParseFiles`] has it parsed there.
pub struct ParseStage {
    options: ParseOptions,
}

impl ParseStage {
    /// A stage with these limits.
    #[must_use]
    pub fn new(options: ParseOptions) -> Self {
        Self { options }
    }
}

impl Cpu for ParseStage {
    fn run(&self, _: &Cx, mut record: Record) -> Result<Emit, Fault> {
        if !matches!(record.body, Body::Document(_)) {
            let document = read(name(&record), &record.body, &self.options)?;
            hold(&mut record, document);
        }
        Ok(Emit::One(record))
    }
}

/// Parses a text.
pub(super) fn read(name: &str, body: &Body, options: &ParseOptions) -> Result<Document, Fault> {
    match body {
        Body::Bytes(bytes) => tidegate_text::parse(name, bytes, options),
        // A row's text has no name to tell its format by, and a colon in its key would mislead.
        Body::Text(text) => tidegate_text::parse("row.txt", text.as_bytes(), options),
        Body::Document(_) | Body::Empty | Body::Json(_) => {
            Err(Fault::new(FaultKind::Internal, "nothing to parse reached the parser"))
        }
    }
}

/// Puts a document into its record, and what it says of itself among the record's fields.
pub(super) fn hold(record: &mut Record, mut document: Document) {
    let fields = Arc::make_mut(&mut record.fields);
    merge(fields, std::mem::take(&mut document.meta));
    if let Some(title) = &document.title {
        fields.entry("title").or_insert_with(|| title.clone().into());
    }
    record.set_body(Body::Document(Arc::new(document)));
}

/// What the format of a record is told by: the name that its source gives it, where the key is no name.
pub(super) fn name(record: &Record) -> &str {
    record.fields.get("file_name").and_then(serde_json::Value::as_str).unwrap_or(&record.key)
}

/// What the source said of a record stays; what the document says of itself is added.
fn merge(fields: &mut Fields, meta: Fields) {
    for (key, value) in meta {
        fields.entry(key).or_insert(value);
    }
}

//! Bytes become a document.

use std::sync::Arc;

use tidegate_core::{Body, Cpu, Cx, Emit, Fault, FaultKind, Fields, Record};
use tidegate_text::ParseOptions;

/// Parses trusted text formats in this process. What only a sandbox may parse is put aside by name.
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
        let parsed = match &record.body {
            Body::Bytes(bytes) => tidegate_text::parse(name(&record), bytes, &self.options),
            // A row's text has no name to tell its format by, and a colon in its key would mislead.
            Body::Text(text) => tidegate_text::parse("row.txt", text.as_bytes(), &self.options),
            Body::Document(_) => return Ok(Emit::One(record)),
            Body::Empty | Body::Json(_) => {
                return Err(Fault::new(FaultKind::Internal, "nothing to parse reached the parser"));
            }
        };
        let mut document = parsed?;
        let fields = Arc::make_mut(&mut record.fields);
        merge(fields, std::mem::take(&mut document.meta));
        if let Some(title) = &document.title {
            fields.entry("title").or_insert_with(|| title.clone().into());
        }
        record.set_body(Body::Document(Arc::new(document)));
        Ok(Emit::One(record))
    }
}

/// What the format of a record is told by: the name that its source gives it, where the key is no name.
fn name(record: &Record) -> &str {
    record.fields.get("file_name").and_then(serde_json::Value::as_str).unwrap_or(&record.key)
}

/// What the source said of a record stays; what the document says of itself is added.
fn merge(fields: &mut Fields, meta: Fields) {
    for (key, value) in meta {
        fields.entry(key).or_insert(value);
    }
}

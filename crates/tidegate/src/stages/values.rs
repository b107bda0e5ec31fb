//! What templates, expressions and programs of stages see of a record.

use std::sync::Arc;

use serde::Serialize;
use tidegate_core::{Body, Fault, FaultKind, Fields, Place, Record};

/// What a prompt or an expression may name.
pub(crate) const NAMES: [&str; 5] = ["text", "heading", "title", "source", "fields"];
/// What a request may name beside it.
pub(crate) const VECTOR: &str = "vector";

/// Texts longer than this are looked at on the compute pool, in bytes.
pub(super) const LONG: usize = 64 << 10;

/// A record as templates see it.
#[derive(Serialize)]
pub(crate) struct Values<'a> {
    /// Absent where nobody looks at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
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
        let values = Self::new((&record.key, &record.body), &record.fields, record.place.as_ref())?;
        Ok(Self { vector: record.embedded.as_ref().map(|embedded| &*embedded.vector), ..values })
    }

    fn new(
        (source, body): (&'a str, &'a Body),
        fields: &'a Fields,
        place: Option<&Place>,
    ) -> Result<Self, Fault> {
        let none = || Fault::new(FaultKind::Internal, "there is no text to ask about");
        Ok(Self {
            text: Some(body.as_text().ok_or_else(none)?),
            heading: place.map(|place| place.heading.join(" > ")).unwrap_or_default(),
            title: fields.get("title").and_then(serde_json::Value::as_str).unwrap_or_default(),
            source,
            fields,
            vector: None,
        })
    }
}

/// The same of a record that is elsewhere meanwhile. Cheap to make.
pub(crate) struct Sight {
    key: Arc<str>,
    body: Body,
    fields: Arc<Fields>,
    place: Option<Place>,
}

impl Sight {
    /// What there is to see of `record`.
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            key: record.key.clone(),
            body: record.body.clone(),
            fields: record.fields.clone(),
            place: record.place.clone(),
        }
    }

    /// Whether making the object takes so long that others should not wait for it.
    pub(crate) fn is_long(&self) -> bool {
        self.body.weight() > LONG as u64
    }

    /// The object that expressions and programs see, as JSON on one line; without its `text` for those that do not look
    /// at it, which may be long.
    ///
    /// # Errors
    /// It has no text yet.
    pub(crate) fn object(&self, text: bool) -> Result<String, Fault> {
        let mut values = Values::new((&self.key, &self.body), &self.fields, self.place.as_ref())?;
        values.text = values.text.filter(|_| text);
        serde_json::to_string(&values)
            .map_err(|error| Fault::new(FaultKind::Internal, "a record is no JSON").cause(error))
    }
}

/// Changes fields of a record. A title that changes is its document's too, which chunks stand under.
pub(super) fn change_fields(record: &mut Record, change: impl FnOnce(&mut Fields)) {
    const TITLE: &str = "title";
    let fields = Arc::make_mut(&mut record.fields);
    let before = fields.get(TITLE).cloned();
    change(fields);
    let after = fields.get(TITLE);
    if before.as_ref() == after {
        return;
    }
    let title = after.and_then(serde_json::Value::as_str).map(str::to_owned);
    if let Body::Document(document) = &mut record.body {
        Arc::make_mut(document).title = title;
    }
}

//! One line of JSON as text, id and fields.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tidegate_core::{ContentHash, Fault, FaultKind, Fields, NameSeed};

/// Which fields of a row mean something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFields {
    /// The field that holds the text.
    pub text: String,
    /// The field that identifies the row: text or a whole number. Without one, rows are known by line number.
    pub id: Option<String>,
}

impl Default for RowFields {
    fn default() -> Self {
        Self { text: "text".to_owned(), id: None }
    }
}

/// A row as it was read.
#[derive(Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) text: Arc<str>,
    pub(crate) id: Option<String>,
    /// Every field but the text.
    pub(crate) fields: Fields,
}

/// The hash of a row's content: its text and its other fields, whatever their order and the spaces between them.
///
/// ```
/// use tidegate_connect::content_hash_of;
/// use tidegate_core::Fields;
/// assert_ne!(content_hash_of("a", &Fields::new()), content_hash_of("b", &Fields::new()));
/// ```
#[must_use]
pub fn content_hash_of(text: &str, fields: &Fields) -> ContentHash {
    if fields.is_empty() {
        return ContentHash::of_parts(&[text.as_bytes(), b"{}"]);
    }
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    let mut json = Vec::with_capacity(128);
    for (name, value) in sorted {
        // Writing to memory cannot fail, and neither can values that came from JSON.
        let _ = serde_json::to_writer(&mut json, &(name, value));
    }
    ContentHash::of_parts(&[text.as_bytes(), &json])
}

fn malformed(message: String) -> Fault {
    Fault::new(FaultKind::Malformed, message)
}

/// What is wrong with a line that should be an object, and at which column.
fn no_object(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
    malformed(format!("{what} at column {}", error.column())).hint("each line must be one JSON object")
}

/// Reads a line. Faults say where in the line, in bytes from 1.
pub(crate) fn parse(line: &[u8], names: &RowFields) -> Result<Row, Fault> {
    let line = utf8(line)?;
    let mut json = serde_json::Deserializer::from_str(line);
    let found = json.deserialize_map(RowVisitor { names }).and_then(|row| json.end().map(|()| row));
    let found = found.map_err(|error| no_object(&error))?;
    let text = match found.text {
        Some(Ok(text)) => text,
        Some(Err(kind)) => {
            return Err(malformed(format!("field {:?} is {kind}, not text", names.text)));
        }
        None => {
            return Err(malformed(format!("no field {:?}", names.text))
                .hint("name the field that holds the text with --text-field"));
        }
    };
    let id = match &names.id {
        None => None,
        Some(name) => Some(id_of(name, found.fields.get(name), &text, names).map_err(malformed)?),
    };
    Ok(Row { text, id, fields: found.fields })
}

/// Takes a line that is an object as it stands, and finds out what it is known by.
pub(crate) fn parse_record(line: &[u8], id: Option<&str>) -> Result<Row, Fault> {
    let line = utf8(line)?.trim_ascii();
    let mut json = serde_json::Deserializer::from_str(line);
    let found = json.deserialize_map(IdVisitor { id }).and_then(|found| json.end().map(|()| found));
    let found = found.map_err(|error| no_object(&error))?;
    let id = id.map(|name| id_in(name, found.as_ref()).map_err(malformed)).transpose()?;
    Ok(Row { text: line.into(), id, fields: Fields::new() })
}

/// Makes an object of a line of text.
pub(crate) fn parse_line(line: &[u8], field: &str) -> Result<Row, Fault> {
    let object = serde_json::json!({ field: utf8(line)? });
    Ok(Row { text: object.to_string().into(), id: None, fields: Fields::new() })
}

/// Takes a whole line as text.
pub(crate) fn parse_text(line: &[u8]) -> Result<Row, Fault> {
    Ok(Row { text: utf8(line)?.into(), id: None, fields: Fields::new() })
}

pub(crate) fn utf8(line: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(line).map_err(|error| {
        let column = error.valid_up_to() + 1;
        Fault::new(FaultKind::Encoding, format!("not UTF-8 at column {column}"))
            .hint("convert the file, for example with iconv")
    })
}

fn id_of(
    name: &str,
    value: Option<&serde_json::Value>,
    text: &str,
    names: &RowFields,
) -> Result<String, String> {
    match value {
        None if name == names.text => Ok(text.to_owned()),
        value => id_in(name, value),
    }
}

/// The id that a value is.
fn id_in(name: &str, value: Option<&serde_json::Value>) -> Result<String, String> {
    use serde_json::Value;
    match value {
        None => Err(format!("no field {name:?}")),
        Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
        Some(Value::Number(id)) if !id.is_f64() => Ok(id.to_string()),
        Some(_) => Err(format!("field {name:?} is neither text nor a whole number")),
    }
}

struct Found {
    text: Option<Result<Arc<str>, &'static str>>,
    fields: Fields,
}

/// Reads an object in one pass; the text goes straight to where it stays.
struct RowVisitor<'a> {
    names: &'a RowFields,
}

impl<'de> Visitor<'de> for RowVisitor<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found { text: None, fields: Fields::new() };
        while let Some(name) = map.next_key_seed(NameSeed)? {
            if name == self.names.text {
                found.text = Some(map.next_value_seed(TextSeed)?);
            } else {
                let value = map.next_value()?;
                found.fields.insert(name.into_owned(), value);
            }
        }
        Ok(found)
    }
}

/// Reads an object to its end and keeps nothing but one value.
struct IdVisitor<'a> {
    id: Option<&'a str>,
}

impl<'de> Visitor<'de> for IdVisitor<'_> {
    type Value = Option<serde_json::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key_seed(NameSeed)? {
            if self.id.is_some_and(|id| id == name) {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Reads text, or says what stands in its place.
struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Result<Arc<str>, &'static str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Result<Arc<str>, &'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Ok(text.into()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Err("a boolean"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Err("a number"))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Err("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err("an object"))
    }
}

//! A text with places to fill in, written into a record.

use tidegate_core::Fault;

use crate::quick::follow;
use crate::record::{Record, quote};
use crate::template::Template;
use crate::value::{Unsure, Value, text_of};

/// A Jinja template whose values are the fields of a record.
///
/// ```
/// use tidegate_expr::{Record, Text};
/// let text = Text::new("prompt", "Label: {{ text }} ({{ meta.lang }})")?;
/// let record = Record::parse(br#"{"text": "a \"tide\"", "meta": {"lang": "en"}}"#)?;
/// assert_eq!(text.fill(&record)?, r#"Label: a "tide" (en)"#);
/// # Ok::<(), tidegate_core::Fault>(())
/// ```
#[derive(Debug)]
pub struct Text {
    /// What stands between the places, and the places; unless more of the language is used.
    quick: Option<Vec<Part>>,
    full: Template,
}

#[derive(Debug, PartialEq)]
enum Part {
    /// Text, as it is and as it stands within a JSON string.
    Literal { plain: String, escaped: String },
    /// A field, by its path.
    Field(Vec<String>),
}

impl Text {
    /// Compiles `source`; `place` says in errors where it stands.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`] with the line of what does not read.
    pub fn new(place: &str, source: &str) -> Result<Self, Fault> {
        Ok(Self { full: Template::new(place, source)?, quick: parts_of(source) })
    }

    /// The text with the fields of `record` filled in.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Validation`], the record's own: a field that is not there, or a text over 16 MiB.
    pub fn fill(&self, record: &Record<'_>) -> Result<String, Fault> {
        let mut text = String::with_capacity(record.likely());
        match self.quick.as_ref().map(|parts| plain(parts, record, &mut text)) {
            Some(Ok(())) => Ok(text),
            _ => self.full_text(record),
        }
    }

    /// The same as a JSON string.
    ///
    /// # Errors
    /// As [`Text::fill`].
    pub fn fill_json(&self, record: &Record<'_>) -> Result<String, Fault> {
        let mut json = String::with_capacity(record.likely());
        json.push('"');
        if let Some(Ok(())) = self.quick.as_ref().map(|parts| escaped(parts, record, &mut json)) {
            json.push('"');
            return Ok(json);
        }
        let mut json = Vec::new();
        quote(&self.full_text(record)?, &mut json);
        Ok(String::from_utf8(json).expect("JSON is text"))
    }

    /// Whether the text may depend on the field `name` of a record.
    #[must_use]
    pub fn sees(&self, name: &str) -> bool {
        self.full.mentions(name)
    }

    fn full_text(&self, record: &Record<'_>) -> Result<String, Fault> {
        let json = record.shallow_json()?;
        let values: serde_json::Value = serde_json::from_slice(&json).map_err(|error| {
            Fault::new(tidegate_core::FaultKind::Malformed, format!("the record does not read: {error}"))
        })?;
        self.full.render(&values)
    }
}

/// The longest text that is put together here; the full language has the same bound and says so.
const LONGEST: usize = 16 << 20;

fn plain(parts: &[Part], record: &Record<'_>, out: &mut String) -> Result<(), Unsure> {
    for part in parts {
        match part {
            Part::Literal { plain, .. } => out.push_str(plain),
            Part::Field(path) => match shown(path, record)? {
                Shown::Quoted(json) => out.push_str(&text_of(json)?),
                Shown::AsIs(text) => out.push_str(text),
            },
        }
    }
    if out.len() > LONGEST { Err(Unsure) } else { Ok(()) }
}

fn escaped(parts: &[Part], record: &Record<'_>, out: &mut String) -> Result<(), Unsure> {
    for part in parts {
        match part {
            Part::Literal { escaped, .. } => out.push_str(escaped),
            Part::Field(path) => match shown(path, record)? {
                Shown::Quoted(json) => out.push_str(json.get(1..json.len() - 1).ok_or(Unsure)?),
                Shown::AsIs(text) => out.push_str(text),
            },
        }
    }
    if out.len() > LONGEST { Err(Unsure) } else { Ok(()) }
}

enum Shown<'a> {
    /// A JSON string with its quotes.
    Quoted(&'a str),
    /// What a template shows as it is written.
    AsIs(&'a str),
}

/// How a template would show the value at a path.
fn shown<'a>(path: &[String], record: &'a Record<'_>) -> Result<Shown<'a>, Unsure> {
    let Value::Json(json) = follow(path, record)? else { return Err(Unsure) };
    match json.as_bytes().first() {
        Some(b'"') if !json.contains("\\u") => Ok(Shown::Quoted(json)),
        // Escapes by number may be halves of a character, which are an error.
        Some(b'"') => text_of(json).map(|_| Shown::Quoted(json)),
        Some(b't') => Ok(Shown::AsIs("True")),
        Some(b'f') => Ok(Shown::AsIs("False")),
        Some(b'-' | b'0'..=b'9') if json.parse::<i64>().is_ok() && json != "-0" => Ok(Shown::AsIs(json)),
        _ => Err(Unsure),
    }
}

/// The parts of a template that does nothing but name fields.
fn parts_of(source: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = source;
    // The library leaves out one line end at the end of a template.
    if source.ends_with('\n') {
        return None;
    }
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        match after.as_bytes().first() {
            Some(b'{') => {
                literal(&rest[..open], &mut parts);
                let inner = &after[1..];
                let close = inner.find("}}")?;
                parts.push(Part::Field(path_of(inner[..close].trim_matches([' ', '\t']))?));
                rest = &inner[close + 2..];
            }
            Some(b'%' | b'#') => return None,
            _ => {
                literal(&rest[..=open], &mut parts);
                rest = after;
            }
        }
    }
    literal(rest, &mut parts);
    Some(parts)
}

fn literal(text: &str, parts: &mut Vec<Part>) {
    if text.is_empty() {
        return;
    }
    let mut json = Vec::new();
    quote(text, &mut json);
    let json = String::from_utf8(json).expect("JSON is text");
    parts.push(Part::Literal { plain: text.to_owned(), escaped: json[1..json.len() - 1].to_owned() });
}

/// Names that mean something else in a template.
const RESERVED: &[&str] = &[
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "loop",
    "self",
    "super",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "range",
    "dict",
    "debug",
    "namespace",
    "cycler",
    "joiner",
];

fn path_of(source: &str) -> Option<Vec<String>> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let path: Vec<String> = source.split('.').map(str::to_owned).collect();
    let first_is_free = path.first().is_some_and(|name| !RESERVED.contains(&name.as_str()));
    (first_is_free && path.iter().all(|name| is_name(name))).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_does_more_than_name_fields_is_left_to_the_library() {
        for source in
            ["{{ a | upper }}", "{% if a %}x{% endif %}", "{# x #}", "{{- a }}", "{{ a", "{{ a[0] }}", "a\n"]
        {
            assert_eq!(parts_of(source), None, "{source}");
        }
        assert!(parts_of("{ {{ a }} }}").is_some());
    }

    #[test]
    fn a_field_that_is_not_there_is_the_records_own_fault() {
        let record = Record::parse(br#"{"a":null,"s":"\ud800"}"#).unwrap();
        for source in ["{{ b }}", "{{ a.b }}", "{{ s }}"] {
            let fault = Text::new("prompt", source).unwrap().fill_json(&record).unwrap_err();
            assert!(tidegate_core::advise(&fault) == tidegate_core::Advice::Quarantine, "{source}: {fault}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|float| json!(float)),
            ".{0,12}".prop_map(Value::from),
            Just(json!(["x", 1])),
            Just(json!({ "b": "in \"ner\"\n", "c": 1.0 })),
        ]
    }

    proptest! {
        /// What is put together here is what the library makes.
        #[test]
        fn quick_is_full(
            a in values(), b in values(),
            parts in prop::collection::vec(prop_oneof![
                Just("{{ a }}"), Just("{{b}}"), Just("{{ a.b }}"), Just("\"{\" \\ é\n"), Just(" } "), Just("}}"), Just("{ "),
            ], 0..6),
        ) {
            let source = parts.concat();
            let line = json!({ "a": a, "b": b }).to_string();
            let record = Record::parse(line.as_bytes()).unwrap();
            let Ok(text) = Text::new("t", &source) else { return Ok(()) };
            let full = text.full_text(&record);
            match (full, text.fill(&record), text.fill_json(&record)) {
                (Ok(full), Ok(quick), Ok(json)) => {
                    prop_assert_eq!(&full, &quick);
                    prop_assert_eq!(full, serde_json::from_str::<String>(&json).unwrap());
                }
                (Err(_), Err(_), Err(_)) => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

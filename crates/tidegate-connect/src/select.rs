//! Which values of a record are written, and how a record becomes a line of JSON.

use base64::Engine as _;
use serde::Serialize;
use tidegate_core::{Body, Record};

/// Which values of each record are written. Values of the record's own fields that bear a built-in name are called
/// `fields.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldSelection {
    /// Every built-in value that the record has but the vector, then all its fields.
    #[default]
    All,
    /// These, in this order; `null` where a record has none. Built in are `key`, `text`, `heading`, `span`, `page`,
    /// `tokens` and `vector`; every other name is that of a field.
    Only(Vec<String>),
    /// The body as it stands, which is an object on one line already; nothing else.
    Body,
    /// The body as it stands, which is any number of whole lines already.
    Lines,
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VectorFormat {
    /// Not at all, unless `vector` is selected by name; then as numbers.
    #[default]
    None,
    /// As a list of numbers.
    Floats,
    /// As base64 of little-endian 32-bit floats: exact, and a third of the size.
    Base64,
}

const BUILT_IN: [&str; 7] = ["key", "text", "heading", "span", "page", "tokens", "vector"];
const FIELDS: &str = "fields.";

/// The lines that `record` is, where the output takes them as they are.
pub(crate) fn lines_of<'a>(record: &'a Record, selection: &FieldSelection) -> Option<&'a [u8]> {
    match (selection, &record.body) {
        (FieldSelection::Lines, Body::Bytes(lines)) => Some(lines),
        _ => None,
    }
}

/// Appends `record` to `out` as one line.
pub(crate) fn render(record: &Record, selection: &FieldSelection, vectors: VectorFormat, out: &mut Vec<u8>) {
    let mut line = Line { out, empty: true };
    match selection {
        FieldSelection::Lines => {
            return line.out.extend_from_slice(lines_of(record, selection).unwrap_or_default());
        }
        FieldSelection::Body => {
            line.out.extend_from_slice(record.body.as_text().unwrap_or("{}").as_bytes());
            return line.out.push(b'\n');
        }
        FieldSelection::All => {
            for name in BUILT_IN.into_iter().filter(|name| *name != "vector" || vectors != VectorFormat::None)
            {
                built_in(&mut line, record, name, vectors);
            }
            for (name, value) in record.fields.iter() {
                if BUILT_IN.contains(&name.as_str()) {
                    line.put(&format!("{FIELDS}{name}"), value);
                } else {
                    line.put(name, value);
                }
            }
        }
        FieldSelection::Only(names) => {
            for name in names {
                let known = BUILT_IN.contains(&name.as_str());
                if known && built_in(&mut line, record, name, vectors) {
                    continue;
                }
                let field = name.strip_prefix(FIELDS).unwrap_or(name);
                line.put(name, &record.fields.get(field).filter(|_| !known));
            }
        }
    }
    let open: &[u8] = if line.empty { b"{}\n" } else { b"}\n" };
    out.extend_from_slice(open);
}

/// Writes a built-in value; `false` if the record has none.
fn built_in(line: &mut Line<'_>, record: &Record, name: &str, vectors: VectorFormat) -> bool {
    let place = record.place.as_ref();
    match name {
        "key" => line.put(name, &*record.key),
        "text" => match &record.body {
            Body::Json(value) => line.put(name, &**value),
            Body::Bytes(bytes) => line.put(name, &String::from_utf8_lossy(bytes)),
            body => body.as_text().is_some_and(|text| line.put(name, text)),
        },
        "heading" => place.is_some_and(|place| {
            let headings: Vec<&str> = place.heading.iter().map(|heading| &**heading).collect();
            line.put(name, &headings)
        }),
        "span" => place.is_some_and(|place| line.put(name, &[place.span.start, place.span.end])),
        "page" => place.and_then(|place| place.page).is_some_and(|page| line.put(name, &page)),
        "tokens" => place.is_some() && line.put(name, &record.tokens),
        "vector" => record.embedded.as_ref().is_some_and(|embedded| {
            if vectors == VectorFormat::Base64 {
                let bytes: Vec<u8> = embedded.vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                line.put(name, &base64::engine::general_purpose::STANDARD.encode(bytes))
            } else {
                line.put(name, &*embedded.vector)
            }
        }),
        _ => false,
    }
}

/// A line being written.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl Line<'_> {
    /// Writes one pair; always `true`, so that it can end a condition.
    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> bool {
        self.out.push(if self.empty { b'{' } else { b',' });
        self.empty = false;
        self.json(name);
        self.out.push(b':');
        self.json(value);
        true
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) {
        let before = self.out.len();
        // Writing to memory cannot fail, and every map here has text for keys.
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            self.out.truncate(before);
            self.out.extend_from_slice(b"null");
        }
    }
}

//! One record on its way: a JSON object whose fields are borrowed from its line until something changes them.

use std::borrow::Cow;
use std::ops::Range;

use tidegate_core::{Fault, FaultKind, each_field};

use crate::split::split;

/// A JSON object. The whole line has been checked; values are kept as they are written.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    line: &'a str,
    fields: Vec<Field<'a>>,
    /// How many of the fields stand in the line; those behind them were added.
    original: usize,
    /// Whether a field of the line was replaced or removed.
    altered: bool,
}

#[derive(Debug, Clone)]
struct Field<'a> {
    name: Cow<'a, str>,
    /// JSON.
    value: Cow<'a, str>,
}

impl<'a> Record<'a> {
    /// Reads a line.
    ///
    /// ```
    /// use tidegate_expr::Record;
    /// let mut record = Record::parse(br#"{"id": 7, "text": "tide"}"#)?;
    /// record.set("year", "2026".into());
    /// let mut line = Vec::new();
    /// record.write(&mut line);
    /// assert_eq!(line, br#"{"id": 7, "text": "tide","year":2026}"#);
    /// # Ok::<(), tidegate_core::Fault>(())
    /// ```
    ///
    /// # Errors
    /// The record's own: [`FaultKind::Encoding`] for what is not UTF-8, [`FaultKind::Malformed`] for what is not one
    /// JSON object.
    pub fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        Self::of_text(simdutf8::compat::from_utf8(line).map_err(|error| {
            let column = error.valid_up_to() + 1;
            Fault::new(FaultKind::Encoding, format!("not UTF-8 at column {column}"))
                .hint("convert the file, for example with iconv")
        })?)
    }

    /// Reads a line that is known to be UTF-8.
    ///
    /// # Errors
    /// [`FaultKind::Malformed`], the record's own, for what is not one JSON object.
    pub fn of_text(line: &'a str) -> Result<Self, Fault> {
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        let fields = fields_of(line).map_err(|error| malformed(&error))?;
        Ok(Self { line, original: fields.len(), fields, altered: false })
    }

    /// Takes an object whose maker knows its fields: their names, all of them different, and where in `line` the values
    /// stand.
    ///
    /// ```
    /// use tidegate_expr::Record;
    /// let record = Record::of(br#"{"id":7,"text":"tide"}"#, [("id", 6..7), ("text", 15..21)])?;
    /// assert_eq!((record.get("id"), record.get("text")), (Some("7"), Some("\"tide\"")));
    /// # Ok::<(), tidegate_core::Fault>(())
    /// ```
    ///
    /// # Errors
    /// [`FaultKind::Internal`] for places that are none in `line`, or a line that is not UTF-8.
    pub fn of(
        line: &'a [u8],
        fields: impl IntoIterator<Item = (&'a str, Range<usize>)>,
    ) -> Result<Self, Fault> {
        let wrong = || Fault::new(FaultKind::Internal, "an object whose fields stand elsewhere");
        let line = simdutf8::basic::from_utf8(line).map_err(|_| wrong())?;
        let field = |(name, place): (&'a str, Range<usize>)| {
            let value = Cow::Borrowed(line.get(place).ok_or_else(wrong)?);
            Ok(Field { name: Cow::Borrowed(name), value })
        };
        let fields = fields.into_iter().map(field).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self { line, original: fields.len(), fields, altered: false })
    }

    /// The value of a field as JSON; of two fields of one name the last counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|field| field.name == name).map(|field| &*field.value)
    }

    /// The fields in their order: names, and values as JSON.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (&*field.name, &*field.value))
    }

    /// Gives a field another value, which must be JSON, or adds it at the end.
    pub fn set(&mut self, name: &str, value: String) {
        let mut found = self.fields.iter_mut().enumerate().filter(|(_, field)| field.name == name);
        match found.next() {
            None => self.fields.push(Field { name: Cow::Owned(name.to_owned()), value: Cow::Owned(value) }),
            Some((place, field)) => {
                self.altered |= place < self.original;
                field.value = Cow::Owned(value);
                let others: Vec<usize> = found.map(|(place, _)| place).collect();
                self.remove_at(&others);
            }
        }
    }

    /// Leaves out all fields but those for which `keep` says so.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone = self.fields.iter().enumerate().filter(|(_, field)| !keep(&field.name));
        let gone: Vec<usize> = gone.map(|(place, _)| place).collect();
        self.remove_at(&gone);
    }

    fn remove_at(&mut self, places: &[usize]) {
        for place in places.iter().rev() {
            self.fields.remove(*place);
            if *place < self.original {
                self.original -= 1;
                self.altered = true;
            }
        }
    }

    /// Appends the record as JSON, without a line end. What nobody changed is written as it was read.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.altered {
            out.push(b'{');
            self.write_fields(&self.fields, true, out);
        } else {
            let open = self.line.strip_suffix('}').unwrap_or(self.line);
            out.extend_from_slice(open.trim_end().as_bytes());
            self.write_fields(&self.fields[self.original..], self.original == 0, out);
        }
        out.push(b'}');
    }

    fn write_fields(&self, fields: &[Field<'_>], mut first: bool, out: &mut Vec<u8>) {
        for field in fields {
            if !std::mem::replace(&mut first, false) {
                out.push(b',');
            }
            quote(&field.name, out);
            out.push(b':');
            out.extend_from_slice(field.value.as_bytes());
        }
    }

    /// Room that a text made of the record's fields likely needs, in bytes: no more than the line, as a rule.
    pub(crate) fn likely(&self) -> usize {
        self.line.len().min(64 << 10)
    }

    /// The record as JSON, without a line end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::with_capacity(self.line.len());
        self.write(&mut text);
        String::from_utf8(text).expect("names and values are text")
    }

    /// The record as JSON for a reader that makes a tree of it, and so takes stack for every level.
    pub(crate) fn shallow_json(&self) -> Result<Cow<'a, [u8]>, Fault> {
        let json = self.json();
        if depth_of(&json) >= DEEPEST {
            let message = format!("nested deeper than {DEEPEST} levels");
            return Err(Fault::new(FaultKind::TooDeep, message));
        }
        Ok(json)
    }

    /// The record as JSON: the line itself where nothing changed it.
    pub(crate) fn json(&self) -> Cow<'a, [u8]> {
        if !self.altered && self.fields.len() == self.original {
            return Cow::Borrowed(self.line.as_bytes());
        }
        let mut json = Vec::with_capacity(self.line.len() + 64);
        self.write(&mut json);
        Cow::Owned(json)
    }
}

/// How deep values may be nested that are read into a tree, as in `serde_json`.
pub(crate) const DEEPEST: usize = 128;

/// How deep the values of a well-formed JSON text are nested.
pub(crate) fn depth_of(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut bytes) = (0_usize, 0, false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' => {
                bytes.next();
            }
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Appends text as a JSON string.
pub(crate) fn quote(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a vector takes every byte, and every text has a form in JSON");
}

fn malformed(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    Fault::new(FaultKind::Malformed, format!("{what} at column {}", error.column()))
        .hint("each line must be one JSON object")
}

/// The fields of an object, in their order.
fn fields_of(object: &str) -> Result<Vec<Field<'_>>, serde_json::Error> {
    let mut fields = Vec::with_capacity(16);
    let each = |(name, value)| fields.push(Field { name: Cow::Borrowed(name), value: Cow::Borrowed(value) });
    if split(object, each).is_some() {
        return Ok(fields);
    }
    fields.clear();
    each_field(object, |name, value| fields.push(Field { name, value: Cow::Borrowed(value.get()) }))?;
    Ok(fields)
}

/// The value of one field of an object that is known to be well formed.
pub(crate) fn field_of<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let fields = fields_of(object).ok()?;
    let value = fields.into_iter().rev().find(|field| field.name == name)?.value;
    match value {
        Cow::Borrowed(value) => Some(value),
        Cow::Owned(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;

    fn written(line: &str, change: impl Fn(&mut Record<'_>)) -> String {
        let mut record = Record::parse(line.as_bytes()).unwrap();
        change(&mut record);
        let mut out = Vec::new();
        record.write(&mut out);
        assert_eq!(record.json().as_ref(), out.as_slice(), "both ways say the same");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_nobody_changed_stays_as_it_was_written() {
        let line = r#"{ "a" : 1.0, "b":"\u0041\/", "a": 1e3 }"#;
        assert_eq!(Record::parse(line.as_bytes()).unwrap().json().as_ref(), line.as_bytes());
        assert_eq!(written(r#"{"a": 1.0}"#, |r| r.set("b", "2".into())), r#"{"a": 1.0,"b":2}"#);
        assert_eq!(written("{}", |r| r.set("b", "2".into())), r#"{"b":2}"#);
        assert_eq!(written(r#"{"a":1,"b":2}"#, |r| r.set("a", "[3]".into())), r#"{"a":[3],"b":2}"#);
    }

    #[test]
    fn of_two_fields_of_one_name_the_last_counts_and_a_change_leaves_one() {
        let line = r#"{"a":1,"b":2,"a":3}"#;
        assert_eq!(Record::parse(line.as_bytes()).unwrap().get("a"), Some("3"));
        assert_eq!(written(line, |r| r.set("a", "4".into())), r#"{"a":4,"b":2}"#);
    }

    #[test]
    fn fields_are_left_out() {
        let line = r#"{"a":1,"b\n":2,"c":3}"#;
        assert_eq!(written(line, |r| r.retain(|name| name != "a")), r#"{"b\n":2,"c":3}"#);
        let after = written(line, |r| {
            r.set("d", "4".into());
            r.retain(|name| name == "d" || name == "c");
            r.set("d", "5".into());
        });
        assert_eq!(after, r#"{"c":3,"d":5}"#);
        assert_eq!(written(line, |r| r.retain(|_| false)), "{}");
    }

    #[test]
    fn what_is_no_object_says_where_it_ends_to_be_one() {
        let message = |line: &[u8]| Record::parse(line).unwrap_err().to_string();
        assert!(message(b"{\"a\":}").contains("expected value at column 6"), "{}", message(b"{\"a\":}"));
        assert!(message(b"[1]").contains("a JSON object"));
        assert!(message(b"{} {}").contains("trailing characters at column 4"));
        assert!(message(b"{\"a\":\"\xff\"}").contains("not UTF-8 at column 7"));
        assert_eq!(Record::parse(b"").unwrap_err().kind(), FaultKind::Malformed);
    }

    #[test]
    fn what_is_nested_too_deep_for_a_tree_is_never_made_one() {
        let line =
            |levels: usize| format!("{{\"a\":{}\"[[\\\"[\"{}}}", "[".repeat(levels), "]".repeat(levels));
        let kind = |line: &str| {
            let record = Record::parse(line.as_bytes()).unwrap();
            assert!(Expr::new("when", ".a == .b").unwrap().holds(&record).is_err() || line.len() < 1_000);
            record.shallow_json().err().map(|fault| fault.kind())
        };
        assert_eq!(kind(&line(100_000)), Some(FaultKind::TooDeep));
        assert_eq!(kind(&line(127)), Some(FaultKind::TooDeep));
        assert_eq!(kind(&line(126)), None);
    }
}

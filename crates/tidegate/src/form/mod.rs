//! The form that answers of models must have: a JSON Schema, checked against what came.
//!
//! What structured answers are described with is understood: types, properties, lists, choices, bounds and local
//! references. A keyword that would be ignored is refused when the configuration is read: a rule that is written down
//! and not kept is worse than none. A general validator was refused for its regular expressions, formats and remote
//! references, which no model is held to.

mod check;
mod rules;

use std::sync::Arc;

use serde_json::Value;
use tidegate_core::{Fault, FaultKind};

/// A schema that was understood. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    text: Arc<str>,
    root: Arc<Value>,
}

impl Form {
    /// Understands the JSON Schema `text`.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: no JSON, or a rule that would not be checked.
    pub(crate) fn new(text: &str) -> Result<Self, Fault> {
        let refuse = |what: String| {
            Err(Fault::new(FaultKind::Config, what)
                .hint("types, properties, required, items, enum, const, anyOf, allOf, bounds and local $ref are checked"))
        };
        let root: Value = match serde_json::from_str(text) {
            Ok(root @ Value::Object(_)) => root,
            Ok(_) => return refuse("the schema is no JSON object".to_owned()),
            Err(error) => return refuse(format!("the schema is no JSON: {error}")),
        };
        match rules::understand(&root) {
            Ok(()) => Ok(Self { text: text.into(), root: Arc::new(root) }),
            Err(what) => refuse(what),
        }
    }

    /// The schema as it was written: the order of its properties is the order in which models write them.
    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether every object names all its properties as required and allows no others, which services that write to a
    /// schema by force ask for.
    pub(crate) fn is_closed(&self) -> bool {
        rules::is_closed(&self.root)
    }

    /// The value that `answer` is.
    ///
    /// # Errors
    /// A fragment for whoever is to answer better: where the answer differs, and from what.
    pub(crate) fn read(&self, answer: &str) -> Result<Value, String> {
        let value: Value = serde_json::from_str(unfenced(answer))
            .map_err(|error| format!("the answer is no JSON: {error}"))?;
        check::fits(&self.root, &value).map(|()| value)
    }
}

/// Whether the JSON Schema `text` is understood.
///
/// # Errors
/// As [`Form::new`].
pub(crate) fn check_schema(text: &str) -> Result<(), Fault> {
    Form::new(text).map(drop)
}

/// An answer that was read before, on one line, with its properties in the order in which they came.
pub(crate) fn on_one_line(answer: &str) -> String {
    let (mut line, mut quoted, mut escaped) = (String::with_capacity(answer.len()), false, false);
    for c in unfenced(answer).chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' | '\n' | '\r' if !quoted => continue,
            _ => {}
        }
        line.push(c);
    }
    line
}

/// An answer without the fence that models like to put around JSON.
fn unfenced(answer: &str) -> &str {
    let answer = answer.trim();
    let inner = answer.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    inner.map_or(answer, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LABEL: &str = r##"{
        "type": "object",
        "properties": {
            "label": { "enum": ["bug", "question"] },
            "score": { "type": "number", "minimum": 0, "maximum": 1 },
            "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" }, "minItems": 1 },
            "note": { "type": ["string", "null"], "maxLength": 5 }
        },
        "required": ["label"],
        "additionalProperties": false,
        "$defs": { "tag": { "type": "string", "minLength": 2 } }
    }"##;

    #[test]
    fn answers_that_follow_the_schema_are_taken_whatever_stands_around_them() {
        let form = Form::new(LABEL).unwrap();
        for answer in [
            r#"{"label":"bug"}"#,
            "```json\n{\"label\":\"bug\"}\n```",
            "``` {\"label\":\"bug\"} ```",
            r#" {"label":"question","score":0.5,"tags":["ab"],"note":null} "#,
        ] {
            form.read(answer).unwrap_or_else(|error| panic!("{answer}: {error}"));
        }
    }

    #[test]
    fn an_answer_on_one_line_is_the_same_answer() {
        let answer = "```json\n{ \"b\": 1.0,\n \"a\": \"x \\\" \\\\\", \"c\": [ 1,\t2 ] }\n```";
        assert_eq!(on_one_line(answer), r#"{"b":1.0,"a":"x \" \\","c":[1,2]}"#);
    }

    #[test]
    fn what_differs_is_named_with_its_place() {
        let form = Form::new(LABEL).unwrap();
        for (answer, said) in [
            ("yes", "no JSON"),
            ("[]", "$ must be object, not array"),
            ("{}", "$ lacks `label`"),
            (r#"{"label":"spam"}"#, "$.label must be one of \"bug\", \"question\""),
            (r#"{"label":"bug","score":2}"#, "$.score must be at most 1"),
            (r#"{"label":"bug","score":"high"}"#, "$.score must be number, not string"),
            (r#"{"label":"bug","tags":[]}"#, "$.tags must have at least 1 item"),
            (r#"{"label":"bug","tags":["ab","c"]}"#, "$.tags[1] must have at least 2 characters"),
            (r#"{"label":"bug","note":"longer"}"#, "$.note must have at most 5 characters"),
            (r#"{"label":"bug","more":1}"#, "$ must not have `more`"),
        ] {
            let error = form.read(answer).unwrap_err();
            assert!(error.contains(said), "{answer}: {error}");
        }
    }

    #[test]
    fn rules_that_would_not_be_checked_are_refused() {
        for (schema, said) in [
            ("[1]", "no JSON object"),
            ("{", "no JSON"),
            (r#"{"type":"object","properties":{"a":{"pattern":"^x"}}}"#, "$.properties.a: `pattern`"),
            (r#"{"type":"objekt"}"#, "there is no type \"objekt\""),
            (r#"{"required":"a"}"#, "`required`"),
            (r##"{"$ref":"#/$defs/none"}"##, "leads nowhere"),
            (r#"{"$ref":"https://example.org/s.json"}"#, "leads nowhere"),
            (r#"{"properties":{"a":5}}"#, "$.properties.a is no schema"),
            (r#"{"enum":[]}"#, "`enum`"),
            (r#"{"minimum":"1"}"#, "`minimum`"),
        ] {
            let fault = Form::new(schema).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config);
            assert!(fault.to_string().contains(said), "{schema}: {fault}");
        }
    }

    #[test]
    fn choices_between_forms_and_forms_within_themselves_are_followed() {
        let either = Form::new(r#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#).unwrap();
        either.read("3").unwrap();
        either.read("3.0").unwrap();
        either.read("3.5").unwrap_err();
        let tree =
            Form::new(r##"{"type":"object","properties":{"next":{"$ref":"#"}},"required":["v"]}"##).unwrap();
        tree.read(r#"{"v":1,"next":{"v":2}}"#).unwrap();
        assert!(tree.read(r#"{"v":1,"next":{}}"#).unwrap_err().contains("$.next lacks `v`"));
        let endless = Form::new(r##"{"$ref":"#"}"##).unwrap();
        assert!(endless.read("1").unwrap_err().contains("too deep"));
        let one = Form::new(r#"{"oneOf":[{"type":"number"},{"type":"integer"}]}"#).unwrap();
        one.read("1").unwrap_err();
        one.read("1.5").unwrap();
    }

    #[test]
    fn services_can_be_held_to_schemas_that_leave_nothing_open() {
        let closed = |text: &str| Form::new(text).unwrap().is_closed();
        let inner = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
        assert!(closed(inner));
        assert!(closed(&format!(r#"{{"type":"array","items":{inner}}}"#)));
        assert!(!closed(LABEL));
        assert!(!closed(r#"{"type":"array","items":{"type":"object","properties":{"a":{}}}}"#));
    }

    proptest! {
        #[test]
        fn no_answer_and_no_schema_panics(schema in "[\\[\\]{}\":,a-z$#/0-9]{0,40}", answer in ".{0,40}") {
            if let Ok(form) = Form::new(&schema) {
                let _ = form.read(&answer);
            }
            let _ = Form::new(LABEL).unwrap().read(&answer);
        }
    }
}

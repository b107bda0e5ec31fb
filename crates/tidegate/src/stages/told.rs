//! What a program of the user's own says of a record.

use serde_json::Value;
use tidegate_core::{Fault, FaultKind, Fields};

/// What an answer changes: what is in it as it went out is not there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) text: Option<String>,
    pub(super) title: Option<String>,
    /// What is to go before the text of a chunk.
    pub(super) context: Option<String>,
    pub(super) fields: Fields,
}

impl Told {
    /// What `answer` changes of the record that went out as `object`.
    ///
    /// # Errors
    /// [`FaultKind::BadResponse`]: what becomes of no record.
    pub(super) fn read(answer: &str, object: &str) -> Result<Self, Fault> {
        let internal = |error| Fault::new(FaultKind::Internal, "a record is no JSON").cause(error);
        let gone: Fields = serde_json::from_str(object).map_err(internal)?;
        let mut said: Fields = serde_json::from_str(answer)
            .map_err(|error| Fault::new(FaultKind::BadResponse, format!("answered with no JSON: {error}")))?;
        for name in ["source", "heading"] {
            if said.remove(name).is_some_and(|value| Some(&value) != gone.get(name)) {
                return Err(bad(format!("answered with another `{name}`, which stays as it is")));
            }
        }
        let mut other = |name: &str| -> Result<Option<String>, Fault> {
            match said.remove(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => {
                    Ok(Some(text).filter(|text| gone.get(name).and_then(Value::as_str) != Some(text)))
                }
                Some(_) => Err(bad(format!("answered with a `{name}` that is no text"))),
            }
        };
        let (text, title, context) = (other("text")?, other("title")?, other("context")?);
        let mut fields = match said.remove("fields") {
            None | Some(Value::Null) => Fields::new(),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(bad("answered with `fields` that are no object".to_owned())),
        };
        fields.extend(said);
        if let Some(Value::Object(gone)) = gone.get("fields") {
            fields.retain(|name, value| gone.get(name).is_none_or(|gone| !same(gone, value)));
        }
        Ok(Self { text, title, context: context.filter(|text| !text.trim().is_empty()), fields })
    }
}

fn bad(what: String) -> Fault {
    Fault::new(FaultKind::BadResponse, what)
        .hint("write what is to become of the record: text, title, context, fields")
}

/// Whether two values say the same: other languages write numbers their own way.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let equal = |(name, value)| right.get(name).is_some_and(|other| same(value, other));
            left.len() == right.len() && left.iter().all(equal)
        }
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object() -> Value {
        json!({ "text": "a b", "heading": "", "title": "T", "source": "s", "fields": { "title": "T", "n": 1.0, "list": [1, { "a": 2 }] } })
    }

    fn told(answer: &Value) -> Result<Told, Fault> {
        Told::read(&answer.to_string(), &object().to_string())
    }

    fn fields(value: &Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_comes_back_as_it_went_out_changes_nothing() {
        assert_eq!(told(&object()).unwrap(), Told::default());
        assert_eq!(told(&json!({})).unwrap(), Told::default());
        // Languages without whole numbers, or with nothing else, write them their way.
        let other = json!({ "fields": { "n": 1, "list": [1.0, { "a": 2 }] }, "text": null, "context": " " });
        assert_eq!(told(&other).unwrap(), Told::default());
    }

    #[test]
    fn what_is_new_is_the_records() {
        let answer = json!({ "text": "c", "title": "U", "context": "k", "length": 3, "fields": { "n": 2, "m": null } });
        let expect = Told {
            text: Some("c".to_owned()),
            title: Some("U".to_owned()),
            context: Some("k".to_owned()),
            fields: fields(&json!({ "length": 3, "n": 2, "m": null })),
        };
        assert_eq!(told(&answer).unwrap(), expect);
        assert_eq!(
            told(&json!({ "fields": { "n": 3 }, "n": 4 })).unwrap().fields,
            fields(&json!({ "n": 4 }))
        );
    }

    #[test]
    fn what_becomes_of_no_record_is_refused() {
        for answer in [
            json!({ "source": "t" }),
            json!({ "heading": 1 }),
            json!({ "text": ["a"] }),
            json!({ "title": 7 }),
            json!({ "fields": [1] }),
        ] {
            let fault = told(&answer).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::BadResponse, "{answer}");
            assert_eq!(tidegate_core::advise(&fault), tidegate_core::Advice::Quarantine, "{answer}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        Told::read(&deep, &object().to_string()).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(answer in "[\\{\\}\\[\\]\",:a-z0-9 ]{0,60}") {
            let _ = Told::read(&answer, &object().to_string());
        }
    }
}

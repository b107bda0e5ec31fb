//! Fields put into a record that is text: everything else of it stays as it was written, byte for byte.
//!
//! A tree of values would have been simpler, and would have lost the order of fields, the digits of numbers, and the
//! memory for the tree.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use tidegate_core::{Fault, FaultKind};

/// The fields of an object, as they are written.
pub(crate) type Pairs<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// The fields of `object`, in order.
///
/// # Errors
/// [`FaultKind::Malformed`]: it is no object.
pub(crate) fn pairs(object: &str) -> Result<Pairs<'_>, Fault> {
    let mut json = serde_json::Deserializer::from_str(object);
    json.deserialize_map(PairsVisitor).map_err(|error| {
        Fault::new(FaultKind::Malformed, format!("{error}")).hint("each record must be one JSON object")
    })
}

/// `object` with `fields`, whose values are JSON: those that it has are replaced where they stand, the others follow
/// its own.
///
/// # Errors
/// As [`pairs`].
pub(crate) fn put(object: &str, fields: &[(&str, &str)]) -> Result<String, Fault> {
    let own = pairs(object)?;
    let replaced = own.iter().any(|(name, _)| fields.iter().any(|(field, _)| field == name));
    let object = object.trim_ascii();
    let room: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut text = String::with_capacity(object.len() + room);
    if replaced {
        text.push('{');
        for (at, (name, value)) in own.iter().enumerate() {
            let value = match fields.iter().find(|(field, _)| field == name) {
                // The last of several fields of one name is the one that counts.
                Some(_) if own[at + 1..].iter().any(|(later, _)| later == name) => continue,
                Some((_, new)) => new,
                None => value,
            };
            pair(&mut text, name, value);
        }
    } else {
        text.push_str(object.strip_suffix('}').unwrap_or(object).trim_ascii_end());
    }
    for (name, value) in fields.iter().filter(|(field, _)| own.iter().all(|(name, _)| field != name)) {
        pair(&mut text, name, value);
    }
    text.push('}');
    Ok(text)
}

fn pair(text: &mut String, name: &str, value: &str) {
    if !text.ends_with('{') {
        text.push(',');
    }
    // A text as JSON, which cannot fail.
    text.push_str(&serde_json::Value::from(name).to_string());
    text.push(':');
    text.push_str(value);
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            pairs.push((name, map.next_value::<&RawValue>()?.get()));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_there_stays_as_it_was_written() {
        for (object, fields, whole) in [
            ("{}", &[("a", "1")][..], r#"{"a":1}"#),
            (r#"{ "n": 1.0e3, "z":"\u00e9" }"#, &[("a", "true")], r#"{ "n": 1.0e3, "z":"\u00e9","a":true}"#),
            (r#"{"b":1,"a":2,"c":3}"#, &[("a", "9"), ("d", "4")], r#"{"b":1,"a":9,"c":3,"d":4}"#),
            (r#"{"a":1,"a":2}"#, &[("a", "3")], r#"{"a":3}"#),
            (r#"{"a{":"}"}"#, &[("x\"", "1")], r#"{"a{":"}","x\"":1}"#),
            (r#"{"a":1}"#, &[], r#"{"a":1}"#),
        ] {
            assert_eq!(put(object, fields).unwrap(), whole);
        }
        put("[1]", &[("a", "1")]).unwrap_err();
        put("{\"a\":", &[("a", "1")]).unwrap_err();
    }

    proptest! {
        #[test]
        fn the_same_as_with_a_tree(
            own in prop::collection::btree_map("[a-d\"\\\\]{0,2}", "[a-c\"{},:]{0,4}", 0..4),
            fields in prop::collection::btree_map("[a-d\"\\\\]{0,2}", 0..9_u8, 0..4),
        ) {
            let mut tree = json!(own);
            let object = tree.to_string();
            let values: Vec<(String, String)> = fields.iter().map(|(k, v)| (k.clone(), v.to_string())).collect();
            let borrowed: Vec<(&str, &str)> = values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            for (name, value) in &fields {
                tree[name] = json!(value);
            }
            let text = put(&object, &borrowed).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), tree);
        }
    }
}

//! The fields of JSON objects as they stand: names and values borrowed from the text, without a tree of it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Hands out the fields of the object that `text` is, in their order; values as they are written. A name that stands
/// there twice comes twice.
///
/// ```
/// let mut found = Vec::new();
/// tidegate_core::each_field(r#"{"a": 1.0, "b":[null]}"#, |name, value| {
///     found.push(format!("{name}={}", value.get()));
/// })?;
/// assert_eq!(found, ["a=1.0", "b=[null]"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// Text that is no object, or more than one. Some fields may have been handed out before that was seen.
pub fn each_field<'a>(
    text: &'a str,
    take: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Each(take))?;
    json.end()
}

struct Each<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed)? {
            (self.0)(name, map.next_value()?);
        }
        Ok(())
    }
}

/// Reads the name of a field, and borrows it where it needs no unescaping.
#[derive(Debug, Clone, Copy)]
pub struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_borrowed_unless_they_are_escaped() {
        let mut names = Vec::new();
        each_field("{\"plain\":1,\"\\u0061\":2,\"plain\":3}", |name, value| {
            names.push((matches!(name, Cow::Borrowed(_)), name.into_owned(), value.get().to_owned()));
        })
        .unwrap();
        let of = |borrowed, name: &str, value: &str| (borrowed, name.to_owned(), value.to_owned());
        assert_eq!(names, [of(true, "plain", "1"), of(false, "a", "2"), of(true, "plain", "3")]);
        for text in ["[]", "{}{}", "{\"a\":}", "", "null", "{\"a\":1"] {
            assert!(each_field(text, |_, _| {}).is_err(), "{text}");
        }
    }
}

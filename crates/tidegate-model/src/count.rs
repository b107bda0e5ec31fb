//! A number of tokens as services write it: a number, a float, or not at all.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A count that is zero where it is missing or none. An answer is worth more than what it says of its own price, so
/// nonsense in a count never makes an answer bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

/// Above this, a count of tokens is nonsense.
const MOST: f64 = 1e12;

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Value::deserialize(deserializer)?.as_f64().unwrap_or_default();
        Ok(Self(if (0.0..=MOST).contains(&number) { number as u64 } else { 0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_counts_as_nothing() {
        for (json, expected) in [
            ("12", 12),
            ("12.0", 12),
            ("-1", 0),
            ("1e300", 0),
            ("null", 0),
            ("\"12\"", 0),
            ("[1]", 0),
            ("{\"n\":1}", 0),
        ] {
            let count: Count = serde_json::from_str(json).expect("JSON");
            assert_eq!(count.0, expected, "{json}");
        }
    }
}

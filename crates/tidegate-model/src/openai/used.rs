//! What an answer says was used.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tidegate_core::Usage;

/// The most tokens that are believed.
const MOST: f64 = 1e12;

/// Tokens used, as this format and its clones tell them. What is no number is as if it were absent: an answer that
/// was paid for is worth more than what it says of its price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used(Option<Usage>);

impl Used {
    /// What was used, where the service counted.
    pub(super) fn usage(self) -> Option<Usage> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Used {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(read(&value)))
    }
}

fn read(value: &Value) -> Option<Usage> {
    let count = |path: &str| {
        let number = value.pointer(path)?.as_f64()?;
        (0.0..=MOST).contains(&number).then_some(number as u64)
    };
    let output_tokens = count("/completion_tokens").unwrap_or_default();
    // Voyage and Jina tell only the total; servers that do not count tell zero.
    let sent = count("/prompt_tokens").filter(|&tokens| tokens > 0);
    let total = || Some(count("/total_tokens")?.saturating_sub(output_tokens)).filter(|&tokens| tokens > 0);
    let input_tokens = sent.or_else(total)?;
    let cached_tokens = count("/prompt_tokens_details/cached_tokens").unwrap_or_default().min(input_tokens);
    Some(Usage { input_tokens, cached_tokens, output_tokens })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_nonsense_is_none() {
        let usage = |input_tokens, cached_tokens, output_tokens| {
            Some(Usage { input_tokens, cached_tokens, output_tokens })
        };
        for (json, expected) in [
            (
                r#"{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3}}"#,
                usage(7, 3, 2),
            ),
            (r#"{"prompt_tokens":7,"total_tokens":7,"prompt_tokens_details":null}"#, usage(7, 0, 0)),
            (r#"{"total_tokens":7.0}"#, usage(7, 0, 0)),
            (r#"{"prompt_tokens":2,"prompt_tokens_details":{"cached_tokens":3}}"#, usage(2, 2, 0)),
            (r#"{"prompt_tokens":0,"total_tokens":0}"#, None),
            (r#"{"prompt_tokens":-1}"#, None),
            (r#"{"prompt_tokens":"7"}"#, None),
            (r#"{"prompt_tokens":1e300}"#, None),
            ("{}", None),
            ("[7]", None),
            ("7", None),
        ] {
            assert_eq!(serde_json::from_str::<Used>(json).unwrap().usage(), expected, "{json}");
        }
    }
}

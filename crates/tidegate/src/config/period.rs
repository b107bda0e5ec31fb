//! Lengths of time, as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time to the millisecond: `"250ms"`, `"30s"`, `"5m"`, `"1h30m"`, `"2d"`. A number without a unit is
/// refused, because half of its readers would take it for the other unit.
///
/// ```
/// use tidegate::config::Period;
/// assert_eq!("1h30m".parse::<Period>()?.duration().as_secs(), 5_400);
/// assert_eq!(Period::from_millis(90_000).to_string(), "1m30s");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u64);

/// Every unit and its milliseconds, largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Period {
    /// A period of `ms` milliseconds.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// The same as a [`Duration`].
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Period {
    type Err = String;

    /// # Errors
    /// A fragment that says what is wrong and how a period is written.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            format!(
                "`{}` is not a length of time{why}; write it as 250ms, 30s, 5m or 2h",
                text.escape_debug()
            )
        };
        let too_long = || refuse(": it is too long");
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(refuse(""));
        }
        let mut ms = 0u64;
        while !rest.is_empty() {
            let digits =
                rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| refuse(": it needs a unit"))?;
            if digits == 0 {
                return Err(refuse(""));
            }
            let number: u64 = rest[..digits].parse().map_err(|_| too_long())?;
            let after = rest[digits..].trim_start();
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let unit = &after[..letters];
            let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(refuse(&format!(": the unit `{}` is unknown", unit.escape_debug())));
            };
            ms = number.checked_mul(*factor).and_then(|part| ms.checked_add(part)).ok_or_else(too_long)?;
            rest = after[letters..].trim_start();
        }
        Ok(Self(ms))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor) in UNITS {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "period", "pattern": "^([0-9]+ ?(ms|s|m|h|d) ?)+$" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn periods_are_read_as_people_write_them() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1 h 1 ms", 3_600_001),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Period(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused_with_the_way_to_write_one() {
        for text in ["", "30", "s", "-5s", "1.5h", "5 minutes", "99999999999999d", "1h30", "5м"] {
            let error = text.parse::<Period>().unwrap_err();
            assert!(error.contains("is not a length of time") && error.contains("30s"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(ms in any::<u64>()) {
            prop_assert_eq!(Period(ms).to_string().parse(), Ok(Period(ms)));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Period>();
        }
    }
}

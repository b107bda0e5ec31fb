//! Sizes in bytes, as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes: `"256MB"`, `"64KiB"`, `"1.5GB"`, or a plain number of bytes.
///
/// `KB`, `MB`, `GB` and `TB` count in thousands, `KiB`, `MiB`, `GiB` and `TiB` in 1,024s.
///
/// ```
/// use tidegate::config::Size;
/// assert_eq!("64KiB".parse::<Size>()?.bytes(), 65_536);
/// assert_eq!(Size::from_bytes(1_500_000).to_string(), "1500KB");
/// assert!("64 parsecs".parse::<Size>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// Every unit, largest first; the first name is the one printed.
const UNITS: [(&[&str], u64); 9] = [
    (&["TiB"], 1 << 40),
    (&["TB", "T"], 1_000_000_000_000),
    (&["GiB"], 1 << 30),
    (&["GB", "G"], 1_000_000_000),
    (&["MiB"], 1 << 20),
    (&["MB", "M"], 1_000_000),
    (&["KiB"], 1 << 10),
    (&["KB", "K"], 1_000),
    (&["B", ""], 1),
];

impl Size {
    /// A size of `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes, or the most this machine can address.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;

    /// # Errors
    /// A fragment that says what is wrong and how a size is written.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse =
            |why: &str| format!("`{}` is not a size{why}; write it as 256MB or 64KiB", text.escape_debug());
        let trimmed = text.trim();
        let end =
            trimmed.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(trimmed.len());
        let (number, unit) = (trimmed[..end].replace('_', ""), trimmed[end..].trim_start());
        let Some((_, factor)) =
            UNITS.iter().find(|(names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(unit)))
        else {
            return Err(refuse(&format!(": the unit `{}` is unknown", unit.escape_debug())));
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        if whole.is_empty() || fraction.len() > 9 || fraction.contains('.') {
            return Err(refuse(""));
        }
        let too_large = || refuse(": it is too large");
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let scale = 10u128.pow(fraction.len() as u32); // at most 9 digits, checked above
        let fraction: u128 =
            if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| refuse(""))? };
        let bytes = u128::from(whole) * u128::from(*factor) + fraction * u128::from(*factor) / scale;
        // TOML integers are signed; a larger size could not be written as a plain number.
        u64::try_from(bytes).ok().filter(|bytes| *bytes <= i64::MAX as u64).map(Self).ok_or_else(too_large)
    }
}

impl fmt::Display for Size {
    /// The largest unit that says it exactly.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (names, factor) = exact.unwrap_or(&UNITS[UNITS.len() - 1]);
        write!(f, "{}{}", self.0 / factor, names[0])
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"256MB\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(bytes))
            }
            fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes).map(Size).map_err(|_| E::custom("a size cannot be negative"))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "format": "size", "minimum": 0 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("256MB", 256_000_000),
            ("256 mb", 256_000_000),
            ("256M", 256_000_000),
            ("64KiB", 65_536),
            ("1.5GB", 1_500_000_000),
            ("0.5KiB", 512),
            ("1_000", 1_000),
            ("0", 0),
            ("9223372036854775807", i64::MAX as u64),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_way_to_write_one() {
        for text in
            ["", "MB", "-1MB", "1.2.3MB", "1,5GB", "10 parsecs", "1e9", "99999999TB", ".5MB", "\u{1b}[2J"]
        {
            let error = text.parse::<Size>().unwrap_err();
            assert!(error.contains("is not a size") && error.contains("256MB"), "{text}: {error}");
            assert!(!error.contains('\u{1b}'));
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bytes in 0..=i64::MAX as u64) {
            prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<Size>();
        }
    }
}

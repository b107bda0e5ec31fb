//! A value of JSON as one of a column's type, or why it is none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock;
use crate::types::{Clock, Type};

/// How much of a value stands in the message that refuses it, in characters.
const SHOWN: usize = 40;

/// What a value that does not fit is told by: how it begins, and what it should be.
pub(crate) fn misfit(raw: &str, of: &Type) -> String {
    let mut shown: String = raw.chars().take(SHOWN).collect();
    if shown.len() < raw.len() {
        shown.push('…');
    }
    format!("{shown} is not {of}")
}

/// Text without its escapes; `None` if it is no text.
pub(crate) fn text(raw: &str) -> Option<String> {
    if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { None }
}

/// A whole number, also where it is written as `3.0` or `3e2`.
pub(crate) fn whole(raw: &str) -> Option<i128> {
    match raw.parse() {
        Ok(number) => Some(number),
        Err(_) => digits(raw, 0)?.parse().ok(),
    }
}

/// A number. A float that is no number is the text that says so.
pub(crate) fn number(raw: &str) -> Option<f64> {
    match raw {
        "\"NaN\"" => Some(f64::NAN),
        "\"Infinity\"" => Some(f64::INFINITY),
        "\"-Infinity\"" => Some(f64::NEG_INFINITY),
        _ if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            raw.parse().ok().filter(|n: &f64| n.is_finite())
        }
        _ => None,
    }
}

/// The digits of a number with the point moved to the right by `scale`; `None` where digits would be lost.
pub(crate) fn digits(raw: &str, scale: i8) -> Option<String> {
    let (sign, rest) = raw.strip_prefix('-').map_or(("", raw), |rest| ("-", rest));
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, beyond) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, beyond].concat();
    if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let kept = all.trim_start_matches('0');
    if kept.is_empty() {
        return Some("0".to_owned());
    }
    let beyond = i32::try_from(beyond.len()).ok()?;
    let zeros = exponent.checked_add(i32::from(scale))?.checked_sub(beyond)?;
    // No column has more digits than this.
    if !(-400..=400).contains(&zeros) || kept.len() > 400 {
        return None;
    }
    if zeros >= 0 {
        return Some(format!("{sign}{kept}{}", "0".repeat(zeros as usize)));
    }
    let cut = zeros.unsigned_abs() as usize;
    let (left, lost) = kept.split_at_checked(kept.len().checked_sub(cut)?)?;
    let whole = lost.bytes().all(|digit| digit == b'0') && !left.is_empty();
    whole.then(|| format!("{sign}{left}"))
}

/// A decimal's digits without their point, as many as the column has at most.
pub(crate) fn decimal(raw: &str, precision: u8, scale: i8) -> Option<String> {
    let digits = digits(raw, scale)?;
    (digits.trim_start_matches('-').len() <= usize::from(precision)).then_some(digits)
}

/// Bytes.
pub(crate) fn bytes(raw: &str, width: Option<u32>) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text(raw)?).ok()?;
    width.is_none_or(|width| bytes.len() == width as usize).then_some(bytes)
}

/// A day, a time of day or a moment, as the number that columns count.
pub(crate) fn moment(raw: &str, of: &Type) -> Option<i64> {
    let text = text(raw)?;
    match of {
        Type::Date => clock::read_date(&text),
        Type::Time(Clock(unit)) => clock::read_time(&text, *unit),
        Type::Timestamp { clock: Clock(unit), zone } => clock::read_moment(&text, *unit, zone.is_some()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_or_are_refused() {
        for (raw, scale, digits_of) in [
            ("12.30", 2, Some("1230")),
            ("-12.3", 2, Some("-1230")),
            ("0.00", 2, Some("0")),
            ("-0", 0, Some("0")),
            ("1.5e3", 0, Some("1500")),
            ("1500e-3", 1, Some("15")),
            ("12.345", 2, None),
            ("0.001", 2, None),
            ("1200", -2, Some("12")),
            ("1e400000000", 0, None),
            ("1e-400000000", 0, None),
            ("\"1\"", 0, None),
            ("true", 0, None),
            ("-", 0, None),
        ] {
            assert_eq!(digits(raw, scale).as_deref(), digits_of, "{raw} {scale}");
        }
        assert_eq!((decimal("123.45", 5, 2).as_deref(), decimal("1234.5", 5, 2)), (Some("12345"), None));
        assert_eq!(
            (whole("3.0"), whole("3.5"), whole("\"3\""), whole("18446744073709551616")),
            (Some(3), None, None, Some(1 << 64))
        );
        assert_eq!(
            (number("1e999"), number("\"Infinity\""), number("null")),
            (None, Some(f64::INFINITY), None)
        );
        assert_eq!(
            misfit(&format!("\"{}\"", "ä".repeat(60)), &Type::NUMBER),
            format!("\"{}… is not a number", "ä".repeat(39))
        );
    }
}

//! Numbers as people read them.

use std::time::Duration;

/// Bytes with three digits: `1.23 MB`. Units of 1,000.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1_000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// Three digits of a number from 0 to 999; more for larger ones.
fn three_digits(value: f64) -> String {
    let decimals = if value >= 99.95 { 0 } else { usize::from(value < 9.995) + 1 };
    format!("{value:.decimals$}")
}

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 document`, `2 documents`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A rate with up to three digits: `56`, `5.6`, `0.56`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 1_000.0 {
        return count(per_second.round() as u64);
    }
    if per_second == 0.0 { "0".to_owned() } else { three_digits(per_second) }
}

/// A length of time: `0.12 s`, `12.3 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    if seconds < 59.95 {
        return format!("{} s", three_digits(seconds));
    }
    let whole = seconds.round() as u64;
    let (large, small) = match whole {
        ..3_600 => ((whole / 60, "min"), (whole % 60, "s")),
        3_600..86_400 => ((whole / 3_600, "h"), (whole % 3_600 / 60, "min")),
        _ => ((whole / 86_400, "d"), (whole % 86_400 / 3_600, "h")),
    };
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

/// How long `then_ms` is before `now_ms` (milliseconds since 1970): `just now`, `3 min ago`, `2 d ago`. A time to come
/// is `in 3 min`.
#[must_use]
pub fn ago(then_ms: i64, now_ms: i64) -> String {
    let apart = Duration::from_millis(now_ms.abs_diff(then_ms)).as_secs();
    let text = match apart {
        0..5 => return "just now".to_owned(),
        5..60 => format!("{apart} s"),
        60..3_600 => format!("{} min", apart / 60),
        3_600..86_400 => format!("{} h", apart / 3_600),
        _ => format!("{} d", apart / 86_400),
    };
    if then_ms <= now_ms { format!("{text} ago") } else { format!("in {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let sizes = [0, 999, 1_000, 12_345, 999_499, 999_999, 256_000_000, u64::MAX];
        assert_eq!(
            sizes.map(bytes),
            ["0 B", "999 B", "1.00 kB", "12.3 kB", "999 kB", "1.00 MB", "256 MB", "18447 PB"]
        );
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.123, 5.64, 56.4, 1_234.5].map(rate), ["0", "0.12", "5.64", "56.4", "1,235"]);
        assert_eq!(
            [0.0, 0.123, 12.34, 59.96, 200.0, 3_600.0, 7_500.0, 273_600.0, f64::NAN].map(seconds),
            ["0.00 s", "0.12 s", "12.3 s", "1 min", "3 min 20 s", "1 h", "2 h 5 min", "3 d 4 h", "?"]
        );
        assert_eq!(counted(1, "chunk"), "1 chunk");
    }

    #[test]
    fn times_are_told_from_now() {
        let now = 1_000_000_000_000;
        let told =
            [0, 30_000, 200_000, 7_300_000, 200_000_000, -200_000].map(|before| ago(now - before, now));
        assert_eq!(told, ["just now", "30 s ago", "3 min ago", "2 h ago", "2 d ago", "in 3 min"]);
        assert_eq!(ago(i64::MIN, i64::MAX), "213503982334 d ago");
    }
}

//! Days and times as text, and back: RFC 3339 where a zone is known, the same without its zone where none is.
//!
//! Of years only 0 to 9999 have such a text.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use tidegate_core::calendar::{date_of, days_to};

/// What a number counts since midnight, or since the first of January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Second,
    Milli,
    Micro,
    Nano,
}

impl Unit {
    /// How many make a second.
    pub(crate) fn rate(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Milli => 1_000,
            Self::Micro => 1_000_000,
            Self::Nano => 1_000_000_000,
        }
    }
}

const DAY: i64 = 86_400;

/// The day that is so many days after the first of January 1970, as `2024-02-29`.
pub(crate) fn date(days: i64) -> Option<String> {
    let (year, month, day) = date_of(days)?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// The time of day that is so many units after midnight, as `23:59:59.25`.
pub(crate) fn time(count: i64, unit: Unit) -> Option<String> {
    if !(0..DAY * unit.rate()).contains(&count) {
        return None;
    }
    let seconds = count / unit.rate();
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    fraction(count % unit.rate(), unit, &mut text);
    Some(text)
}

/// The moment that is so many units after the beginning of 1970, as `2024-02-29T23:59:59.25`.
pub(crate) fn moment(count: i64, unit: Unit) -> Option<String> {
    let seconds = count.div_euclid(unit.rate());
    let within = seconds.rem_euclid(DAY) * unit.rate() + count.rem_euclid(unit.rate());
    Some(format!("{}T{}", date(seconds.div_euclid(DAY))?, time(within, unit)?))
}

/// Appends what is beyond the second, in three, six or nine digits as the unit has them, without zeros at the end.
fn fraction(beyond: i64, unit: Unit, text: &mut String) {
    if beyond > 0 {
        let digits = unit.rate().ilog10() as usize;
        let _ = write!(text, ".{beyond:0digits$}"); // writing to memory cannot fail
        text.truncate(text.trim_end_matches('0').len());
    }
}

/// Reads a day.
pub(crate) fn read_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (number(&bytes[..4])?, number(&bytes[5..7])?, number(&bytes[8..])?);
    days_to(year, month, day)
}

/// Reads a time of day. Digits that the unit has not must be zeros.
pub(crate) fn read_time(text: &str, unit: Unit) -> Option<i64> {
    let (whole, beyond) = text.split_once('.').unwrap_or((text, "0"));
    let bytes = whole.as_bytes();
    if bytes.len() != 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&bytes[..2])?, number(&bytes[3..5])?, number(&bytes[6..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let digits = unit.rate().ilog10() as usize;
    if beyond.is_empty() || beyond.len() > 18 {
        return None;
    }
    let kept = &beyond.as_bytes()[..beyond.len().min(digits)];
    let left = &beyond.as_bytes()[kept.len()..];
    if left.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let scale = 10_i64.pow((digits - kept.len()) as u32);
    let beyond = if kept.is_empty() { 0 } else { number(kept)? * scale };
    Some((hour * 3_600 + minute * 60 + second) * unit.rate() + beyond)
}

/// Reads a moment: with a zone (`Z` or `+02:00`) if it is `zoned`, else without one.
pub(crate) fn read_moment(text: &str, unit: Unit, zoned: bool) -> Option<i64> {
    let day = read_date(text.get(..10)?)?;
    let rest = text.get(10..)?.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let east = if zoned { read_zone(zone)? } else { zone.is_empty().then_some(0)? };
    let within = read_time(clock, unit)?;
    // The first second of all nanoseconds begins before they do.
    let count = i128::from(day * DAY - east) * i128::from(unit.rate()) + i128::from(within);
    i64::try_from(count).ok()
}

/// How many seconds a zone is ahead of Greenwich.
fn read_zone(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = zone.split_at_checked(1)?;
    let bytes = clock.as_bytes();
    let (hour, minute) = match bytes.len() {
        5 if bytes[2] == b':' => (number(&bytes[..2])?, number(&bytes[3..])?),
        4 => (number(&bytes[..2])?, number(&bytes[2..])?),
        _ => return None,
    };
    let east = (hour <= 23 && minute <= 59).then_some(hour * 3_600 + minute * 60)?;
    Some(if sign == "-" { -east } else { east })
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_and_times_have_one_text() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (-719_528, "0000-01-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date(days).as_deref(), Some(text));
            assert_eq!(read_date(text), Some(days));
        }
        assert_eq!((date(-719_529), date(2_932_897), date(i64::MAX)), (None, None, None));
        for text in ["2023-02-29", "2023-13-01", "2023-00-10", "2023-1-01", "2023-01-01 ", "x023-01-01", ""] {
            assert_eq!(read_date(text), None, "{text}");
        }
        assert_eq!(time(86_399_250, Unit::Milli).as_deref(), Some("23:59:59.25"));
        assert_eq!((time(-1, Unit::Nano), time(86_400, Unit::Second)), (None, None));
        assert_eq!(moment(-1, Unit::Nano).as_deref(), Some("1969-12-31T23:59:59.999999999"));
        assert_eq!(moment(i64::MAX, Unit::Second), None);
    }

    #[test]
    fn a_zone_stands_where_one_is_known_and_nowhere_else() {
        let read = |text, zoned| read_moment(text, Unit::Milli, zoned);
        assert_eq!(read("1970-01-01T02:00:00.5+02:00", true), Some(500));
        assert_eq!(read("1970-01-01 00:00:00Z", true), Some(0));
        assert_eq!(read("1969-12-31T22:30:00-0130", true), Some(0));
        assert_eq!(read("1970-01-01T00:00:01", false), Some(1_000));
        for (text, zoned) in [
            ("1970-01-01T00:00:00", true),
            ("1970-01-01T00:00:00Z", false),
            ("1970-01-01T00:00:00.0001Z", true),
            ("1970-01-01T24:00:00Z", true),
            ("1970-01-01", true),
            ("1970-01-01T", true),
            ("1970-01-0ä", true),
        ] {
            assert_eq!(read(text, zoned), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_comes_back(count in any::<i64>(), unit in 0..4_usize, zoned: bool) {
            let unit = [Unit::Second, Unit::Milli, Unit::Micro, Unit::Nano][unit];
            for count in [count, count % 253_402_300_800] {
                if let Some(text) = moment(count, unit) {
                    let text = if zoned { format!("{text}Z") } else { text };
                    prop_assert_eq!(read_moment(&text, unit, zoned), Some(count), "{}", text);
                }
            }
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _ = (read_date(&text), read_time(&text, Unit::Nano), read_moment(&text, Unit::Nano, true));
        }
    }
}

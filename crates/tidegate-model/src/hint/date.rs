//! Moments: RFC 3339, and the three forms of HTTP dates.

use tidegate_core::calendar::days_to;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of a date such as `2026-11-21T03:30:32.5Z` or with an offset such as `+01:00`.
pub(super) fn rfc3339(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let form = bytes.len() >= 20
        && bytes.is_ascii()
        && (bytes[4], bytes[7], bytes[13], bytes[16]) == (b'-', b'-', b':', b':')
        && matches!(bytes[10], b'T' | b't' | b' ');
    if !form {
        return None;
    }
    let day = days_to(digits(&text[..4])?, digits(&text[5..7])?, digits(&text[8..10])?)?;
    let whole = day * 86_400 + clock(&text[11..19])?;
    let rest = &text[19..];
    let fraction =
        rest.strip_prefix('.').map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
    let seconds = match fraction {
        0 => 0.0,
        1 => return None,
        _ => rest[..fraction.min(12)].parse::<f64>().ok()?,
    };
    Some((whole - offset(&rest[fraction..])?) as f64 + seconds)
}

/// Seconds east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(&text[1..3])?, digits(&text[4..6])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`.
pub(super) fn http(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split([' ', '-']).filter(|part| !part.is_empty()).collect();
    let (day, month, year, time) = match *parts.as_slice() {
        [weekday, day, month, year, time, "GMT" | "UTC"] if weekday.ends_with(',') => {
            (day, month, year, time)
        }
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? as i64 + 1;
    let year = match (digits(year)?, year.len()) {
        (year, 4) => year,
        // Two digits are of the century that is nearest; nobody writes this form about the last one any more.
        (year, 2) => 2_000 + year,
        _ => return None,
    };
    Some((days_to(year, month, digits(day)?)? * 86_400 + clock(time)?) as f64)
}

/// Seconds since midnight of `08:49:37`; 60 is a leap second.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| if part.len() == 2 { digits(part) } else { None });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let real = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    real.then_some(hour * 3_600 + minute * 60 + second)
}

fn digits(text: &str) -> Option<i64> {
    (text.len() <= 4 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

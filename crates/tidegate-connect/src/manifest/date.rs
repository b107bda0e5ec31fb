//! Dates as HTTP writes them (RFC 9110, section 5.6.7).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName};
use tidegate_core::calendar::days_to;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`; `None` for anything else. The two older forms that servers
/// once wrote are not read: whoever gets no date asks again.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() == 2));
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let zone = words.next()?;
    let plain = zone == "GMT" && words.next().is_none() && time.next().is_none();
    let days = u64::try_from(days_to(year, month, day)?).ok()?;
    let known = hour < 24 && minute < 60 && second < 61;
    (plain && known).then_some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The date in a header.
pub(super) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    parse(headers.get(name)?.to_str().ok()?)
}

/// Longer waits are taken for this: who asks for more is asked again tomorrow.
const LONGEST: u64 = 24 * 3_600;

/// How long `Retry-After` asks to wait: a number of seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, at: SystemTime) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => parse(text)?.checked_sub(at.duration_since(UNIX_EPOCH).ok()?.as_secs())?,
    };
    Some(Duration::from_secs(seconds.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799)),
            ("Sat, 21 Nov 2026 06:41:49 GMT", Some(1_795_243_309)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 8:49:37 GMT", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(parse(text), seconds, "{text}");
        }
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let at = UNIX_EPOCH + Duration::from_secs(784_111_770);
        for (text, wait) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("999999999", Some(LONGEST)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
            ("-7", None),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, at), wait.map(Duration::from_secs), "{text}");
        }
    }
}

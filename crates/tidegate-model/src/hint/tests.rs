//! Every form in which a service asks to wait, and what is none.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::golden::{NOW, head, now};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn every_header_is_understood() {
    let near = (NOW + 30).to_string();
    let near_ms = ((NOW + 30) * 1_000).to_string();
    for (headers, expected) in [
        (vec![("retry-after", "2")], Some(ms(2_000))),
        (vec![("retry-after", " 0.25 ")], Some(ms(250))),
        (vec![("retry-after", "2s")], Some(ms(2_000))),
        (vec![("retry-after-ms", "1500")], Some(ms(1_500))),
        (vec![("retry-after-ms", "1500"), ("retry-after", "2")], Some(ms(1_500))),
        (vec![("retry-after-ms", "soon"), ("retry-after", "2")], Some(ms(2_000))),
        (vec![("retry-after", "Sat, 21 Nov 2026 00:00:30 GMT")], Some(ms(30_000))),
        (vec![("retry-after", "Saturday, 21-Nov-26 00:01:00 GMT")], Some(ms(60_000))),
        (vec![("retry-after", "Sat Nov 21 00:00:05 2026")], Some(ms(5_000))),
        (vec![("retry-after", "2026-11-21T00:00:07.5Z")], Some(ms(7_500))),
        (vec![("retry-after", near.as_str())], Some(ms(30_000))),
        (vec![("x-ratelimit-reset", near.as_str())], Some(ms(30_000))),
        (vec![("x-ratelimit-reset", near_ms.as_str())], Some(ms(30_000))),
        (vec![("ratelimit-reset", "12")], Some(ms(12_000))),
        (vec![("retry-after", "1000000000")], Some(MOST)),
        (vec![("retry-after", "99999999999999999999999")], Some(MOST)),
        (vec![("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], Some(MOST)),
        (vec![("retry-after", "Fri, 20 Nov 2026 23:59:59 GMT")], None),
        (vec![("retry-after", "0")], None),
        (vec![("retry-after", "-5")], None),
        (vec![("retry-after", "inf")], None),
        (vec![("retry-after", "NaN")], None),
        (vec![("retry-after", "1e3")], None),
        (vec![("retry-after", "0x10")], None),
        (vec![("retry-after", "1.2.3")], None),
        (vec![("retry-after", ".")], None),
        (vec![("retry-after", "")], None),
        (vec![("retry-after", "tomorrow")], None),
        (vec![("retry-after", "Sat, 31 Feb 2026 00:00:00 GMT")], None),
        (vec![("retry-after", "Sat, 21 Nov 2026 25:00:00 GMT")], None),
        (vec![("retry-after", "\u{fc}")], None),
        (vec![], None),
    ] {
        assert_eq!(of_headers(&head(429, &headers)), expected, "{headers:?}");
    }
}

#[test]
fn every_reset_is_understood() {
    for (text, expected) in [
        ("1s", Some(ms(1_000))),
        ("6m0s", Some(ms(360_000))),
        ("20ms", Some(ms(20))),
        ("1h2m3.5s", Some(ms(3_723_500))),
        ("1d", Some(MOST)),
        ("250µs", Some(Duration::from_micros(250))),
        ("17ns", Some(Duration::from_micros(1))),
        ("7.66s", Some(ms(7_660))),
        ("7.66", Some(ms(7_660))),
        ("0s", Some(ms(0))),
        ("2026-11-21T00:00:59Z", Some(ms(59_000))),
        ("2026-11-21T01:00:59+01:00", Some(ms(59_000))),
        ("2026-11-20T20:00:59.123456789-04:00", Some(Duration::from_micros(59_123_457))),
        ("2026-11-20T00:00:00Z", Some(ms(0))),
        ("1795219230", Some(ms(30_000))),
        ("1000000001", Some(ms(0))),
        ("s", None),
        ("5x", None),
        ("5s6m", None),
        ("5s 6", None),
        ("-5s", None),
        ("2026-13-21T00:00:59Z", None),
        ("2026-11-21T00:00:59", None),
        ("2026-11-21T00:00:59.Z", None),
        ("2026-11-21T00:00:59+99:00", None),
    ] {
        assert_eq!(span(text, now()), expected, "{text}");
    }
}

#[test]
fn what_messages_say_is_understood() {
    for (text, expected) in [
        (
            "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 20ms. Visit https://x",
            Some(ms(20)),
        ),
        ("Please try again in 8.71s. Visit", Some(ms(8_710))),
        ("Please try again in 1m26.4s.", Some(ms(86_400))),
        ("Please try again in 6m0s.", Some(ms(360_000))),
        (
            "Requests to the Embeddings_Create Operation under Azure OpenAI API version 2023-05-15 have exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 6 seconds. Please go here",
            Some(ms(6_000)),
        ),
        ("Please retry in 22.5s.", Some(ms(22_500))),
        ("please wait 1 minute 30 seconds and try again", Some(ms(90_000))),
        ("Retry after: 3 sec", Some(ms(3_000))),
        ("try again in about 2 hours", Some(ms(7_200_000))),
        ("try again in 5s or try again in 7s", Some(ms(7_000))),
        ("try again in 99999 days", Some(MOST)),
        ("try again in a moment", None),
        ("try again in 5 apples", None),
        ("try again in 5smth", None),
        ("try again in -5s", None),
        ("try again in 0s", None),
        ("try again in inf seconds", None),
        ("used 20ms of 30s", None),
        ("", None),
    ] {
        assert_eq!(of_words(text), expected, "{text}");
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2000-02-29T12:00:00Z", 951_825_600.0),
        ("1999-12-31T23:59:59Z", 946_684_799.0),
        ("2100-03-01T00:00:00Z", 4_107_542_400.0),
        ("0001-01-01T00:00:00Z", -62_135_596_800.0),
    ] {
        assert_eq!(date::rfc3339(text), Some(expected), "{text}");
    }
    assert_eq!(date::http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777.0));
    assert_eq!(date::rfc3339("2100-02-29T00:00:00Z"), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_wait_longer_than_a_day(
        text in prop_oneof![
            "\\PC{0,40}",
            "[0-9.smhdnµ:TZ+ -]{0,40}",
            "(please )?try again in [0-9.]{0,30}[a-zµ ]{0,8}",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.0-9]{0,12}(Z|[+-][0-9]{2}:[0-9]{2})",
            "[A-Z][a-z]{2}, [0-9]{1,2} (Jan|Feb|Dec) [0-9]{1,5} [0-9:]{0,9} GMT",
        ],
        seconds in prop_oneof![Just(0u64), any::<u32>().prop_map(u64::from)],
    ) {
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        for wait in [span(&text, at), of_words(&text), interval(&text)].into_iter().flatten() {
            prop_assert!(wait <= MOST);
        }
        if let Ok(value) = http::HeaderValue::from_str(&text) {
            for name in ["retry-after", "retry-after-ms", "x-ratelimit-reset"] {
                let mut head = head(429, &[]);
                head.headers.insert(name, value.clone());
                head.at = at;
                prop_assert!(of_headers(&head).is_none_or(|wait| wait <= MOST && !wait.is_zero()));
            }
        }
    }

    #[test]
    fn what_go_prints_comes_back(micros in 1u64..86_400_000_000) {
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let text = format!("{}h{}m{}.{rest:06}s", seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let came = span(&text, now()).unwrap().as_micros().abs_diff(u128::from(micros));
        prop_assert!(came <= 1, "{text}");
    }
}

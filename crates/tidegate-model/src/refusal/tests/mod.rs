//! What services really say when they refuse, and the kind each is.

mod said;

use std::time::Duration;

use proptest::prelude::*;
use tidegate_core::RefusalKind as K;

use super::*;
use crate::golden::{answer, service};
use said::SAID;
use tidegate_core::Refusal;

fn refuse(provider: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Refusal {
    let service = service(provider, "m");
    of_answer(service.profile(), service.endpoint(), &answer(status, headers, body.to_owned()), Some("wrong"))
}

#[test]
fn refusals_are_of_their_kind() {
    for &(provider, status, body, kind) in SAID {
        let refusal = refuse(provider, status, &[], body);
        assert_eq!(refusal.kind, kind, "{provider} {status} {body}");
        assert_eq!(refusal.status, status);
        assert!(!refusal.message.is_empty(), "{provider} {status} {body}");
    }
}

#[test]
fn waits_come_from_wherever_they_are_said() {
    let seconds = |wait: f64| Some(Duration::from_secs_f64(wait));
    let find = |start: &str| SAID.iter().find(|said| said.2.contains(start)).unwrap();
    for (start, headers, expected) in [
        ("requests per min (RPM)", vec![], seconds(20.0)),
        ("requests per min (RPM)", vec![("retry-after", "3")], seconds(3.0)),
        ("requests per min (RPM)", vec![("retry-after", "-3")], seconds(20.0)),
        ("Please retry after 6", vec![], seconds(6.0)),
        ("PerMinutePerProject", vec![], seconds(22.0)),
        ("PerDayPerProject", vec![], None),
        ("requests per day (RPD)", vec![], seconds(432.0)),
        ("rate_limit_error", vec![("retry-after", "17")], seconds(17.0)),
        (
            "rate_limit_error",
            vec![
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-11-21T00:00:50Z"),
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T00:00:12Z"),
            ],
            seconds(12.0),
        ),
        ("Model is overloaded", vec![], None),
    ] {
        let &(provider, status, body, _) = find(start);
        assert_eq!(refuse(provider, status, &headers, body).wait, expected, "{start} {headers:?}");
    }
}

#[test]
fn a_limit_that_is_used_up_says_nothing_of_other_failures() {
    let head = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1h0m0s")];
    let wait = |status, body| {
        let refusal = refuse("openai", status, &head, body);
        (refusal.kind, refusal.wait)
    };
    let hour = Some(Duration::from_secs(3_600));
    assert_eq!(wait(429, "{}"), (K::RateLimited, hour));
    assert_eq!(wait(503, "{}"), (K::Overloaded, None));
    assert_eq!(wait(200, "{\"data\":[]}"), (K::BadResponse, None));
    assert_eq!(wait(500, "{}"), (K::Unavailable, None));
}

#[test]
fn what_the_service_says_of_retries_is_heard() {
    let should = |value: &'static str| [("x-should-retry", value)];
    assert_eq!(refuse("openai", 429, &should("false"), "").kind, K::Exhausted);
    assert_eq!(
        refuse("openai", 429, &[("x-should-retry", "false"), ("retry-after", "5")], "").kind,
        K::RateLimited
    );
    assert_eq!(refuse("openai", 400, &should("true"), "").kind, K::Unavailable);
    // A failing service is never a text's fault.
    assert_eq!(refuse("openai", 500, &should("false"), "").kind, K::Unavailable);
}

#[test]
fn messages_are_the_services_own_words_fit_to_be_printed() {
    let said = |status, body: &str| refuse("compatible", status, &[], body).message;
    assert_eq!(said(400, r#"{"error":{"message":"a\u001b[31m\nb\u202e"}}"#), "a\\u{1b}[31m b\\u{202e}");
    assert_eq!(said(500, ""), "500 Internal Server Error");
    assert_eq!(said(599, ""), "599");
    assert_eq!(said(502, "<html><title>Bad\nGateway</title>"), "502 Bad Gateway: Bad Gateway");
    assert_eq!(said(500, "upstream connect error"), "500 Internal Server Error: upstream connect error");
    assert_eq!(said(422, r#"{"detail":[{"msg":"field required"}]}"#), "field required");
    assert!(said(307, "").contains("base URL"));
    let long = said(400, &format!(r#"{{"message":"{}"}}"#, "ä".repeat(5_000)));
    assert_eq!(long.chars().count(), 300);
    assert!(long.ends_with('…'));
}

#[test]
fn keys_that_services_echo_do_not_survive() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-test-canary-0123456789. You sent Bearer sk-test-canary-01234"}}"#;
    for body in
        [body.to_owned(), format!("{}sk-test-canary-0123456789{}", "x".repeat(2_040), "y".repeat(4_000))]
    {
        let refusal = refuse("openai", 401, &[("x-request-id", "req_7")], &body);
        let shown = format!("{refusal:?} {}", String::from_utf8_lossy(&refusal.excerpt));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(refusal.excerpt.len() <= 2_048);
        assert_eq!(refusal.request_id.as_deref(), Some("req_7"));
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_or_say_too_much(
        status in 100u16..600,
        which in 0..SAID.len(),
        cut in 0usize..600,
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        at in 0usize..300,
    ) {
        let mut body = SAID[which].2.as_bytes().to_vec();
        let at = at.min(body.len());
        body.splice(at..at, noise);
        body.truncate(cut);
        let service = service(SAID[which].0, "m");
        let refusal = of_answer(service.profile(), service.endpoint(), &answer(status, &[], body), None);
        prop_assert!(refusal.message.chars().count() <= 300);
        prop_assert!(!refusal.message.chars().any(char::is_control));
        if status >= 500 {
            let service_kinds = [K::Unavailable, K::Overloaded, K::RateLimited, K::TooLarge];
            prop_assert!(service_kinds.contains(&refusal.kind));
        }
    }
}

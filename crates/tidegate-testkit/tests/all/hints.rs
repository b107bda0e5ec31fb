//! Every way a wait is told, as it is on the wire.

use tidegate_testkit::provider::script::{Act, Fault, Hint, Lie, Limit, Unit};
use tidegate_testkit::provider::{Script, Server, Span};

use crate::client::{Reply, ask};

/// A refusal with `hint` for 1.234 s, at 07:28 on 21 October 2026.
fn refusal(path: &str, hint: Hint) -> Reply {
    let act = Act::TooMany { hint, wait: Some(Span::from_millis(1_234)) };
    let script = Script { epoch: Some(1_792_567_680), faults: vec![Fault::always(act)], ..Script::default() };
    let server = Server::start(script).unwrap();
    let body = r#"{"model":"m","input":"a","content":{"parts":[{"text":"a"}]}}"#;
    let reply = ask(server.addr(), &format!("POST {path}"), &[], body).unwrap();
    assert_eq!(reply.status, 429);
    reply
}

#[test]
fn every_hint_is_told_as_it_should_be() {
    let header = |name: &str, value: &str| Hint::Header(name.to_owned(), value.to_owned());
    let cases = [
        (Hint::Seconds, "retry-after", "2"),
        (Hint::FractionalSeconds, "retry-after", "1.234"),
        (Hint::Milliseconds, "retry-after-ms", "1234"),
        (Hint::PastHttpDate, "retry-after", "Wed, 21 Oct 2026 06:28:"),
        (Hint::HttpDate, "retry-after", "Wed, 21 Oct 2026 07:28:0"),
        (Hint::Negative, "retry-after", "-1"),
        (Hint::Infinite, "retry-after", "inf"),
        (Hint::Huge, "retry-after", "1000000000"),
        (Hint::ResetGoDuration, "x-ratelimit-reset-requests", "1.234s"),
        (Hint::ResetUnix, "x-ratelimit-reset", "179256768"),
        (Hint::ResetRfc3339, "anthropic-ratelimit-requests-reset", "2026-10-21T07:28:0"),
        (header("retry-after", "soon"), "retry-after", "soon"),
    ];
    for (hint, name, value) in cases {
        let reply = refusal("/v1/embeddings", hint.clone());
        let told = reply.header(name).unwrap_or_else(|| panic!("{hint:?}: {}", reply.head));
        assert!(told.starts_with(value), "{hint:?}: {told}");
        assert!(!reply.text().contains("try again"), "{hint:?}: told twice");
    }
    for (path, hint, words) in [
        ("/v1/embeddings", Hint::MessageText, "Please try again in 1.234s."),
        ("/v1/embeddings", Hint::AzureText, "Please retry after 2 seconds."),
        ("/v1beta/models/m:embedContent", Hint::RetryInfo, r#""retryDelay":"1.234s""#),
    ] {
        let reply = refusal(path, hint);
        assert!(reply.text().contains(words), "{}", reply.text());
        assert!(!reply.head.contains("retry-after"));
    }
    let silent = refusal("/v1/embeddings", Hint::None);
    assert!(!silent.head.contains("retry") && !silent.text().contains("try again"));
    let usual = refusal("/v1/embeddings", Hint::Usual);
    assert_eq!((usual.header("retry-after"), usual.header("retry-after-ms")), (Some("2"), Some("1234")));
}

#[test]
fn headers_say_what_is_left_or_lie() {
    let limits = vec![Limit::per_minute(Unit::Requests, 10), Limit::per_minute(Unit::Tokens, 5_000)];
    let told = |path: &str, headers: &[&str], lie: Option<Lie>| {
        let faults = lie.map(|lie| Fault::always(Act::LyingHeaders { lie })).into_iter().collect();
        let epoch = Some(1_792_567_680);
        let server =
            Server::start(Script { epoch, limits: limits.clone(), faults, ..Script::default() }).unwrap();
        let body =
            r#"{"model":"m","input":"abcd","max_tokens":5,"messages":[{"role":"user","content":"a"}]}"#;
        ask(server.addr(), &format!("POST {path}"), headers, body).unwrap()
    };
    let reply = told("/v1/embeddings", &[], None);
    assert_eq!(reply.header("x-ratelimit-limit-requests"), Some("10"));
    assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some("9"));
    assert_eq!(reply.header("x-ratelimit-remaining-tokens"), Some("4999"));
    assert_eq!(reply.header("x-ratelimit-reset-requests"), Some("1m0s"));
    let reply = told("/v1/messages", &["anthropic-version: 1"], None);
    assert_eq!(reply.header("anthropic-ratelimit-requests-remaining"), Some("9"));
    assert_eq!(reply.header("anthropic-ratelimit-tokens-remaining"), Some("4000"));
    assert!(reply.header("anthropic-ratelimit-tokens-reset").unwrap().starts_with("2026-10-21T07:29:0"));
    for (lie, remaining, reset) in [
        (Lie::Drained, "0", Some("1h0m0s")),
        (Lie::ResetInPast, "0", Some("-1h0m0s")),
        (Lie::NoReset, "0", None),
        (Lie::Plenty, "10", Some("0s")),
        (Lie::Nonsense, "some", Some("soon")),
    ] {
        let reply = told("/v1/embeddings", &[], Some(lie));
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), Some(remaining), "{lie:?}");
        assert_eq!(reply.header("x-ratelimit-reset-requests"), reset, "{lie:?}");
    }
}

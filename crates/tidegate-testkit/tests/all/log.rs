//! What the log says is what happened.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tidegate_testkit::provider::script::{Act, Distribution, Fault, Hint, Latency, Limit, Tokens, Unit};
use tidegate_testkit::provider::{Answered, Log, Script, Server, Span, text_hash};

use crate::client::{Client, ask, ask_in_vain};

const BODY: &str = r#"{"model":"m","input":["hello","to you"]}"#;

fn latency(ms: u64) -> Latency {
    Latency { base: Distribution::Fixed(Span::from_millis(ms)), ..Latency::default() }
}

/// Waits until the first request is over.
fn over(server: &Server) -> Answered {
    assert!(server.log().settled(Duration::from_secs(30)));
    server.log().entries().remove(0).answered.unwrap()
}

#[test]
fn a_right_answer_is_logged_with_all_that_was_in_it() {
    let script = Script { tokens: Tokens { bytes_per_token: 2.0, extra_per_input: 1 }, ..Script::default() };
    let server = Server::start(script).unwrap();
    let reply = ask(server.addr(), "POST /v1/embeddings", &["authorization: Bearer k"], BODY).unwrap();
    let answered = over(&server);
    let entry = server.log().entries().remove(0);
    assert_eq!((entry.operation.as_str(), entry.model.as_str()), ("openai embeddings", "m"));
    assert_eq!(entry.key, text_hash(b"k"));
    let texts: Vec<(u64, u64)> = entry.texts.iter().map(|seen| (seen.hash, seen.tokens)).collect();
    assert_eq!(texts, [(text_hash(b"hello"), 4), (text_hash(b"to you"), 4)]);
    assert!(answered.whole && !answered.left_early && answered.verdict == "ok" && answered.at >= entry.at);
    assert_eq!((answered.bytes, answered.billed_input), (reply.body.len() as u64, 8));
}

#[test]
fn work_is_billed_if_it_is_done_and_only_then() {
    let cases = [
        (Act::ResetInsteadOfAnswer, 4, "reset_instead_of_answer"),
        (Act::ResetMidBody { after: None }, 4, "reset_mid_body"),
        (Act::HangBeforeHeaders, 0, "hang_before_headers"),
        (Act::ResetBeforeReading, 0, "reset_before_reading"),
        (Act::Html, 4, "html"),
        (Act::Status { code: 500, message: None }, 0, "status"),
        (Act::TooMany { hint: Default::default(), wait: None }, 0, "rate_limited"),
    ];
    for (act, billed, verdict) in cases {
        let server = Server::start(Script { faults: vec![Fault::always(act)], ..Script::default() }).unwrap();
        let _ = ask_in_vain(server.addr(), "POST /v1/embeddings", BODY);
        let answered = over(&server);
        assert_eq!((answered.billed_input, answered.verdict), (billed, verdict));
        assert!(!answered.whole);
    }
}

#[test]
fn who_leaves_before_the_answer_pays_all_the_same() {
    let server = Server::start(Script { latency: latency(20_000), ..Script::default() }).unwrap();
    let mut client = Client::connect(server.addr());
    let request = format!("POST /v1/embeddings HTTP/1.1\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    client.send(request.as_bytes()).unwrap();
    while server.log().is_empty() {
        std::thread::yield_now();
    }
    drop(client);
    let answered = over(&server);
    assert!(answered.left_early && !answered.whole);
    assert_eq!((answered.billed_input, answered.bytes), (4, 0));
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_file_has_a_line_before_each_answer_and_one_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let script = Script { limits: vec![Limit::per_minute(Unit::Requests, 2)], ..Script::default() };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::start_at(any, script, Log::with_file(&path).unwrap()).unwrap();
    for n in 1..=3 {
        let status = ask(server.addr(), "POST /v1/embeddings", &[], BODY).unwrap().status;
        assert_eq!(status, if n < 3 { 200 } else { 429 });
        let received = lines(&path).into_iter().filter(|line| line["event"] == "received").count();
        assert_eq!(received, n);
    }
    server.stop();
    let lines = lines(&path);
    let answered: Vec<&Value> = lines.iter().filter(|line| line["event"] == "answered").collect();
    assert_eq!(answered.iter().filter(|line| line["whole"] == true).count(), 2);
    assert_eq!(answered.iter().map(|line| line["billed_input"].as_u64().unwrap()).sum::<u64>(), 8);
    let hash = format!("{:016x}", text_hash(b"hello"));
    assert_eq!(lines[0]["texts"][0][0], Value::String(hash));
}

#[test]
fn an_answer_that_asks_to_wait_is_logged_with_the_wait() {
    let wait = Some(Span::from_millis(1_500));
    let named = |name: &str, value: &str| Hint::Header(name.to_owned(), value.to_owned());
    for (hint, told) in [
        (Hint::Usual, Some(1_500)),
        (Hint::Seconds, Some(1_500)), // told as 2 s: nobody is blamed for what was only rounded
        (Hint::HttpDate, Some(1_500)),
        (Hint::MessageText, Some(1_500)),
        (Hint::Huge, Some(1_000_000_000_000)),
        (named("Retry-After", "7"), Some(7_000)),
        (named("retry-after-ms", "7"), Some(7)),
        (named("retry-after", "soon"), None),
        (Hint::None, None),
        (Hint::Negative, None),
        (Hint::PastHttpDate, None),
        (Hint::Infinite, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let act = Act::TooMany { hint: hint.clone(), wait };
        let script = Script { faults: vec![Fault::always(act)], ..Script::default() };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start_at(any, script, Log::with_file(&path).unwrap()).unwrap();
        ask(server.addr(), "POST /v1/embeddings", &[], BODY).unwrap();
        assert_eq!(over(&server).wait, told.map(Duration::from_millis), "{hint:?}");
        server.stop();
        let line = lines(&path).pop().unwrap();
        assert_eq!(line["wait_us"], told.map_or(Value::Null, |told: u64| (told * 1_000).into()), "{hint:?}");
    }
    let server = Server::start(Script::default()).unwrap();
    ask(server.addr(), "POST /v1/embeddings", &[], BODY).unwrap();
    assert_eq!(over(&server).wait, None);
}

#[test]
fn a_thousand_connections_are_held_at_once() {
    let server = Server::start(Script { latency: latency(200), ..Script::default() }).unwrap();
    let request = format!("POST /v1/embeddings HTTP/1.1\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    let mut clients: Vec<Client> = (0..1_000).map(|_| Client::connect(server.addr())).collect();
    for client in &mut clients {
        client.send(request.as_bytes()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.read().unwrap().status, 200);
    }
    assert_eq!(server.log().count(|entry| entry.texts.len() == 2), 1_000);
}

//! Each fault as a client meets it on the wire.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tidegate_testkit::provider::script::{
    Act, Distribution, Embedding, Fault, Knee, Latency, Outage, OutageKind, Poison, When,
};
use tidegate_testkit::provider::{Script, Server, Span};

use crate::client::{Broken, Client, Reply, ask, ask_in_vain};

const EMBED: &str = r#"{"model":"m","input":["one","two","three"]}"#;
const CHAT: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

fn script(act: Act) -> Script {
    let embedding = Embedding { dimensions: 4, ..Embedding::default() };
    Script { embedding, faults: vec![Fault::always(act)], ..Script::default() }
}

fn embed(act: Act) -> Result<Reply, Broken> {
    let server = Server::start(script(act)).unwrap();
    let reply = ask(server.addr(), "POST /v1/embeddings", &[], EMBED);
    assert!(server.log().settled(Duration::from_secs(30)));
    let answered = server.log().entries().remove(0).answered;
    assert!(answered.is_none_or(|answered| !answered.whole), "a spoiled answer counts as a right one");
    reply
}

/// Nothing comes, and the log says that it was meant.
fn hangs(act: Act) {
    let name = act.name();
    let server = Server::start(script(act)).unwrap();
    assert_eq!(ask_in_vain(server.addr(), "POST /v1/embeddings", EMBED), Err(Broken::Silent));
    assert!(server.log().settled(Duration::from_secs(30)));
    let answered = server.log().entries().remove(0).answered.unwrap();
    assert_eq!((answered.verdict, answered.left_early), (name, true));
}

fn chat(act: Act) -> Reply {
    let server = Server::start(script(act)).unwrap();
    ask(server.addr(), "POST /v1/chat/completions", &[], CHAT).unwrap()
}

#[test]
fn connections_break_where_the_script_says() {
    assert_eq!(embed(Act::ResetBeforeReading), Err(Broken::Reset));
    assert_eq!(embed(Act::ResetInsteadOfAnswer), Err(Broken::Reset));
    assert_eq!(embed(Act::ResetMidBody { after: Some(9) }), Err(Broken::Reset));
    hangs(Act::HangBeforeHeaders);
    hangs(Act::HangAfterHeaders);
    hangs(Act::HangMidBody { after: None });
    let cut = embed(Act::Cut { after: Some(9) }).unwrap();
    assert_eq!((cut.body.as_slice(), cut.complete), (&br#"{"object""#[..], false));
}

#[test]
fn a_hang_after_headers_has_sent_the_headers() {
    let server = Server::start(script(Act::HangAfterHeaders)).unwrap();
    let mut stream = std::net::TcpStream::connect(server.addr()).unwrap();
    let request = format!("POST /v1/embeddings HTTP/1.1\r\ncontent-length: {}\r\n\r\n{EMBED}", EMBED.len());
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut head = [0; 1_000];
    let n = stream.read(&mut head).unwrap();
    assert!(head[..n].starts_with(b"HTTP/1.1 200 OK") && head[..n].ends_with(b"\r\n\r\n"));
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(stream.read(&mut head).is_err());
}

#[test]
fn bodies_are_wrong_where_the_script_says() {
    let truncated = embed(Act::Truncated { keep: 0.5 }).unwrap();
    assert!(truncated.complete && serde_json::from_slice::<Value>(&truncated.body).is_err());
    let html = embed(Act::Html).unwrap();
    assert!(html.status == 200 && html.text().starts_with("<html>") && html.head.contains("text/html"));
    assert!(embed(Act::Empty).unwrap().body.is_empty());
    assert!(embed(Act::Bom).unwrap().body.starts_with(b"\xef\xbb\xbf{"));
    let error = embed(Act::ErrorInOk).unwrap();
    assert!(error.status == 200 && error.json()["error"]["message"].is_string());
    let body = Act::Body { text: "[]".to_owned(), content_type: None };
    assert_eq!(embed(body).unwrap().text(), "[]");
    let longer = embed(Act::WrongLength { by: 7 }).unwrap();
    assert!(!longer.complete && longer.json()["data"].is_array());
    let shorter = embed(Act::WrongLength { by: -7 }).unwrap();
    assert!(shorter.complete && serde_json::from_slice::<Value>(&shorter.body).is_err());
    let endless = embed(Act::ChunkedWithoutEnd).unwrap();
    assert!(!endless.complete && endless.json()["data"].is_array());
}

#[test]
fn bodies_are_as_large_as_the_script_says_and_so_is_what_a_bomb_unpacks_to() {
    let large = embed(Act::Gigabyte { bytes: Some(3_000_000) }).unwrap();
    assert!(large.complete && large.body.len() > 2_900_000 && large.json()["data"].is_array());
    let bomb = embed(Act::GzipBomb { bytes: Some(50_000_000) }).unwrap();
    assert_eq!(bomb.header("content-encoding"), Some("gzip"));
    assert!(bomb.body.len() < 100_000);
    let mut size = 0;
    let mut unpacker = GzDecoder::new(bomb.body.as_slice());
    let mut piece = [0; 65_536];
    while let n @ 1.. = unpacker.read(&mut piece).unwrap() {
        size += n;
    }
    assert!(size > 49_000_000, "{size}");
}

/// The indices of an answer and its vectors.
fn rows(act: Act) -> (Vec<Option<u64>>, Vec<Value>) {
    rows_of(&embed_any(script(act)))
}

fn rows_of(text: &str) -> (Vec<Option<u64>>, Vec<Value>) {
    let answer: Value = serde_json::from_str(&text.replace("NaN", "\"NaN\"")).unwrap();
    let data = answer["data"].as_array().unwrap();
    let row = |row: &Value| (row["index"].as_u64(), row["embedding"].clone());
    data.iter().map(row).unzip()
}

fn embed_any(script: Script) -> String {
    let server = Server::start(script).unwrap();
    ask(server.addr(), "POST /v1/embeddings", &[], EMBED).unwrap().text().to_owned()
}

#[test]
fn vectors_are_wrong_where_the_script_says() {
    let (_, right) = rows(Act::Slow { times: 1.0 });
    let (indices, permuted) = rows(Act::Permuted);
    assert_ne!(indices, [Some(0), Some(1), Some(2)]);
    for (index, vector) in indices.iter().zip(&permuted) {
        assert_eq!(*vector, right[index.unwrap() as usize]);
    }
    assert_eq!(rows(Act::WrongCount { by: 1 }).1.len(), 4);
    assert_eq!(rows(Act::WrongCount { by: -1 }).1.len(), 2);
    let (indices, _) = rows(Act::DuplicateIndex);
    assert!(indices[0] == indices[1] || indices[1] == indices[2] || indices[0] == indices[2]);
    assert_eq!(rows(Act::MissingIndex).0.iter().filter(|index| index.is_none()).count(), 1);
    let odd = |act: Act, odd: fn(&Value) -> bool| {
        let name = act.name();
        assert_eq!(rows(act).1.iter().filter(|vector| odd(vector)).count(), 1, "{name}");
    };
    odd(Act::WrongDimensions { to: 3 }, |vector| vector.as_array().unwrap().len() == 3);
    odd(Act::Nan, |vector| vector.as_array().unwrap().contains(&json!("NaN")));
    odd(Act::Null, |vector| vector.as_array().unwrap().contains(&Value::Null));
    odd(Act::Zeros, |vector| vector.as_array().unwrap().iter().all(|x| x == 0.0));
}

#[test]
fn wrong_counts_that_make_up_for_each_other_leave_the_answer_right() {
    let mut both = script(Act::WrongCount { by: -1 });
    both.faults.extend(script(Act::WrongCount { by: 1 }).faults);
    assert_eq!(rows_of(&embed_any(both)), rows(Act::Slow { times: 1.0 }));
}

#[test]
fn streams_end_where_the_script_says() {
    let right = chat(Act::Slow { times: 1.0 });
    let unmarked = chat(Act::NoEndMarker);
    assert!(unmarked.complete);
    assert_eq!(format!("{}data: [DONE]\n\n", unmarked.text()), right.text());
    let failed = chat(Act::ErrorEvent { after: Some(2) });
    assert_eq!(failed.text().matches("data: ").count(), 3);
    assert!(failed.text().lines().nth(4).unwrap().starts_with(r#"data: {"error":"#), "{}", failed.text());
    assert_eq!(
        chat(Act::DuplicatePiece).text().matches("data: ").count(),
        right.text().matches("data: ").count() + 1
    );
    assert!(chat(Act::LengthStop).text().contains(r#""finish_reason":"length""#));
    assert!(chat(Act::Filtered).text().contains(r#""finish_reason":"content_filter""#));
    let refused = chat(Act::Refusal);
    assert!(refused.text().contains(r#""delta":{"refusal":"I "}"#), "{}", refused.text());
    assert_eq!(chat(Act::NoContent).text().matches("data: ").count(), 3);
    for cut in [0, 1, 100, right.body.len() - 1] {
        let reply = chat(Act::Cut { after: Some(cut) });
        assert_eq!((reply.body.as_slice(), reply.complete), (&right.body[..cut], false), "cut at {cut}");
    }
}

#[test]
fn errors_come_with_their_status_and_in_the_provider_s_words() {
    let status = |code| Act::Status { code, message: None };
    for code in [400, 402, 500, 502, 503, 529] {
        assert_eq!(embed(status(code)).unwrap().status, code);
    }
    let worded = embed(Act::Status { code: 503, message: Some("gone fishing".to_owned()) }).unwrap();
    assert_eq!(worded.json()["error"]["message"], "gone fishing");
    let quota = embed(Act::InsufficientQuota).unwrap();
    assert_eq!((quota.status, &quota.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    assert_eq!(embed(Act::PaymentRequired).unwrap().status, 402);
    assert_eq!(embed(Act::WrongKey).unwrap().status, 401);
    let server = Server::start(script(Act::DailyQuota)).unwrap();
    let body = r#"{"content":{"parts":[{"text":"a"}]}}"#;
    let daily = ask(server.addr(), "POST /v1beta/models/m:embedContent", &[], body).unwrap();
    assert!(
        daily.text().contains("PerDay") && daily.text().contains(r#""retryDelay":"22s""#),
        "{}",
        daily.text()
    );
}

#[test]
fn faults_happen_when_the_script_says() {
    let refuse = Act::Status { code: 503, message: None };
    let statuses = |when: When, count: usize| -> Vec<u16> {
        let faults = vec![Fault { when, act: refuse.clone() }];
        let server = Server::start(Script { faults, ..script(Act::Html) }).unwrap();
        let mut client = Client::connect(server.addr());
        (0..count).map(|_| client.ask("POST /v1/embeddings", &[], EMBED).unwrap().status).collect()
    };
    assert_eq!(statuses(When { at: vec![2], ..When::default() }, 3), [200, 503, 200]);
    assert_eq!(statuses(When { every: Some(2), ..When::default() }, 4), [200, 503, 200, 503]);
    assert_eq!(statuses(When { after: Some(2), ..When::default() }, 4), [200, 200, 503, 503]);
    assert_eq!(statuses(When { tries: Some(2), ..When::default() }, 4), [503, 503, 200, 200]);
    assert_eq!(statuses(When { text: Some("wo".to_owned()), ..When::default() }, 1), [503]);
    assert_eq!(statuses(When { text: Some("four".to_owned()), ..When::default() }, 1), [200]);
    assert_eq!(statuses(When { model: Some("n".to_owned()), ..When::default() }, 1), [200]);
    let drawn = statuses(When { probability: Some(0.3), ..When::default() }, 200);
    let share = drawn.iter().filter(|status| **status == 503).count();
    assert!((40..80).contains(&share), "{share} of 200");
    assert_eq!(drawn, statuses(When { probability: Some(0.3), ..When::default() }, 200));
}

#[test]
fn one_poisoned_text_has_its_whole_batch_refused() {
    let poison = vec![Poison { text: "two".to_owned(), status: None, message: None }];
    let server = Server::start(Script { poison, ..Script::default() }).unwrap();
    let refused = ask(server.addr(), "POST /v1/embeddings", &[], EMBED).unwrap();
    assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("input")));
    let passed = ask(server.addr(), "POST /v1/embeddings", &[], r#"{"model":"m","input":["one"]}"#).unwrap();
    assert_eq!(passed.status, 200);
}

#[test]
fn nobody_listens_during_an_outage_that_refuses_and_somebody_does_after_it() {
    let outage = |from, to| Outage {
        from: Span::from_millis(from),
        to: Span::from_millis(to),
        kind: OutageKind::Refuse,
    };
    let server = Server::start(Script { outages: vec![outage(0, 300)], ..Script::default() }).unwrap();
    let mut refused = 0;
    let status = loop {
        match ask(server.addr(), "POST /v1/embeddings", &[], EMBED) {
            Ok(reply) => break reply.status,
            Err(Broken::Refused | Broken::Reset) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
        // The loop has an end: refusals take no time, so that the outage is what bounds it.
        std::thread::yield_now();
    };
    assert!(status == 200 && refused > 0);
    assert!(server.provider().now() >= Duration::from_millis(300));
}

#[test]
fn a_knee_answers_503_beyond_its_queue() {
    let latency = Latency { base: Distribution::Fixed(Span::from_secs(20)), ..Latency::default() };
    let knee = Some(Knee { at: 1, queue: Some(1), steepness: 1.0 });
    let server = Server::start(Script { latency, knee, ..Script::default() }).unwrap();
    let mut held: Vec<Client> = (0..2).map(|_| Client::connect(server.addr())).collect();
    let request = format!("POST /v1/embeddings HTTP/1.1\r\ncontent-length: {}\r\n\r\n{EMBED}", EMBED.len());
    for client in &mut held {
        client.send(request.as_bytes()).unwrap();
    }
    while server.log().len() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(ask(server.addr(), "POST /v1/embeddings", &[], EMBED).unwrap().status, 503);
}

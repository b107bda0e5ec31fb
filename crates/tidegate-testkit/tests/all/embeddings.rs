//! OpenAI's embeddings, byte by byte.

use base64::Engine as _;
use tidegate_testkit::provider::script::{Caps, Embedding, Limit, Unit};
use tidegate_testkit::provider::{Script, Server, text_hash, vector_of};

use crate::client::{Client, Reply, ask};

fn small() -> Script {
    Script { embedding: Embedding { dimensions: 4, ..Embedding::default() }, ..Script::default() }
}

fn embed(server: &Server, body: &str) -> Reply {
    ask(server.addr(), "POST /v1/embeddings", &["authorization: Bearer k"], body).unwrap()
}

#[test]
fn an_answer_is_this_to_the_byte() {
    let server = Server::start(small()).unwrap();
    let reply = embed(&server, r#"{"model":"m","input":["hello","wörld"]}"#);
    assert_eq!(
        reply.head,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_000000000001\r\n\
         content-length: 265"
    );
    assert_eq!(
        reply.text(),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"#,
            r#"[0.6544408,0.0070362063,0.12287806,0.74602854]},{"object":"embedding","index":1,"embedding":"#,
            r#"[0.6702018,0.69363,-0.086682945,-0.24938533]}],"model":"m","#,
            r#""usage":{"prompt_tokens":4,"total_tokens":4}}"#
        )
    );
}

#[test]
fn vectors_belong_to_their_texts_in_either_encoding() {
    let server = Server::start(small()).unwrap();
    let floats = embed(&server, r#"{"model":"m","input":["a","b"],"dimensions":3}"#).json();
    let packed =
        embed(&server, r#"{"model":"m","input":["a","b"],"dimensions":3,"encoding_format":"base64"}"#).json();
    for (n, text) in ["a", "b"].into_iter().enumerate() {
        let right = vector_of(text_hash(text.as_bytes()), "m", 3);
        let values: Vec<f32> = serde_json::from_value(floats["data"][n]["embedding"].clone()).unwrap();
        assert_eq!(values, right);
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(packed["data"][n]["embedding"].as_str().unwrap())
            .unwrap();
        let unpacked: Vec<f32> = bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(unpacked, right);
    }
    assert_eq!(floats["usage"]["total_tokens"], 2);
}

#[test]
fn one_connection_takes_many_requests_and_a_whole_burst_at_once() {
    let server = Server::start(small()).unwrap();
    let mut client = Client::connect(server.addr());
    for _ in 0..3 {
        let reply = client.ask("POST /v1/embeddings", &[], r#"{"model":"m","input":"a"}"#).unwrap();
        assert_eq!(reply.json()["data"].as_array().unwrap().len(), 1);
    }
    let log = server.log().entries();
    assert_eq!(log.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(log.iter().all(|entry| entry.texts[0].hash == text_hash(b"a")));
}

#[test]
fn what_is_too_much_is_refused_in_the_provider_s_words() {
    let script = Script {
        keys: vec!["k".to_owned()],
        models: vec!["m".to_owned()],
        caps: Caps { inputs: Some(2), ..Caps::default() },
        limits: vec![Limit::per_minute(Unit::Requests, 1)],
        ..small()
    };
    let server = Server::start(script).unwrap();
    let cases = [
        (r#"{"model":"m","input":["a","b","c"]}"#, 400, "at most 2 items"),
        (r#"{"model":"n","input":"a"}"#, 404, "`n` does not exist"),
        (r#"{"model":"m","input":[1,2]}"#, 400, "lists of tokens"),
        (r#"{"model":"m","input":[[1],[2]]}"#, 400, "lists of tokens"),
        (r#"{"model":"m","input":[]}"#, 400, "empty"),
        (r#"{"model":"m"}"#, 400, "'input'"),
        ("{", 400, "parse"),
        (r#"{"model":"m","input":"a"}"#, 200, "embedding"),
        (r#"{"model":"m","input":"a"}"#, 429, "Rate limit reached for requests"),
    ];
    for (body, status, words) in cases {
        let reply = embed(&server, body);
        assert_eq!(reply.status, status, "{body}: {}", reply.text());
        assert!(reply.text().contains(words), "{body}: {}", reply.text());
    }
    let unknown = ask(server.addr(), "POST /v1/embeddings", &["authorization: Bearer x"], "{}").unwrap();
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (401, &"invalid_api_key".into()));
    assert!(server.log().settled(std::time::Duration::from_secs(30)));
    assert_eq!(server.log().count(|entry| entry.answered.as_ref().is_some_and(|a| a.whole)), 1);
}

//! Every family against a provider that was written apart from it and knows what each text must bring.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_core::wire::{Answer, Head, HttpRequest};
use tidegate_core::{Codec, Fault as OwnFault, Refusal, RefusalKind as K, StreamCodec};
use tidegate_testkit::provider::script::{Act, Fault, Hint, Poison};
use tidegate_testkit::provider::{
    Log, Request, Script, Step, World, relevance_of, reply_of, text_hash, vector_of,
};

use super::{CHATTERS, EMBEDDERS, answered, chat, embed, question, ranking, rerank, service, texts};
use crate::Completion;
use crate::family::model_names;
use crate::golden::now;
use crate::openai::models_request;

/// What `script` answers to `request`: the head, and the body in the pieces in which it is sent.
fn play(script: &Script, request: &HttpRequest) -> (Head, Vec<bytes::Bytes>) {
    let (_, rest) = request.url.split_once("://").unwrap();
    let mut asked = Request {
        method: request.method.to_string(),
        target: rest[rest.find('/').unwrap()..].to_owned(),
        headers: Vec::new(),
        body: request.body.clone(),
    };
    for (name, value) in &request.headers {
        asked = asked.with_header(name.as_str(), value.to_str().unwrap());
    }
    let plan = World::new(script.clone(), Log::default()).handle(Duration::ZERO, &asked);
    let mut pieces = Vec::new();
    let mut head = None;
    for step in plan.steps {
        match step {
            Step::Head(said) => head = Some(said),
            Step::Body(bytes) => pieces.push(bytes),
            _ => {}
        }
    }
    let head = head.expect("these scripts answer");
    let headers: HeaderMap = head
        .headers
        .iter()
        .map(|(name, value)| (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap()))
        .collect();
    (Head { status: StatusCode::from_u16(head.status).unwrap(), headers, at: now() }, pieces)
}

fn ask(script: &Script, request: &HttpRequest) -> Answer {
    let (head, pieces) = play(script, request);
    Answer { head, body: pieces.concat().into() }
}

fn failing(act: Act) -> Script {
    Script { faults: vec![Fault::always(act)], ..Script::default() }
}

/// What a model says to [`question`].
fn said() -> String {
    reply_of(text_hash("Which city?".as_bytes()), Script::default().chat.words)
}

/// An answer's text, or why it is not whole, or why there is none.
type Came = Result<Result<String, OwnFault>, Refusal>;

fn text(completion: &Completion) -> String {
    completion.text.to_string()
}

fn chatted(provider: &str, script: &Script) -> Came {
    let codec = chat(provider, "m");
    let answer = ask(script, &codec.encode(&[question()]).unwrap());
    answered(&codec, &answer).map(|answer| answer.map(|answer| text(&answer)))
}

fn streamed(provider: &str, script: &Script) -> (String, Came) {
    let codec = chat(provider, "m");
    let (_, pieces) = play(script, &codec.encode_stream(&question()).unwrap());
    let mut listener = codec.listen(&question());
    let mut shown = String::new();
    for piece in pieces {
        if let Err(refusal) = listener.push(&piece, &mut shown) {
            return (shown, Err(refusal));
        }
    }
    (shown, listener.end().map(|(answer, _)| answer.map(|answer| text(&answer))))
}

#[test]
fn each_text_gets_the_vector_that_belongs_to_it() {
    for provider in EMBEDDERS {
        let (codec, texts) = (embed(provider, "m"), texts(7));
        let answer = ask(&Script::default(), &codec.encode(&texts).unwrap());
        let reply = codec.decode(&texts, &answer).unwrap_or_else(|refusal| panic!("{provider}: {refusal:?}"));
        for (text, vector) in texts.iter().zip(&reply.answers) {
            let expected = vector_of(text_hash(text.text.as_bytes()), "m", 1_536);
            let vector = vector.as_ref().unwrap();
            assert_eq!(vector.len(), expected.len(), "{provider}");
            let near = vector.iter().zip(&expected).all(|(came, due)| (came - due).abs() < 1e-6);
            assert!(near, "{provider}: {}", text.text);
        }
    }
}

#[test]
fn each_question_gets_its_answer_at_once_and_in_pieces() {
    for provider in CHATTERS {
        let script = Script::default();
        assert_eq!(chatted(provider, &script).unwrap().unwrap(), said(), "{provider}");
        let (shown, end) = streamed(provider, &script);
        let end = end.unwrap_or_else(|refusal| panic!("{provider}: {refusal:?}"));
        assert_eq!(end.unwrap(), said(), "{provider}");
        assert_eq!(shown, said(), "{provider}");
    }
}

#[test]
fn documents_come_by_relevance() {
    let (codec, item) = (rerank("cohere", "m"), ranking(9, 4));
    let answer = ask(&Script::default(), &codec.encode(std::slice::from_ref(&item)).unwrap());
    let reply = codec.decode(std::slice::from_ref(&item), &answer).unwrap();
    let ranked = reply.answers[0].as_ref().unwrap();
    assert_eq!(ranked.len(), 4);
    for ranked in ranked.iter() {
        let document = &item.documents[ranked.index as usize];
        let due = relevance_of(text_hash(item.query.as_bytes()), text_hash(document.as_bytes()));
        assert!((f64::from(ranked.score) - due).abs() < 1e-6);
    }
}

#[test]
fn models_are_listed() {
    let script = Script { models: vec!["one".to_owned(), "two:latest".to_owned()], ..Script::default() };
    for provider in ["openai", "anthropic", "gemini", "ollama"] {
        let service = service(provider, "one");
        let answer = ask(&script, &models_request(&service).unwrap());
        assert_eq!(model_names(&service, &answer).unwrap(), ["one", "two:latest"], "{provider}");
    }
}

#[test]
fn each_error_is_told_by_its_kind() {
    let status = |code| Act::Status { code, message: None };
    let too_many = || Act::TooMany { hint: Hint::Usual, wait: None };
    for provider in CHATTERS {
        for (act, kind) in [
            (status(500), K::Unavailable),
            (status(502), K::Unavailable),
            (status(503), K::Overloaded),
            (status(529), K::Overloaded),
            (status(400), K::BadRequest),
            (status(403), K::Unauthorised),
            (status(404), K::NotFound),
            (status(413), K::TooLarge),
            (too_many(), K::RateLimited),
            (Act::InsufficientQuota, K::Exhausted),
            (Act::PaymentRequired, K::Exhausted),
            (Act::WrongKey, K::Unauthorised),
        ] {
            let script = failing(act.clone());
            let refusal = chatted(provider, &script).unwrap_err();
            assert_eq!(refusal.kind, kind, "{provider} {act:?}: {refusal:?}");
            if EMBEDDERS.contains(&provider) {
                let codec = embed(provider, "m");
                let answer = ask(&script, &codec.encode(&texts(2)).unwrap());
                let refusal = codec.decode(&texts(2), &answer).unwrap_err();
                assert_eq!(refusal.kind, kind, "{provider} {act:?}: {refusal:?}");
            }
        }
    }
    for (provider, wait) in [("anthropic", Some(1)), ("gemini", Some(1)), ("cohere", None), ("ollama", None)]
    {
        let refusal = chatted(provider, &failing(too_many())).unwrap_err();
        assert_eq!(refusal.wait, wait.map(Duration::from_secs), "{provider} {refusal:?}");
    }
    for provider in ["openai", "gemini", "cohere"] {
        let refusal = chatted(provider, &failing(Act::DailyQuota)).unwrap_err();
        assert_eq!((refusal.kind, refusal.wait), (K::Exhausted, None), "{provider} {refusal:?}");
    }
}

#[test]
fn too_much_and_too_bad_are_told_apart() {
    let bad = texts(3);
    for provider in EMBEDDERS {
        let codec = embed(provider, "m");
        let decode = |script: &Script| {
            let answer = ask(script, &codec.encode(&bad).unwrap());
            codec.decode(&bad, &answer).unwrap_err().kind
        };
        let mut script = Script::default();
        script.caps.tokens_per_input = Some(1);
        assert_eq!(decode(&script), K::TooLarge, "{provider}");
        let poison = Poison { text: "text 1".to_owned(), status: None, message: None };
        assert_eq!(
            decode(&Script { poison: vec![poison], ..Script::default() }),
            K::BadRequest,
            "{provider}"
        );
        let script = Script { models: vec!["another".to_owned()], ..Script::default() };
        assert_eq!(decode(&script), K::NotFound, "{provider}");
        if provider != "ollama" {
            let mut script = Script::default();
            script.caps.inputs = Some(2);
            assert_eq!(decode(&script), K::TooLarge, "{provider}");
        }
    }
}

#[test]
fn spoiled_answers_never_pass() {
    for act in [
        Act::Truncated { keep: 0.7 },
        Act::Html,
        Act::Empty,
        Act::Bom,
        Act::ErrorInOk,
        Act::Body { text: "[]".to_owned(), content_type: None },
        Act::WrongCount { by: 1 },
        Act::WrongCount { by: -1 },
        Act::MissingIndex,
        Act::WrongDimensions { to: 7 },
        Act::Nan,
        Act::Null,
        Act::Zeros,
    ] {
        let script = failing(act.clone());
        for provider in EMBEDDERS {
            let codec = embed(provider, "m");
            let answer = ask(&script, &codec.encode(&texts(3)).unwrap());
            let reply = codec.decode(&texts(3), &answer);
            assert!(reply.is_err(), "{provider} {act:?} {reply:?}");
        }
    }
    for act in [Act::Truncated { keep: 0.9 }, Act::Html, Act::Empty, Act::Bom, Act::ErrorInOk] {
        for provider in CHATTERS {
            assert!(chatted(provider, &failing(act.clone())).is_err(), "{provider} {act:?}");
        }
    }
}

#[test]
fn spoiled_streams_never_pass() {
    for act in [Act::NoEndMarker, Act::ErrorEvent { after: None }, Act::ErrorEvent { after: Some(1) }] {
        for provider in CHATTERS {
            let (shown, end) = streamed(provider, &failing(act.clone()));
            assert!(end.is_err(), "{provider} {act:?} {end:?}");
            assert!(said().starts_with(&shown), "{provider} {act:?} {shown}");
        }
    }
    for act in [Act::LengthStop, Act::NoContent] {
        for provider in CHATTERS {
            let script = failing(act.clone());
            assert!(chatted(provider, &script).unwrap().is_err(), "{provider} {act:?}");
            assert!(streamed(provider, &script).1.unwrap().is_err(), "{provider} {act:?}");
        }
    }
}

#[test]
fn answers_follow_the_schema_that_was_sent() {
    use crate::ask::{Chat, ChatParams, Schema};
    let json = r#"{"type":"object","properties":{"mood":{"enum":["glad","sad"]}},"required":["mood"]}"#;
    let schema = Schema { name: "mood".into(), json: json.into(), strict: true };
    let params = ChatParams { schema: Some(schema), ..ChatParams::default() };
    let item = Chat::question(None, "How?", params.into());
    for provider in CHATTERS {
        let codec = chat(provider, "m");
        let answer = ask(&Script::default(), &codec.encode(std::slice::from_ref(&item)).unwrap());
        let reply = codec.decode(std::slice::from_ref(&item), &answer).unwrap();
        let text = &reply.answers[0].as_ref().unwrap().text;
        assert!([r#"{"mood":"glad"}"#, r#"{"mood":"sad"}"#].contains(&&**text), "{provider}: {text}");
    }
}

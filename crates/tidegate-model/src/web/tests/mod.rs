//! Requests byte for byte, answers, refusals, and paths into answers.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_core::{Codec, FaultKind, RefusalKind};

use super::{AnswerPath, Site, WebAsk, WebCall, WebPost};
use crate::Secret;
use crate::golden;

fn site() -> Site {
    let secret = |text| Secret::new(text).unwrap();
    Site::new(vec![
        (HeaderName::from_static("authorization"), secret("sk-test-canary-0123456789")),
        (HeaderName::from_static("x-token"), secret("canary-token-0123456789")),
    ])
}

fn ask(method: Method, answer: &str) -> WebAsk {
    WebAsk::new(site(), method, answer.parse().unwrap())
}

fn call(body: &str) -> WebCall {
    let team = (HeaderName::from_static("x-team"), HeaderValue::from_static("search"));
    WebCall { url: "http://localhost:9/look/a%20b?x=1".into(), headers: Arc::new([team]), body: body.into() }
}

fn post(batch: usize) -> WebPost {
    WebPost::new(site(), ("https://example.org/records", Vec::new()), ("notes \"a\"", batch))
}

fn records(texts: &[&str]) -> Vec<Arc<str>> {
    texts.iter().map(|text| (*text).into()).collect()
}

#[test]
fn requests_are_as_they_were() {
    golden::request("web-get", &ask(Method::GET, "").encode(&[call("")]).unwrap());
    let keyed = ask(Method::POST, "a").keyed(true);
    golden::request("web-post-keyed", &keyed.encode(&[call("{\"q\":\"x\"}")]).unwrap());
    golden::request("web-put", &ask(Method::PUT, "").keyed(true).encode(&[call("{}")]).unwrap());
    golden::request(
        "web-records",
        &post(2).encode(&records(&["{\"key\":\"a\"}", "{\"key\":\"b\"}"])).unwrap(),
    );
}

#[test]
fn secrets_are_never_printed() {
    let request = ask(Method::GET, "").encode(&[call("")]).unwrap();
    let printed = format!("{request:?} {:?} {:?}", request.headers, site());
    assert!(!printed.contains("canary"), "{printed}");
    let echo = golden::answer(400, &[], "bad token canary-token-0123456789");
    let refusal = ask(Method::GET, "").decode(&[call("")], &echo).unwrap_err();
    assert!(!format!("{refusal:?}").contains("canary"), "{refusal:?}");
}

#[test]
fn only_what_is_idempotent_or_has_a_key_is_repeated() {
    for (method, alone) in [
        (Method::GET, true),
        (Method::PUT, true),
        (Method::DELETE, true),
        (Method::POST, false),
        (Method::PATCH, false),
    ] {
        assert_eq!(ask(method.clone(), "").is_repeatable(&[]), alone, "{method}");
        assert!(ask(method.clone(), "").keyed(true).is_repeatable(&[]));
        assert!(ask(method, "").is_repeatable(&[HeaderName::from_static("idempotency-key")]));
    }
}

#[test]
fn everything_that_decides_an_answer_is_in_its_key_and_no_secret_is() {
    let codec = ask(Method::GET, "a");
    let plain = codec.key(&call("")).unwrap();
    let other = |change: &dyn Fn(&mut WebCall)| {
        let mut call = call("");
        change(&mut call);
        codec.key(&call).unwrap()
    };
    assert_ne!(plain, other(&|call| call.url = "http://localhost:9/".into()));
    assert_ne!(plain, other(&|call| call.body = "{}".into()));
    assert_ne!(plain, other(&|call| call.headers = Arc::new([])));
    assert_ne!(plain, ask(Method::PUT, "a").key(&call("")).unwrap());
    assert_ne!(plain, ask(Method::GET, "b").key(&call("")).unwrap());
    let bare = WebAsk::new(Site::default(), Method::GET, "a".parse().unwrap());
    assert_eq!(Some(plain), bare.key(&call("")));
}

#[test]
fn a_batch_has_a_key_of_what_is_in_it() {
    let key = |texts: &[&str]| post(9).encode(&records(texts)).unwrap().headers["idempotency-key"].clone();
    assert_eq!(key(&["1", "2"]), key(&["1", "2"]));
    assert_ne!(key(&["1", "2"]), key(&["2", "1"]));
    assert_ne!(key(&["1", "2"]), key(&["12"]));
}

fn value(path: &str, body: &str) -> Result<Value, String> {
    let headers = [("content-type", "text/plain; charset=utf-8")];
    let answer = golden::answer(200, &headers, body.to_owned());
    match ask(Method::GET, path).decode(&[call("")], &answer) {
        Ok(mut reply) => {
            reply.answers.remove(0).map(|value| (*value).clone()).map_err(|fault| fault.to_string())
        }
        Err(refusal) => Err(format!("{:?}: {}", refusal.kind, refusal.message)),
    }
}

#[test]
fn answers_are_found_where_they_are_said_to_be() {
    assert_eq!(value("", "{\"a\":1}").unwrap(), json!({ "a": 1 }));
    assert_eq!(value("a.b[1]", "{\"a\":{\"b\":[1,\"two\"]}}").unwrap(), json!("two"));
    assert_eq!(value("[\"a.b\"]", "{\"a.b\":null}").unwrap(), Value::Null);
    assert_eq!(value("", "plain words").unwrap(), json!("plain words"));
    assert_eq!(value("", "").unwrap(), Value::Null);
    assert_eq!(value("a.c", "{\"a\":{\"b\":1}}").unwrap_err(), "the answer has no a.c");
    assert!(value("a", "<html>").unwrap_err().starts_with("BadResponse: the answer is no JSON"));
    assert!(value("a", "").unwrap_err().starts_with("BadResponse"));
    let html = golden::answer(200, &[("content-type", "text/html")], "<html>");
    assert_eq!(ask(Method::GET, "").decode(&[call("")], &html).unwrap_err().kind, RefusalKind::BadResponse);
}

#[test]
fn statuses_say_whose_fault_it_is() {
    for (status, fixed, varying) in [
        (400, RefusalKind::BadRequest, RefusalKind::BadRequest),
        (401, RefusalKind::Unauthorised, RefusalKind::Unauthorised),
        (402, RefusalKind::Exhausted, RefusalKind::Exhausted),
        (404, RefusalKind::NotFound, RefusalKind::BadRequest),
        (413, RefusalKind::TooLarge, RefusalKind::TooLarge),
        (422, RefusalKind::BadRequest, RefusalKind::BadRequest),
        (429, RefusalKind::RateLimited, RefusalKind::RateLimited),
        (500, RefusalKind::Unavailable, RefusalKind::Unavailable),
        (503, RefusalKind::Overloaded, RefusalKind::Overloaded),
        (302, RefusalKind::NotFound, RefusalKind::NotFound),
    ] {
        let answer = golden::answer(status, &[("retry-after", "7")], "");
        for (site, kind) in [(site(), fixed), (site().varying(true), varying)] {
            let codec = WebAsk::new(site, Method::GET, AnswerPath::default());
            let refusal = codec.decode(&[call("")], &answer).unwrap_err();
            assert_eq!((refusal.kind, refusal.wait.map(|wait| wait.as_secs())), (kind, Some(7)), "{status}");
            assert!(!refusal.message.is_empty());
        }
        assert_eq!(post(1).decode(&records(&["1"]), &answer).unwrap_err().kind, fixed);
    }
    assert_eq!(
        post(1).decode(&records(&["1", "2"]), &golden::answer(204, &[], "")).unwrap().answers.len(),
        2
    );
}

#[test]
fn several_questions_in_one_request_are_a_defect() {
    let fault = ask(Method::GET, "").encode(&[call(""), call("")]).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Internal);
}

#[test]
fn what_is_no_path_is_refused() {
    for text in [".a", "a.", "a..b", "a[", "a[x]", "a]b", "[\"x]", "a[0]b", "a[-1]"] {
        text.parse::<AnswerPath>().unwrap_err();
    }
}

proptest! {
    #[test]
    fn paths_are_printed_as_they_read(text in "[a-c\\[\\].\"0-2]{0,10}") {
        if let Ok(path) = text.parse::<AnswerPath>() {
            prop_assert_eq!(path.to_string().parse::<AnswerPath>().unwrap(), path);
        }
    }

    #[test]
    fn no_answer_panics(status in 200u16..599, body in prop::collection::vec(any::<u8>(), 0..40)) {
        let answer = golden::answer(status, &[("content-type", "text/plain")], body);
        let _ = ask(Method::GET, "a[0]").decode(&[call("")], &answer);
        let _ = ask(Method::GET, "").decode(&[call("")], &answer);
    }
}

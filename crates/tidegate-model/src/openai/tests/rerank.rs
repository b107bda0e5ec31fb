//! Rankings of every clone.

use std::sync::Arc;

use tidegate_core::{Codec, FaultKind, RefusalKind};

use crate::golden::{answer, request, service};
use crate::openai::{model_names, models_request};
use crate::tokens::Estimate;
use crate::{OpenaiRerank, Ranking};

fn codec(provider: &str) -> OpenaiRerank {
    OpenaiRerank::new(service(provider, "reranker"), Arc::new(Estimate)).unwrap()
}

fn ranking(top: usize) -> Ranking {
    Ranking { query: "why?".into(), documents: Arc::new(["a".into(), "b".into(), "c".into()]), top }
}

#[test]
fn requests_are_what_each_provider_understands() {
    for provider in ["jina", "voyage", "tei", "vllm", "infinity", "compatible"] {
        request(&format!("rerank-{provider}"), &codec(provider).encode(&[ranking(2)]).unwrap());
    }
    let request = codec("jina").encode(&[ranking(0)]).unwrap();
    assert!(!String::from_utf8_lossy(&request.body).contains("top"));
}

#[test]
fn answers_are_put_in_order_by_index() {
    let entries = |score: &str| {
        format!(
            r#"[{{"index":1,"{score}":0.5,"document":{{"text":"b"}}}},{{"index":2,"{score}":-1}},{{"index":0,"{score}":0.9}}]"#
        )
    };
    for body in [
        entries("score"),
        format!(r#"{{"model":"m","results":{},"usage":{{"total_tokens":5}}}}"#, entries("relevance_score")),
        format!(
            r#"{{"object":"list","data":{},"model":"m","usage":{{"total_tokens":5}}}}"#,
            entries("relevance_score")
        ),
    ] {
        let reply = codec("jina").decode(&[ranking(2)], &answer(200, &[], body.clone())).unwrap();
        let ranked: Vec<_> =
            reply.answers[0].as_ref().unwrap().iter().map(|ranked| (ranked.index, ranked.score)).collect();
        assert_eq!(ranked, [(0, 0.9), (1, 0.5)], "{body}");
    }
}

#[test]
fn what_is_no_ranking_is_refused() {
    for (entries, told) in [
        (r#"{"index":0,"score":1}"#, "1 documents are ranked of 2"),
        (r#"{"index":0,"score":1},{"index":0,"score":1}"#, "ranked twice"),
        (r#"{"index":0,"score":1},{"index":3,"score":1}"#, "3 were sent"),
        (r#"{"index":0,"score":1},{"index":1,"score":1e99}"#, "no number"),
        (r#"{"index":0},{"index":1}"#, "not what was expected"),
    ] {
        let body = format!(r#"{{"results":[{entries}]}}"#);
        let refusal = codec("jina").decode(&[ranking(2)], &answer(200, &[], body)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse);
        assert!(refusal.message.contains(told), "{entries}: {}", refusal.message);
    }
    let nothing = Ranking { documents: Arc::new([]), ..ranking(0) };
    assert_eq!(codec("jina").encode(&[nothing]).unwrap_err().kind(), FaultKind::Validation);
}

#[test]
fn keys_hold_query_documents_and_number() {
    let key = |ranking: &Ranking| codec("jina").key(ranking).unwrap();
    let base = ranking(2);
    let keys = [
        key(&base),
        key(&ranking(3)),
        key(&Ranking { query: "what?".into(), ..base.clone() }),
        key(&Ranking { documents: Arc::new(["a".into(), "bc".into()]), ..base.clone() }),
        key(&Ranking { documents: Arc::new(["b".into(), "a".into(), "c".into()]), ..base.clone() }),
    ];
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "key {i} is not its own");
    }
    assert_eq!(&keys[0].to_hex()[..16], "6c987e8c2d6a9075");
}

#[test]
fn models_are_listed() {
    let service = service("openai", "m");
    request("models-openai", &models_request(&service).unwrap());
    assert!(models_request(&crate::golden::service("voyage", "m")).is_none());
    for body in
        [r#"{"object":"list","data":[{"id":"a"},{"id":"b","object":"model"}]}"#, r#"[{"id":"a"},{"id":"b"}]"#]
    {
        assert_eq!(model_names(&service, &answer(200, &[], body)).unwrap(), ["a", "b"]);
    }
    let refusal = model_names(
        &service,
        &answer(401, &[], r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#),
    )
    .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unauthorised);
}

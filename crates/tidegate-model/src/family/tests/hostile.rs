//! Answers made to break what reads them: nothing may panic, and nothing wrong may pass for an answer.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_core::{Codec, RefusalKind, StreamCodec};

use super::{CHATTERS, EMBEDDERS, answered, chat, embed, file, question, ranking, rerank, texts};
use crate::golden::answer;

/// Gives `body` to everything that reads bodies.
fn read_all(status: u16, body: &[u8]) {
    for provider in CHATTERS {
        let answer = answer(status, &[("retry-after", "1")], body.to_vec());
        let _ = answered(&chat(provider, "m"), &answer);
        let mut listener = chat(provider, "m").listen(&question());
        let mut text = String::new();
        let _ = listener.push(body, &mut text).map(|()| drop(listener.end()));
    }
    for provider in EMBEDDERS {
        let answer = answer(status, &[], body.to_vec());
        if let Ok(reply) = embed(provider, "m").decode(&texts(2), &answer) {
            assert_eq!(reply.answers.len(), 2);
        }
    }
    let _ = rerank("cohere", "m").decode(&[ranking(3, 2)], &answer(status, &[], body.to_vec()));
}

/// All values of `value`, each replaced in turn by `by`.
fn replaced(value: &Value, by: &Value) -> Vec<Value> {
    let mut all = vec![by.clone()];
    match value {
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut list = list.clone();
                    list[i] = inner;
                    Value::Array(list)
                }));
            }
        }
        Value::Object(map) => {
            for (name, inner) in map {
                all.extend(replaced(inner, by).into_iter().map(|inner| {
                    let mut map = map.clone();
                    map.insert(name.clone(), inner);
                    Value::Object(map)
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn any_value_may_be_anything_else() {
    for provider in ["anthropic", "gemini", "cohere", "ollama"] {
        let body: Value = serde_json::from_slice(&file(&format!("{provider}/chat.answer.json"))).unwrap();
        for by in [json!(null), json!(1e300), json!(-1), json!("\u{0}"), json!([]), json!({}), json!([null])]
        {
            for body in replaced(&body, &by) {
                let came = answered(&chat(provider, "m"), &answer(200, &[], body.to_string()));
                let text = came.ok().and_then(Result::ok).map(|completion| completion.text.to_string());
                // Whatever passes for an answer is made of what was sent, whole characters and all.
                let sent = ["A capital is asked for.", "Paris is the capital. ", "Grüße 🗼", "\u{0}"];
                let rest = sent.iter().fold(text.unwrap_or_default(), |text, sent| text.replace(sent, ""));
                assert_eq!(rest, "", "{body}");
            }
        }
    }
}

#[test]
fn any_value_of_vectors_and_rankings_may_be_anything_else() {
    for by in [json!(null), json!(1e39), json!(-1), json!("\u{0}"), json!([]), json!({}), json!([null])] {
        for provider in ["gemini", "cohere", "ollama"] {
            let body = serde_json::from_slice(&file(&format!("{provider}/embeddings.answer.json"))).unwrap();
            for body in replaced(&body, &by) {
                let Ok(reply) = embed(provider, "m").decode(&texts(2), &answer(200, &[], body.to_string()))
                else {
                    continue;
                };
                let lengths = reply.answers.iter().map(|vector| {
                    vector.as_ref().unwrap().iter().map(|&float| f64::from(float).powi(2)).sum::<f64>()
                });
                assert_eq!(
                    lengths.map(|length| (length * 1e5).round()).collect::<Vec<_>>(),
                    [1e5; 2],
                    "{body}"
                );
            }
        }
        let body = serde_json::from_slice(&file("cohere/rerank.answer.json")).unwrap();
        for body in replaced(&body, &by) {
            let reply = rerank("cohere", "m").decode(&[ranking(3, 0)], &answer(200, &[], body.to_string()));
            let Ok(reply) = reply else { continue };
            let ranked = reply.answers[0].as_ref().unwrap();
            let mut order: Vec<u32> = ranked.iter().map(|ranked| ranked.index).collect();
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2], "{body}");
            assert!(ranked.iter().all(|ranked| ranked.score.is_finite()), "{body}");
        }
    }
}

#[test]
fn events_of_a_stream_may_hold_anything() {
    for (provider, name, start) in [
        ("anthropic", "stream.sse", "data: "),
        ("gemini", "stream.sse", "data: "),
        ("cohere", "stream.sse", "data: "),
        ("ollama", "stream.ndjson", ""),
    ] {
        let text = String::from_utf8(file(&format!("{provider}/{name}"))).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let Some(Ok(event)) = line.strip_prefix(start).map(serde_json::from_str::<Value>) else {
                continue;
            };
            for by in [json!(null), json!(1e300), json!([{}]), json!({"type": "error"})] {
                for event in replaced(&event, &by) {
                    let mut lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
                    lines[i] = format!("{start}{event}");
                    let mut listener = chat(provider, "m").listen(&question());
                    let stream = lines.join("\n") + "\n";
                    let _ =
                        listener.push(stream.as_bytes(), &mut String::new()).map(|()| drop(listener.end()));
                }
            }
        }
    }
}

#[test]
fn deep_and_huge_values_are_refused() {
    let deep = "[".repeat(200_000);
    let nested = format!("{}1{}", "{\"error\":".repeat(5_000), "}".repeat(5_000));
    for body in [
        deep.clone(),
        format!("{{\"content\":{deep}"),
        format!("{{\"candidates\":{deep}"),
        format!("{{\"message\":{deep}"),
        format!("{{\"embeddings\":{deep}"),
        format!("{{\"results\":{deep}"),
        format!("data: {deep}\n\n"),
        nested.clone(),
        format!("{nested}\n"),
        format!("data: {{\"type\":\"content-delta\",\"delta\":{{\"message\":{nested}}}}}\n\n"),
        "9".repeat(100_000),
        format!("{{\"embeddings\":[[1e{}],[1]]}}", "9".repeat(400)),
    ] {
        for status in [200, 429, 500] {
            read_all(status, body.as_bytes());
        }
        let refusal = embed("ollama", "m").decode(&texts(2), &answer(200, &[], body)).unwrap_err();
        assert!(matches!(refusal.kind, RefusalKind::BadResponse | RefusalKind::Unavailable), "{refusal:?}");
        assert!(refusal.message.len() < 2_000 && refusal.excerpt.len() <= 2_048);
    }
}

#[test]
fn keys_are_never_told() {
    let canary = "sk-test-canary-0123456789";
    let body = format!("{{\"error\":{{\"message\":\"wrong key {canary}\"}},\"message\":\"{canary}\"}}");
    for provider in CHATTERS.into_iter().filter(|provider| *provider != "ollama") {
        for status in [200, 400, 401, 429, 500] {
            let refusal = answered(&chat(provider, "m"), &answer(status, &[], body.clone())).unwrap_err();
            assert!(!format!("{refusal:?}").contains(canary), "{provider} {status}: {refusal:?}");
            assert!(!String::from_utf8_lossy(&refusal.excerpt).contains(canary), "{provider} {status}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bodies_break_nothing(status in 200u16..600, body in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(status, &body);
    }

    #[test]
    fn bodies_that_look_like_answers_break_nothing(
        status in prop::sample::select(vec![200u16, 400, 429, 503]),
        body in r#"(data: |event: error|\n|\r|\{"(type|error|content|delta|message|candidates|done|text|embeddings|results|index)":|\[|\]|\}|,|"text"|null|true|-1|1e9|"é😀"){0,30}"#,
    ) {
        read_all(status, body.as_bytes());
    }
}

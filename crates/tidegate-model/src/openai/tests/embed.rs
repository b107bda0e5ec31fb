//! Requests byte for byte; answers of every dialect; and answers that are none.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tidegate_core::{Codec, QuotaUnit, RefusalKind, Task, Usage};

use crate::golden::{answer, head, request, service};
use crate::{EmbedOptions, OpenaiEmbed, Text};

fn codec(provider: &str, model: &str, options: EmbedOptions) -> OpenaiEmbed {
    OpenaiEmbed::new(service(provider, model), options).unwrap()
}

fn document(provider: &str, model: &str) -> OpenaiEmbed {
    codec(provider, model, EmbedOptions::new(Task::Document))
}

fn texts(count: usize) -> Vec<Text> {
    (0..count).map(|i| Text::new(format!("text {i}"), 2)).collect()
}

#[test]
fn requests_are_what_each_provider_understands() {
    let texts = [Text::new("a \"quoted\" line\nand ünïcödé", 9), Text::new("second", 1)];
    for (provider, model, task, dimensions) in [
        ("openai", "text-embedding-3-small", Task::Document, None),
        ("openai", "text-embedding-3-large", Task::Query, Some(256)),
        ("azure", "text-embedding-3-small", Task::Document, None),
        ("voyage", "voyage-3.5", Task::Document, Some(512)),
        ("voyage", "voyage-3.5", Task::Query, None),
        ("jina", "jina-embeddings-v3", Task::Query, Some(128)),
        ("mistral", "mistral-embed", Task::Document, None),
        ("mistral", "codestral-embed", Task::Document, Some(512)),
        ("together", "BAAI/bge-base-en-v1.5", Task::Document, None),
        ("vllm", "Qwen/Qwen3-Embedding-0.6B", Task::Document, Some(512)),
        ("tei", "BAAI/bge-small-en-v1.5", Task::Query, None),
        ("infinity", "BAAI/bge-small-en-v1.5", Task::Document, None),
        ("openrouter", "openai/text-embedding-3-small", Task::Document, None),
        ("compatible", "anything", Task::Document, None),
    ] {
        let codec = codec(provider, model, EmbedOptions { task, dimensions, learned: None });
        let name = format!(
            "embed-{provider}-{}{}",
            task.name(),
            dimensions.map_or(String::new(), |d| format!("-{d}"))
        );
        request(&name, &codec.encode(&texts).unwrap());
    }
}

#[test]
fn vectors_go_to_their_texts_by_index_and_have_unit_length() {
    let body = r#"{"object":"list","data":[
        {"object":"embedding","index":1,"embedding":[0,2]},
        {"object":"embedding","index":0,"embedding":"AABAQAAAgEA="}],
        "model":"m-2","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    let reply = document("compatible", "m").decode(&texts(2), &answer(200, &[], body)).unwrap();
    let vectors: Vec<Vec<f32>> =
        reply.answers.iter().map(|vector| vector.as_ref().unwrap().to_vec()).collect();
    assert_eq!(vectors, [vec![0.6, 0.8], vec![0.0, 1.0]]);
    assert_eq!(reply.model.as_deref(), Some("m-2"));
    assert_eq!(reply.usage, Some(Usage { input_tokens: 7, ..Usage::default() }));
}

#[test]
fn what_is_no_answer_to_the_texts_is_refused_and_told() {
    let list = |inner: &str| format!(r#"{{"data":[{inner}]}}"#);
    let [one, two, zero] = [
        r#"{"index":1,"embedding":[1,0]}"#,
        r#"{"index":2,"embedding":[1,0]}"#,
        r#"{"index":0,"embedding":[1,0]}"#,
    ];
    for (body, said) in [
        (list(""), "0 vectors came for 2 texts"),
        (list(zero), "1 vectors came for 2 texts"),
        (list(&format!("{zero},{one},{two}")), "3 vectors came for 2 texts"),
        (list(&format!("{zero},{zero}")), "two vectors have index 0"),
        (list(&format!("{zero},{two}")), "a vector has index 2, but 2 texts were sent"),
        (list(&format!(r#"{zero},{{"embedding":[1,0]}}"#)), "a vector has no index"),
        (list(&format!(r#"{zero},{{"index":1,"embedding":[1]}}"#)), "a vector has 1 dimensions instead of 2"),
        (list(&format!(r#"{zero},{{"index":1,"embedding":[]}}"#)), "a vector is empty"),
        (list(&format!(r#"{zero},{{"index":1,"embedding":[0,0]}}"#)), "a vector is all zeros"),
        (list(&format!(r#"{zero},{{"index":1,"embedding":"AADAfwAAgD8="}}"#)), "a vector is not finite"),
        (list(&format!(r#"{zero},{{"index":1,"embedding":"AACAfwAAgD8="}}"#)), "a vector is not finite"),
        (
            list(&format!(r#"{zero},{{"index":1,"embedding":[1e39,0]}}"#)),
            // Which of the two says so depends on how exactly the JSON parser was told to read floats.
            "the answer is not what was expected: ",
        ),
        (
            list(&format!(r#"{zero},{{"index":-1,"embedding":[1,0]}}"#)),
            "the answer is not what was expected: invalid value: integer `-1`",
        ),
        (String::new(), "the answer is empty"),
        (" \n".to_owned(), "the answer is empty"),
        ("\u{feff}{}".to_owned(), "the answer begins with a byte order mark"),
        ("<!doctype html><title>Sign in</title>".to_owned(), "the answer is HTML or XML: Sign in"),
        ("{}".to_owned(), "the answer is not what was expected: missing field `data`"),
        ("{\"data\":[".to_owned(), "the answer is not what was expected: EOF while parsing"),
        ("null".to_owned(), "the answer is not what was expected: invalid type: null"),
        (r#"{"error":{"message":"something broke"}}"#.to_owned(), "something broke"),
    ] {
        let refusal =
            document("compatible", "m").decode(&texts(2), &answer(200, &[], body.clone())).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse, "{body}");
        assert!(refusal.message.starts_with(said), "{body}: {}", refusal.message);
        assert_eq!(refusal.status, 200);
    }
}

#[test]
fn a_known_length_is_insisted_on() {
    let body = r#"{"data":[{"index":0,"embedding":[1,0]}]}"#;
    let refusal =
        document("openai", "text-embedding-3-small").decode(&texts(1), &answer(200, &[], body)).unwrap_err();
    assert_eq!(refusal.message, "a vector has 2 dimensions instead of 1536");
    let learned = EmbedOptions { learned: Some(2), ..EmbedOptions::new(Task::Document) };
    assert!(codec("compatible", "m", learned).decode(&texts(1), &answer(200, &[], body)).is_ok());
    // One text's vector needs no index.
    let body = r#"{"data":[{"embedding":[1,0]}]}"#;
    assert!(document("compatible", "m").decode(&texts(1), &answer(200, &[], body)).is_ok());
}

#[test]
fn dimensions_that_cannot_be_had_are_refused_beforehand() {
    let asked = |provider: &str, model: &str| {
        let options = EmbedOptions { dimensions: Some(64), ..EmbedOptions::new(Task::Document) };
        OpenaiEmbed::new(service(provider, model), options).map(|_| ()).map_err(|fault| fault.to_string())
    };
    assert_eq!(asked("openai", "text-embedding-3-small"), Ok(()));
    assert!(asked("openai", "text-embedding-ada-002").is_err());
    assert!(asked("compatible", "m").is_err());
    assert!(asked("mistral", "mistral-embed").is_err());
}

#[test]
fn keys_hold_all_that_decides_and_not_the_address() {
    let text = Text::new("t", 1);
    let key = |codec: &OpenaiEmbed| codec.key(&text).unwrap();
    let base = key(&document("openai", "text-embedding-3-small"));
    // The same model behind another address of the same format; asked for the length that it has anyway.
    assert_eq!(base, key(&document("azure", "text-embedding-3-small")));
    let same = EmbedOptions { dimensions: Some(1536), ..EmbedOptions::new(Task::Document) };
    assert_eq!(base, key(&codec("openai", "text-embedding-3-small", same)));
    let other = EmbedOptions { dimensions: Some(512), ..EmbedOptions::new(Task::Document) };
    assert_ne!(base, key(&codec("openai", "text-embedding-3-small", other)));
    assert_ne!(base, key(&codec("openai", "text-embedding-3-small", EmbedOptions::new(Task::Query))));
    assert_eq!(base, crate::embedding_key("openai:text-embedding-3-small", 1536, Task::Document, "t"));
}

#[test]
fn batches_are_shaped_by_what_the_model_bears() {
    let shape = document("openai", "text-embedding-3-small").shape();
    assert_eq!((shape.items, shape.item_tokens, shape.tokens), (2048, 8191, 300_000));
    let shape = document("voyage", "voyage-3.5-lite").shape();
    assert_eq!((shape.items, shape.tokens), (1000, 1_000_000));
    let charge = document("openai", "text-embedding-3-small").estimate(&texts(3));
    assert_eq!((charge.inputs, charge.input_tokens, charge.output_tokens), (3, 6, 0));
}

#[test]
fn heads_tell_the_limits() {
    let head = head(
        200,
        &[
            ("x-ratelimit-limit-requests", "3000"),
            ("x-ratelimit-remaining-requests", "2999"),
            ("x-ratelimit-reset-requests", "20ms"),
            ("x-ratelimit-limit-tokens", "1000000"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ],
    );
    let quotas = document("openai", "m").quota(&head);
    let seen: Vec<_> =
        quotas.iter().map(|quota| (quota.unit, quota.limit, quota.remaining, quota.reset)).collect();
    assert_eq!(
        seen,
        [
            (QuotaUnit::Requests, Some(3000), Some(2999), Some(Duration::from_millis(20))),
            (QuotaUnit::Tokens, Some(1_000_000), Some(0), Some(Duration::from_secs(360))),
        ]
    );
}

/// An answer to `count` texts in which text `i`'s vector points its own way, in the order of `order`.
fn shuffled(order: &[usize], in_base64: &[bool]) -> String {
    let entry = |&index: &usize| {
        let angle = index as f32 + 1.0;
        let embedding = if in_base64[index] {
            let bytes: Vec<u8> = [1.0f32, angle].iter().flat_map(|float| float.to_le_bytes()).collect();
            format!("\"{}\"", STANDARD.encode(bytes))
        } else {
            format!("[1,{angle}]")
        };
        format!(r#"{{"embedding":{embedding},"index":{index}}}"#)
    };
    format!(r#"{{"data":[{}]}}"#, order.iter().map(entry).collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn every_vector_goes_to_its_own_text(
        order in (1usize..40).prop_flat_map(|count| Just((0..count).collect::<Vec<_>>()).prop_shuffle()),
        in_base64 in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let body = shuffled(&order, &in_base64);
        let reply = document("compatible", "m").decode(&texts(order.len()), &answer(200, &[], body)).unwrap();
        for (index, vector) in reply.answers.iter().enumerate() {
            let vector = vector.as_ref().unwrap();
            prop_assert!((vector[1] / vector[0] - (index as f32 + 1.0)).abs() < 1e-3);
        }
    }

    #[test]
    fn no_body_makes_it_panic_or_lose_a_text(
        status in prop_oneof![Just(200u16), 100u16..600],
        cut in 0usize..400,
        changes in proptest::collection::vec((0usize..400, any::<u8>()), 0..4),
        noise in proptest::collection::vec(any::<u8>(), 0..64),
        raw in any::<bool>(),
    ) {
        let mut body = if raw { noise } else { shuffled(&[2, 0, 1], &[true, false, true]).into_bytes() };
        for (at, byte) in changes {
            if let Some(place) = body.get_mut(at) {
                *place = byte;
            }
        }
        body.truncate(cut);
        match document("compatible", "m").decode(&texts(3), &answer(status, &[("retry-after", "nan")], body)) {
            Ok(reply) => {
                prop_assert_eq!(reply.answers.len(), 3);
                for vector in reply.answers {
                    let length: f64 = vector.unwrap().iter().map(|&float| f64::from(float).powi(2)).sum();
                    prop_assert!((length - 1.0).abs() < 1e-4);
                }
            }
            Err(refusal) => prop_assert!(refusal.message.chars().count() <= 300 && !refusal.message.is_empty()),
        }
    }
}

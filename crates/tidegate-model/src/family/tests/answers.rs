//! Answers: text, ends, usage, order.

use proptest::prelude::*;
use serde_json::json;
use tidegate_core::{Codec, FaultKind, QuotaUnit, RefusalKind, Task, Usage};

use super::{EMBEDDERS, answered, chat, embed, file, ranking, rerank, service, texts};
use crate::EmbedOptions;
use crate::ask::{Finish, Ranked};
use crate::family::{embedding_codec, model_names};
use crate::golden::{answer, head};

const TEXT: &str = "Paris is the capital. Grüße 🗼";

#[test]
fn the_text_is_all_that_is_said_and_no_thought() {
    for (provider, model, input_tokens, cached_tokens, output_tokens) in [
        ("anthropic", "claude-sonnet-4-5-20250929", 126, 100, 12),
        ("gemini", "gemini-2.5-flash", 121, 100, 19),
        ("cohere", "the-model", 21, 21, 12),
        ("ollama", "llama3.2", 26, 0, 12),
    ] {
        let body = file(&format!("{provider}/chat.answer.json"));
        let completion = answered(&chat(provider, "the-model"), &answer(200, &[], body)).unwrap().unwrap();
        assert_eq!(&*completion.text, TEXT, "{provider}");
        assert_eq!(completion.finish, Finish::Stop, "{provider}");
        assert_eq!(&*completion.model, model, "{provider}");
        assert_eq!(completion.usage, Usage { input_tokens, cached_tokens, output_tokens }, "{provider}");
    }
}

/// An answer of each provider that says `text` and stopped for `reason`.
fn stopped(provider: &str, text: &str, reason: &str) -> String {
    let body = match provider {
        "anthropic" => json!({"content": [{"type": "text", "text": text}], "stop_reason": reason}),
        "gemini" => json!({"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": reason}]}),
        "cohere" => {
            json!({"message": {"content": [{"type": "text", "text": text}]}, "finish_reason": reason})
        }
        "ollama" => json!({"message": {"content": text}, "done": true, "done_reason": reason}),
        _ => unreachable!(),
    };
    body.to_string()
}

#[test]
fn only_whole_answers_are_kept() {
    use FaultKind::{Incomplete, Refused};
    for (provider, reason, expected) in [
        ("anthropic", "end_turn", Ok(Finish::Stop)),
        ("anthropic", "stop_sequence", Ok(Finish::Stop)),
        ("anthropic", "tool_use", Ok(Finish::ToolUse)),
        ("anthropic", "max_tokens", Err(Incomplete)),
        ("anthropic", "model_context_window_exceeded", Err(Incomplete)),
        ("anthropic", "pause_turn", Err(Incomplete)),
        ("anthropic", "refusal", Err(Refused)),
        ("anthropic", "a new reason", Err(Incomplete)),
        ("gemini", "STOP", Ok(Finish::Stop)),
        ("gemini", "MAX_TOKENS", Err(Incomplete)),
        ("gemini", "SAFETY", Err(Incomplete)),
        ("gemini", "RECITATION", Err(Incomplete)),
        ("gemini", "PROHIBITED_CONTENT", Err(Incomplete)),
        ("gemini", "MALFORMED_FUNCTION_CALL", Err(Incomplete)),
        ("cohere", "COMPLETE", Ok(Finish::Stop)),
        ("cohere", "STOP_SEQUENCE", Ok(Finish::Stop)),
        ("cohere", "TOOL_CALL", Ok(Finish::ToolUse)),
        ("cohere", "MAX_TOKENS", Err(Incomplete)),
        ("ollama", "stop", Ok(Finish::Stop)),
        ("ollama", "length", Err(Incomplete)),
        ("ollama", "load", Err(Incomplete)),
        ("ollama", "unload", Err(Incomplete)),
    ] {
        let came =
            answered(&chat(provider, "m"), &answer(200, &[], stopped(provider, "Hi", reason))).unwrap();
        let came = came.map(|completion| completion.finish).map_err(|fault| fault.kind());
        assert_eq!(came, expected, "{provider} {reason}");
        let blank =
            answered(&chat(provider, "m"), &answer(200, &[], stopped(provider, " \n", reason))).unwrap();
        assert!(blank.is_err(), "{provider} {reason}: nothing is no answer");
    }
}

#[test]
fn a_model_that_failed_has_not_answered() {
    for reason in ["ERROR", "TIMEOUT"] {
        let body = stopped("cohere", "Hi", reason);
        let refusal = answered(&chat("cohere", "m"), &answer(200, &[], body)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
        assert!(refusal.message.contains(reason), "{}", refusal.message);
    }
}

#[test]
fn a_blocked_prompt_is_a_refusal_with_its_reason() {
    let body =
        r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":7}}"#;
    let fault = answered(&chat("gemini", "m"), &answer(200, &[], body)).unwrap().unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Refused);
    assert!(fault.message().contains("PROHIBITED_CONTENT"), "{fault}");
}

#[test]
fn only_the_first_candidate_answers() {
    let candidate = |index: u8, text: &str| json!({"index": index, "content": {"parts": [{"text": text}]}, "finishReason": "STOP"});
    let body = json!({"candidates": [candidate(1, "second"), candidate(0, "first")]}).to_string();
    let completion = answered(&chat("gemini", "m"), &answer(200, &[], body)).unwrap().unwrap();
    assert_eq!(&*completion.text, "first");
}

#[test]
fn a_refusal_is_told_in_the_models_words_or_the_services() {
    let codec = chat("anthropic", "m");
    let fault = answered(&codec, &answer(200, &[], stopped("anthropic", "I cannot help.", "refusal")));
    assert!(fault.unwrap().unwrap_err().message().contains("I cannot help."));
    let body = r#"{"content":[],"stop_reason":"refusal","stop_details":{"explanation":"about weapons"}}"#;
    let fault = answered(&codec, &answer(200, &[], body)).unwrap().unwrap_err();
    assert!(fault.message().contains("about weapons"), "{fault}");
}

#[test]
fn vectors_have_unit_length_even_where_the_service_shortened_them() {
    for (provider, model) in
        [("gemini", "gemini-embedding-001"), ("cohere", "embed-v4.0"), ("ollama", "all-minilm")]
    {
        let options = EmbedOptions { task: Task::Document, dimensions: Some(3), learned: None };
        let codec = embedding_codec(service(provider, model), options).unwrap();
        let body = file(&format!("{provider}/embeddings.answer.json"));
        let reply = codec.decode(&texts(2), &answer(200, &[], body)).unwrap();
        let vectors: Vec<Vec<f32>> =
            reply.answers.iter().map(|vector| vector.as_ref().unwrap().to_vec()).collect();
        let half = 0.5_f32.sqrt();
        assert_eq!(vectors, [vec![0.6, 0.0, 0.8], vec![-half, half, 0.0]], "{provider}");
        let tokens = [("cohere", 11), ("ollama", 8)].into_iter().find(|(name, _)| *name == provider);
        assert_eq!(
            reply.usage.map(|usage| usage.input_tokens),
            tokens.map(|(_, tokens)| tokens),
            "{provider}"
        );
    }
}

/// An answer of each provider that holds `vectors`, in this order.
fn holding(provider: &str, vectors: &[serde_json::Value]) -> String {
    let body = match provider {
        "openai" => {
            let entry = |(index, vector)| json!({"index": index, "embedding": vector});
            json!({"data": vectors.iter().enumerate().map(entry).collect::<Vec<_>>()})
        }
        "gemini" => json!({"embeddings": vectors.iter().map(|v| json!({"values": v})).collect::<Vec<_>>()}),
        "cohere" => json!({"embeddings": {"float": vectors}}),
        "ollama" => json!({"embeddings": vectors}),
        _ => unreachable!(),
    };
    body.to_string()
}

proptest! {
    #[test]
    fn each_vector_goes_to_its_own_text(count in 1usize..40, came in 0usize..40) {
        // The vector of text i points i degrees away from the first axis.
        let angle = |i: usize| (i as f64).to_radians();
        let vectors: Vec<_> = (0..came).map(|i| json!([angle(i).cos(), angle(i).sin()])).collect();
        for provider in EMBEDDERS {
            let reply = embed(provider, "m").decode(&texts(count), &answer(200, &[], holding(provider, &vectors)));
            if came != count {
                prop_assert_eq!(reply.unwrap_err().kind, RefusalKind::BadResponse);
                continue;
            }
            for (i, vector) in reply.unwrap().answers.iter().enumerate() {
                let vector = vector.as_ref().unwrap();
                prop_assert!((f64::from(vector[0]) - angle(i).cos()).abs() < 1e-6, "{} {}", provider, i);
                prop_assert!((f64::from(vector[1]) - angle(i).sin()).abs() < 1e-6, "{} {}", provider, i);
            }
        }
    }
}

#[test]
fn what_is_no_vector_is_refused() {
    let good = json!([1.0, 0.0]);
    for bad in [
        json!([0.0, 0.0]),
        json!([]),
        json!([1.0]),
        json!([1.0, 0.0, 0.0]),
        json!([1.0, null]),
        json!([1.0, 1e39]),
        json!([1.0, "0"]),
        json!(null),
        json!({}),
        json!([[1.0, 0.0]]),
    ] {
        for provider in EMBEDDERS {
            let body = holding(provider, &[good.clone(), bad.clone()]);
            let refusal =
                embed(provider, "m").decode(&texts(2), &answer(200, &[], body.clone())).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::BadResponse, "{provider} {body}");
            let body = body.replace("null", "NaN").replace("1e39", "1e999");
            let refusal =
                embed(provider, "m").decode(&texts(2), &answer(200, &[], body.clone())).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::BadResponse, "{provider} {body}");
        }
    }
}

#[test]
fn a_model_of_known_length_gives_vectors_of_that_length() {
    for (provider, model) in
        [("gemini", "gemini-embedding-001"), ("cohere", "embed-v4.0"), ("ollama", "all-minilm")]
    {
        let body = file(&format!("{provider}/embeddings.answer.json"));
        let refusal = embed(provider, model).decode(&texts(2), &answer(200, &[], body)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse, "{provider}");
        assert!(refusal.message.contains("3 dimensions instead of"), "{}", refusal.message);
    }
}

#[test]
fn rankings_come_in_the_order_of_relevance() {
    let codec = rerank("cohere", "rerank-v3.5");
    let body = file("cohere/rerank.answer.json");
    let reply = codec.decode(&[ranking(3, 0)], &answer(200, &[], body.clone())).unwrap();
    let order: Vec<u32> = reply.answers[0].as_ref().unwrap().iter().map(|ranked| ranked.index).collect();
    assert_eq!(order, [2, 0, 1]);
    let reply = codec.decode(&[ranking(3, 1)], &answer(200, &[], body.clone())).unwrap();
    assert_eq!(**reply.answers[0].as_ref().unwrap(), [Ranked { index: 2, score: 0.999_071 }]);
    for (documents, body) in [
        (2, String::from_utf8(body).unwrap()),
        (1, r#"{"results":[]}"#.to_owned()),
        (2, r#"{"results":[{"index":0,"relevance_score":1},{"index":0,"relevance_score":1}]}"#.to_owned()),
        (1, r#"{"results":[{"index":0,"relevance_score":1e39}]}"#.to_owned()),
        (1, r#"{"results":[{"index":-1,"relevance_score":1}]}"#.to_owned()),
        (1, r#"{"results":[{"index":0}]}"#.to_owned()),
    ] {
        let refusal = codec.decode(&[ranking(documents, 0)], &answer(200, &[], body.clone())).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse, "{body}");
    }
}

#[test]
fn anthropic_tells_its_limits_in_the_heads_of_its_answers() {
    let head = head(
        200,
        &[
            ("anthropic-ratelimit-requests-limit", "1000"),
            ("anthropic-ratelimit-requests-remaining", "999"),
            ("anthropic-ratelimit-requests-reset", "2026-11-21T00:00:02Z"),
            ("anthropic-ratelimit-input-tokens-limit", "80000"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-21T00:00:30Z"),
            ("anthropic-ratelimit-output-tokens-limit", "16000"),
            ("anthropic-ratelimit-output-tokens-remaining", "15000"),
            ("anthropic-ratelimit-tokens-limit", "96000"),
        ],
    );
    let quotas = chat("anthropic", "m").quota(&head);
    let told: Vec<_> = quotas
        .iter()
        .map(|quota| (quota.unit, quota.limit, quota.remaining, quota.reset.map(|reset| reset.as_secs())))
        .collect();
    assert_eq!(
        told,
        [
            (QuotaUnit::Requests, Some(1_000), Some(999), Some(2)),
            (QuotaUnit::InputTokens, Some(80_000), Some(0), Some(30)),
            (QuotaUnit::OutputTokens, Some(16_000), Some(15_000), None),
        ]
    );
}

#[test]
fn lists_of_models_are_read_as_they_are_configured() {
    for (provider, body, expected) in [
        ("anthropic", r#"{"data":[{"type":"model","id":"claude-x"}],"has_more":false}"#, "claude-x"),
        ("gemini", r#"{"models":[{"name":"models/gemini-x","version":"1"}]}"#, "gemini-x"),
        ("cohere", r#"{"models":[{"name":"command-x","endpoints":["chat"]}]}"#, "command-x"),
        ("ollama", r#"{"models":[{"name":"llama3.2:latest","size":1}]}"#, "llama3.2:latest"),
    ] {
        let service = service(provider, "m");
        assert_eq!(model_names(&service, &answer(200, &[], body)).unwrap(), [expected], "{provider}");
        let refusal = model_names(&service, &answer(200, &[], "{}")).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse, "{provider}");
        let refusal = model_names(&service, &answer(401, &[], "{}")).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unauthorised, "{provider}");
    }
}

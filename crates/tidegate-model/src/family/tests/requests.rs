//! Requests, byte for byte.

use std::sync::Arc;

use tidegate_core::{Codec, FaultKind, StreamCodec, Task};

use super::{CHATTERS, chat, counter, question, ranking, rerank, service};
use crate::ask::{Chat, ChatParams, Message, Role, Schema, Text};
use crate::family::{chat_codec, embedding_codec, rerank_codec};
use crate::golden::request;
use crate::profile::Profiles;
use crate::{EmbedOptions, Endpoint, Service};

/// The order of the properties is neither that of the alphabet nor its reverse.
const SCHEMA: &str = r#"{"type":"object","properties":{"mood":{"type":"string"},"city":{"type":"string"},"people":{"type":"integer"}},"required":["mood","city","people"],"additionalProperties":false}"#;

/// A conversation that uses all there is.
fn full() -> Chat {
    let message = |role, content: &str| Message { role, content: content.into() };
    Chat {
        system: Some("Be \"brief\".\nAnswer in German.".into()),
        messages: Arc::new([
            message(Role::User, "Which city? 東京"),
            message(Role::Assistant, "Which do you mean?"),
            message(Role::User, "The \\ largest\u{1}"),
        ]),
        params: Arc::new(ChatParams {
            temperature: Some(0.7),
            top_p: Some(0.95),
            max_tokens: Some(300),
            stop: vec!["END".into(), "\n\n".into()],
            seed: Some(7),
            schema: Some(Schema { name: "city".into(), json: SCHEMA.into(), strict: true }),
        }),
        sample: 2,
    }
}

#[test]
fn conversations() {
    for provider in CHATTERS.into_iter().filter(|provider| *provider != "openai") {
        let codec = chat(provider, "the-model");
        request(&format!("{provider}/chat-plain"), &codec.encode(&[question()]).unwrap());
        request(&format!("{provider}/chat-full"), &codec.encode(&[full()]).unwrap());
        request(&format!("{provider}/chat-stream"), &codec.encode_stream(&question()).unwrap());
    }
}

#[test]
fn seeds_fit_into_what_the_service_reads() {
    let params = ChatParams { seed: Some(u64::MAX), ..ChatParams::default() };
    let chat = Chat { params: Arc::new(params), sample: 0, ..question() };
    for (provider, path) in [("gemini", "/generationConfig/seed"), ("ollama", "/options/seed")] {
        let request = super::chat(provider, "m").encode(std::slice::from_ref(&chat)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body.pointer(path).unwrap(), i32::MAX, "{provider}");
    }
}

#[test]
fn embeddings() {
    let texts = [Text::new("a \"quoted\" line\nand ünïcödé", 9), Text::new("second", 1)];
    for (provider, model, task, dimensions) in [
        ("gemini", "gemini-embedding-001", Task::Document, None),
        ("gemini", "gemini-embedding-001", Task::Query, Some(768)),
        ("gemini", "gemini-embedding-2", Task::Document, None),
        ("gemini", "gemini-embedding-2", Task::Query, Some(256)),
        ("cohere", "embed-v4.0", Task::Document, Some(256)),
        ("cohere", "embed-english-v3.0", Task::Query, None),
        ("ollama", "nomic-embed-text:latest", Task::Document, Some(256)),
        ("ollama", "all-minilm", Task::Query, None),
    ] {
        let options = EmbedOptions { task, dimensions, learned: None };
        let codec = embedding_codec(service(provider, model), options).unwrap();
        let length = dimensions.map_or(String::new(), |dimensions| format!("-{dimensions}"));
        let name = format!("{provider}/embed-{}-{}{length}", model.replace(':', "-"), task.name());
        request(&name, &codec.encode(&texts).unwrap());
    }
}

#[test]
fn words_before_every_text_are_sent_counted_and_part_of_the_key() {
    let text = Text::new("a text", 2);
    for provider in super::EMBEDDERS {
        let plain = super::embed(provider, "m");
        let with = |words: &str| plain.clone().with_prefix(words);
        let body = |codec: &super::AnyEmbedding| codec.encode(std::slice::from_ref(&text)).unwrap().body;
        let sent = String::from_utf8(body(&with("query: ")).to_vec()).unwrap();
        assert!(sent.contains("\"query: a text\"") || sent.contains("query: a text"), "{provider}: {sent}");
        assert_eq!(body(&with("")), body(&plain), "{provider}");
        let keys: Vec<_> = [plain.clone(), with("query: "), with("query:"), with("passage: ")]
            .iter()
            .map(|codec| codec.key(&text).unwrap())
            .collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{provider}: key {i} is not its own");
        }
        assert_eq!(with("").key(&text), plain.key(&text), "{provider}");
        // What goes before a text and the text itself are told apart.
        assert_ne!(with("a ").key(&Text::new("b", 1)), with("").key(&Text::new("a b", 2)), "{provider}");
        let (more, less) = (
            with("query: ").estimate(std::slice::from_ref(&text)),
            plain.estimate(std::slice::from_ref(&text)),
        );
        assert!(more.input_tokens > less.input_tokens && more.inputs == less.inputs, "{provider}");
    }
}

#[test]
fn rankings() {
    let codec = rerank("cohere", "rerank-v3.5");
    request("cohere/rerank", &codec.encode(&[ranking(3, 0)]).unwrap());
    request("cohere/rerank-top", &codec.encode(&[ranking(3, 2)]).unwrap());
    assert_eq!(codec.encode(&[ranking(0, 0)]).unwrap_err().kind(), FaultKind::Validation);
}

#[test]
fn users_can_add_fields_deep_within() {
    let own = "[providers.mine]\nlike = \"ollama\"\n[providers.mine.chat.extra]\nkeep_alive = \"1h\"\n\
               options = { num_ctx = 8192 }";
    let profile = Profiles::load(Some(own)).unwrap().get("mine").unwrap().clone();
    let endpoint = Endpoint::new("http://localhost:11434", "m").unwrap();
    let codec = chat_codec(Service::new(profile, endpoint, None), counter()).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&codec.encode(&[full()]).unwrap().body).unwrap();
    assert_eq!(body["keep_alive"], "1h");
    assert_eq!(body["options"]["num_ctx"], 8_192);
    assert_eq!(body["options"]["seed"], 9, "what was there stays");
}

#[test]
fn what_a_family_lacks_is_said_before_anything_is_sent() {
    let options = EmbedOptions::new(Task::Document);
    for fault in [
        embedding_codec(service("anthropic", "m"), options).map(drop).unwrap_err(),
        rerank_codec(service("anthropic", "m"), counter()).map(drop).unwrap_err(),
        rerank_codec(service("ollama", "m"), counter()).map(drop).unwrap_err(),
        rerank_codec(service("gemini", "m"), counter()).map(drop).unwrap_err(),
        embedding_codec(
            service("cohere", "embed-english-v3.0"),
            EmbedOptions { dimensions: Some(256), ..options },
        )
        .map(drop)
        .unwrap_err(),
    ] {
        assert_eq!(fault.kind(), FaultKind::Config, "{fault}");
        assert!(fault.hint_text().is_some(), "{fault}");
    }
}

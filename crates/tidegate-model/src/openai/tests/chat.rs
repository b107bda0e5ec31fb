//! Requests byte for byte, answers, and what is not whole.

use std::sync::Arc;

use tidegate_core::{Codec, FaultKind, RefusalKind, StreamCodec, Usage};

use crate::golden::{answer, request, service};
use crate::tokens::Estimate;
use crate::{Chat, ChatParams, Completion, Finish, Message, OpenaiChat, Role, Schema};

pub(super) fn codec(provider: &str, model: &str) -> OpenaiChat {
    OpenaiChat::new(service(provider, model), Arc::new(Estimate)).unwrap()
}

pub(super) fn question() -> Chat {
    Chat::question(None, "why?", Arc::default())
}

/// A conversation that uses everything.
fn everything() -> Chat {
    let schema = Schema {
        name: "label".into(),
        json: r#"{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"number"}},"required":["z","a"],"additionalProperties":false}"#.into(),
        strict: true,
    };
    let params = ChatParams {
        temperature: Some(0.2),
        top_p: Some(0.9),
        max_tokens: Some(64),
        stop: vec!["END".into()],
        seed: Some(7),
        schema: Some(schema),
    };
    let message = |role, content: &str| Message { role, content: content.into() };
    let messages = [
        message(Role::User, "what is \"this\"?\n\tgrüße"),
        message(Role::Assistant, "a question"),
        message(Role::User, "and this?"),
    ];
    Chat {
        system: Some("be brief".into()),
        messages: Arc::new(messages),
        params: Arc::new(params),
        sample: 2,
    }
}

#[test]
fn requests_are_what_each_provider_understands() {
    for (provider, model) in [
        ("openai", "gpt-4.1-mini"),
        ("azure", "gpt-4.1-mini"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("groq", "llama-3.3-70b-versatile"),
        ("mistral", "mistral-small-latest"),
        ("openrouter", "openai/gpt-4.1-mini"),
        ("vllm", "Qwen/Qwen3-0.6B"),
        ("compatible", "anything"),
    ] {
        let codec = codec(provider, model);
        request(&format!("chat-{provider}"), &codec.encode(&[everything()]).unwrap());
        request(&format!("chat-{provider}-stream"), &codec.encode_stream(&question()).unwrap());
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_reason() {
    let with = |change: &dyn Fn(&mut Chat)| {
        let mut chat = everything();
        change(&mut chat);
        codec("openai", "m").encode(&[chat]).unwrap_err()
    };
    let schema = |name: &str, json: &str| {
        let schema = Schema { name: name.into(), json: json.into(), strict: true };
        with(&|chat| {
            chat.params = Arc::new(ChatParams { schema: Some(schema.clone()), ..ChatParams::default() });
        })
    };
    assert_eq!(with(&|chat| chat.messages = Arc::new([])).kind(), FaultKind::Validation);
    assert_eq!(schema("a b", "{}").kind(), FaultKind::Config);
    assert_eq!(schema("", "{}").kind(), FaultKind::Config);
    assert_eq!(schema("a", "{").kind(), FaultKind::Config);
    assert_eq!(schema("a", "[]").kind(), FaultKind::Config);
    assert_eq!(codec("openai", "m").encode(&[]).unwrap_err().kind(), FaultKind::Internal);
    assert!(OpenaiChat::new(service("voyage", "m"), Arc::new(Estimate)).is_err());
}

fn body(message: &str, finish: &str) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1-mini-2025-04-14",
        "choices":[{{"index":0,"message":{message},"logprobs":null,"finish_reason":{finish}}}],
        "usage":{{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"prompt_tokens_details":{{"cached_tokens":8}},
        "completion_tokens_details":{{"reasoning_tokens":0}}}},"service_tier":"default","system_fingerprint":null}}"#
    )
}

#[test]
fn a_whole_answer_is_read_and_can_be_kept() {
    let body =
        body(r#"{"role":"assistant","content":"be\u00e4r 👋","refusal":null,"annotations":[]}"#, "\"stop\"");
    let reply = codec("openai", "gpt-4.1-mini").decode(&[question()], &answer(200, &[], body)).unwrap();
    let usage = Usage { input_tokens: 12, cached_tokens: 8, output_tokens: 3 };
    let completion = reply.answers[0].as_ref().unwrap();
    let expected = Completion {
        text: "beär 👋".into(),
        finish: Finish::Stop,
        model: "gpt-4.1-mini-2025-04-14".into(),
        usage,
    };
    assert_eq!(**completion, expected);
    assert_eq!(reply.usage, Some(usage));
    assert_eq!(reply.model.as_deref(), Some("gpt-4.1-mini-2025-04-14"));
    let kept = serde_json::to_string(&**completion).unwrap();
    assert_eq!(
        kept,
        r#"{"text":"beär 👋","finish":"stop","model":"gpt-4.1-mini-2025-04-14","usage":{"input_tokens":12,"cached_tokens":8,"output_tokens":3}}"#
    );
    assert_eq!(serde_json::from_str::<Completion>(&kept).unwrap(), expected);
}

#[test]
fn parts_are_joined_and_thoughts_left_out() {
    let body = body(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#,
        "\"stop\"",
    );
    let reply = codec("mistral", "m").decode(&[question()], &answer(200, &[], body)).unwrap();
    assert_eq!(&*reply.answers[0].as_ref().unwrap().text, "ab");
}

#[test]
fn what_is_not_whole_is_the_records_fault() {
    let said = r#"{"content":"half an ans"}"#;
    for (message, finish, kind, told) in [
        (said, "\"length\"", FaultKind::Incomplete, "token limit"),
        (said, "\"content_filter\"", FaultKind::Incomplete, "content filter"),
        (said, "\"insufficient_system_resource\"", FaultKind::Incomplete, "insufficient_system_resource"),
        (
            r#"{"content":null,"refusal":"I can't\u001b[31m help"}"#,
            "\"stop\"",
            FaultKind::Refused,
            "I can't\\u{1b}[31m help",
        ),
        (r#"{"content":null}"#, "\"stop\"", FaultKind::Incomplete, "nothing"),
        (r#"{"content":" \n"}"#, "\"stop\"", FaultKind::Incomplete, "nothing"),
        (r#"{"content":null,"tool_calls":[]}"#, "\"tool_calls\"", FaultKind::Incomplete, "nothing"),
    ] {
        let reply =
            codec("openai", "m").decode(&[question()], &answer(200, &[], body(message, finish))).unwrap();
        let fault = reply.answers[0].as_ref().unwrap_err();
        assert_eq!(fault.kind(), kind, "{finish}");
        assert!(fault.message().contains(told), "{fault}");
        assert!(reply.usage.is_some(), "what was used is paid, whole or not");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for (body, told) in [
        (body(r#"{"content":"x"}"#, "null"), "does not say why it ends"),
        (r#"{"choices":[]}"#.to_owned(), "0 answers came for 1 conversations"),
        (
            r#"{"choices":[{"message":{"content":7},"finish_reason":"stop"}]}"#.to_owned(),
            "not what was expected",
        ),
        (r#"{"error":{"message":"upstream failed","type":"x"}}"#.to_owned(), "upstream failed"),
        ("<html>".to_owned(), "HTML"),
        (String::new(), "empty"),
    ] {
        let refusal = codec("openai", "m").decode(&[question()], &answer(200, &[], body)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::BadResponse);
        assert!(refusal.message.contains(told), "{}", refusal.message);
    }
}

#[test]
fn everything_that_decides_an_answer_is_in_its_key() {
    let changes: [&dyn Fn(&mut Chat); 17] = [
        &|_| {},
        &|chat| chat.sample = 1,
        &|chat| chat.system = None,
        &|chat| chat.system = Some("".into()),
        &|chat| chat.messages = chat.messages[..1].into(),
        &|chat| chat.messages = [&chat.messages[1..], &chat.messages[..1]].concat().into(),
        &|chat| Arc::make_mut(&mut chat.params).temperature = None,
        &|chat| Arc::make_mut(&mut chat.params).temperature = Some(0.0),
        &|chat| Arc::make_mut(&mut chat.params).top_p = None,
        &|chat| Arc::make_mut(&mut chat.params).max_tokens = Some(65),
        &|chat| Arc::make_mut(&mut chat.params).seed = None,
        &|chat| Arc::make_mut(&mut chat.params).stop.clear(),
        &|chat| Arc::make_mut(&mut chat.params).stop.push("END".into()),
        &|chat| Arc::make_mut(&mut chat.params).schema = None,
        &|chat| Arc::make_mut(&mut chat.params).schema.as_mut().unwrap().strict = false,
        &|chat| Arc::make_mut(&mut chat.params).schema.as_mut().unwrap().name = "labels".into(),
        &|chat| Arc::make_mut(&mut chat.params).schema.as_mut().unwrap().json = "{}".into(),
    ];
    let key = |model: &str, chat: &Chat| codec("openai", model).key(chat).unwrap();
    let mut keys: Vec<_> = changes
        .iter()
        .map(|change| {
            let mut chat = everything();
            change(&mut chat);
            key("m", &chat)
        })
        .collect();
    keys.push(key("n", &everything()));
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key), "key {i} is not its own");
    }
    // A journal is money spent: if this fails, old journals are worth nothing to the new version.
    assert_eq!(&key("m", &everything()).to_hex()[..16], "16f587ff25f48a09");
}

#[test]
fn estimates_count_what_may_be_answered() {
    let charge = codec("openai", "m").estimate(&[everything()]);
    assert_eq!((charge.inputs, charge.output_tokens), (1, 64));
    assert!(charge.input_tokens > 40, "{charge:?}");
}

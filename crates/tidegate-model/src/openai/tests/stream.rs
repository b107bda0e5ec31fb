//! Streams of every provider's making, cut at every byte.

use std::sync::Arc;

use tidegate_core::{Fault, FaultKind, Refusal, RefusalKind, StreamCodec, Usage};

use super::chat::{codec, question};
use crate::{Completion, Finish};

const OPENAI: &str = include_str!("../../../golden/stream-openai.txt");
const GROQ: &str = include_str!("../../../golden/stream-groq.txt");
const OPENROUTER: &str = include_str!("../../../golden/stream-openrouter.txt");
const MISTRAL: &str = include_str!("../../../golden/stream-mistral.txt");
const LLAMA: &str = include_str!("../../../golden/stream-llama.txt");

type End = Result<(Result<Arc<Completion>, Fault>, Usage), Refusal>;

/// What comes of a stream in `pieces`, and the text shown meanwhile.
fn listen(provider: &str, pieces: &[&[u8]]) -> (End, String) {
    let mut listener = codec(provider, "m").listen(&question());
    let mut shown = String::new();
    for piece in pieces {
        if let Err(refusal) = listener.push(piece, &mut shown) {
            return (Err(refusal), shown);
        }
    }
    (listener.end(), shown)
}

#[test]
fn streams_of_every_provider_are_read() {
    for (provider, stream, text, model, usage) in [
        ("openai", OPENAI, "Grüße 👋🏽, 世界!", "gpt-4.1-mini-2025-04-14", (14, 8, 9)),
        ("groq", GROQ, "Grüße!", "llama-3.3-70b-versatile", (40, 0, 3)),
        ("openrouter", OPENROUTER, "Hi there", "openai/gpt-4.1-mini", (5, 0, 2)),
        ("mistral", MISTRAL, "Hi é", "mistral-small-latest", (6, 0, 2)),
        ("compatible", LLAMA, "Hi", "tiny", (4, 0, 1)),
    ] {
        let (end, shown) = listen(provider, &[stream.as_bytes()]);
        let (answer, used) = end.unwrap();
        let answer = answer.unwrap();
        assert_eq!((&*answer.text, &*answer.model, answer.finish), (text, model, Finish::Stop), "{provider}");
        assert_eq!(shown, text);
        assert_eq!((used.input_tokens, used.cached_tokens, used.output_tokens), usage, "{provider}");
        assert_eq!(answer.usage, used);
    }
}

#[test]
fn a_stream_cut_at_any_byte_is_never_whole_and_never_breaks_a_character() {
    for (provider, stream) in [
        ("openai", OPENAI),
        ("groq", GROQ),
        ("openrouter", OPENROUTER),
        ("mistral", MISTRAL),
        ("compatible", LLAMA),
    ] {
        let whole = listen(provider, &[stream.as_bytes()]).1;
        // The line end after `[DONE]` is not waited for once the line is known to be whole.
        let done = stream.find("data: [DONE]").unwrap() + "data: [DONE]\n".len();
        for cut in 0..stream.len() {
            let (end, shown) = listen(provider, &[&stream.as_bytes()[..cut]]);
            assert!(whole.starts_with(&shown), "{provider} {cut}: {shown}");
            assert_eq!(end.is_ok(), cut >= done, "{provider}: cut at {cut} of {done}");
            if let Err(refusal) = end {
                assert_eq!(refusal.kind, RefusalKind::BadResponse);
            }
        }
    }
}

#[test]
fn pieces_make_no_difference() {
    for (provider, stream) in [("openai", OPENAI), ("openrouter", OPENROUTER)] {
        let bytes = stream.as_bytes();
        let (whole, shown) = listen(provider, &[bytes]);
        let whole = whole.unwrap().0.unwrap();
        for cut in 0..bytes.len() {
            let (end, seen) = listen(provider, &[&bytes[..cut], &[], &bytes[cut..]]);
            assert_eq!((end.unwrap().0.unwrap(), seen), (whole.clone(), shown.clone()), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(listen(provider, &single).0.unwrap().0.unwrap(), whole);
    }
}

#[test]
fn an_error_in_the_middle_is_the_services_and_keeps_its_kind() {
    let start =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
    for (frame, kind, told) in [
        (
            r#"{"error":{"message":"The server had an error","type":"server_error"}}"#,
            RefusalKind::Unavailable,
            "The server had",
        ),
        (
            r#"{"error":{"message":"slow down, try again in 2s","code":"rate_limit_exceeded"}}"#,
            RefusalKind::RateLimited,
            "slow down",
        ),
        (
            r#"{"id":"x","error":{"code":502,"message":"Upstream lost"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
            RefusalKind::Unavailable,
            "Upstream lost",
        ),
        (r#"{"error":"plain words"}"#, RefusalKind::BadResponse, "plain words"),
        (r#"{"choices":"#, RefusalKind::BadResponse, "not what was expected"),
        (r#"{"object":"x"}"#, RefusalKind::BadResponse, "not what was expected"),
    ] {
        let (end, shown) = listen(
            "openai",
            &[start.as_bytes(), format!("data: {frame}\n\n").as_bytes(), b"data: [DONE]\n\n"],
        );
        let refusal = end.unwrap_err();
        assert_eq!(refusal.kind, kind, "{frame}");
        assert!(refusal.message.contains(told), "{}", refusal.message);
        assert_eq!(shown, "Hi");
    }
    let limited = listen(
        "openai",
        &[b"event: error\ndata: {\"message\":\"try again in 2s\",\"code\":\"rate_limit_exceeded\"}\n\n"],
    );
    assert_eq!(limited.0.unwrap_err().wait, Some(std::time::Duration::from_secs(2)));
}

#[test]
fn what_is_no_stream_is_told() {
    for (body, told) in [
        ("", "the answer is empty"),
        ("<html><title>Sign in</title>", "HTML or XML: Sign in"),
        (r#"{"error":{"message":"no streams here"}}"#, "no streams here"),
        ("\n\n: ping\n\n", "no stream of events"),
        ("data: [DONE]\n\n", "without saying why"),
    ] {
        let refusal = listen("openai", &[body.as_bytes()]).0.unwrap_err();
        assert!(refusal.message.contains(told), "{body:?}: {}", refusal.message);
    }
}

#[test]
fn a_stream_that_ends_short_is_the_records_fault() {
    let event = |delta: &str, finish: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
    };
    for (delta, finish, kind) in [
        (r#"{"content":"x"}"#, "\"length\"", FaultKind::Incomplete),
        (r#"{"content":"x"}"#, "\"content_filter\"", FaultKind::Incomplete),
        (r#"{"refusal":"no"}"#, "\"stop\"", FaultKind::Refused),
        ("{}", "\"stop\"", FaultKind::Incomplete),
    ] {
        let stream = event(delta, "null") + &event("{}", finish) + "data: [DONE]\n\n";
        let (answer, usage) = listen("openai", &[stream.as_bytes()]).0.unwrap();
        assert_eq!(answer.unwrap_err().kind(), kind, "{delta} {finish}");
        assert!(usage.input_tokens > 0, "a stream without usage is estimated");
    }
}

//! Streams of every family, cut at every byte.

use std::sync::Arc;

use tidegate_core::{Fault, Refusal, RefusalKind, StreamCodec, Usage};

use super::{CHATTERS, chat, file, question};
use crate::Completion;

const TEXT: &str = "Grüße aus 東京 🗼";

/// Provider, sample, and what stands in the line with which an answer is whole.
const SAMPLES: [(&str, &str, &str); 5] = [
    ("openai", "stream.sse", "[DONE]"),
    ("anthropic", "stream.sse", "data: {\"type\":\"message_stop\""),
    ("gemini", "stream.sse", "finishReason"),
    ("cohere", "stream.sse", "data: {\"type\":\"message-end\""),
    ("ollama", "stream.ndjson", "\"done\":true"),
];

type End = Result<(Result<Arc<Completion>, Fault>, Usage), Refusal>;

/// What comes of `pieces`: the text as it was shown, and the end.
fn hear(provider: &str, pieces: &[&[u8]]) -> (String, End) {
    let mut listener = chat(provider, "m").listen(&question());
    let mut text = String::new();
    for piece in pieces {
        if let Err(refusal) = listener.push(piece, &mut text) {
            return (text, Err(refusal));
        }
    }
    (text, listener.end())
}

/// What a whole answer must be, beside its text.
fn whole(end: End, case: &str) {
    let (completion, usage) = end.unwrap_or_else(|refusal| panic!("{case}: {refusal:?}"));
    let completion = completion.unwrap_or_else(|fault| panic!("{case}: {fault}"));
    assert_eq!(&*completion.text, TEXT, "{case}");
    assert_eq!(completion.usage, usage, "{case}");
}

fn sample(provider: &str, name: &str, mark: &str) -> (Vec<u8>, usize) {
    let bytes = file(&format!("{provider}/{name}"));
    let at = bytes.windows(mark.len()).rposition(|window| window == mark.as_bytes()).unwrap();
    let end = at + bytes[at..].iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap();
    (bytes, end)
}

#[test]
fn every_family_has_a_sample() {
    assert_eq!(SAMPLES.map(|(provider, ..)| provider), CHATTERS);
}

#[test]
fn a_stream_that_is_cut_anywhere_is_never_whole() {
    for (provider, name, mark) in SAMPLES {
        let (bytes, end) = sample(provider, name, mark);
        for cut in 0..=bytes.len() {
            let case = format!("{provider} cut at {cut} of {}", bytes.len());
            let (shown, came) = hear(provider, &[&bytes[..cut]]);
            assert!(TEXT.starts_with(&shown), "{case}: {shown:?}");
            if cut > end {
                // An event that lacks its blank line is taken at the end, when nothing is shown any more.
                whole(came, &case);
            } else {
                let refusal = came.err().unwrap_or_else(|| panic!("{case}: taken for whole"));
                assert_eq!(refusal.kind, RefusalKind::BadResponse, "{case}: {refusal:?}");
                assert!(!refusal.message.is_empty(), "{case}");
            }
        }
    }
}

#[test]
fn pieces_may_end_anywhere() {
    for (provider, name, mark) in SAMPLES {
        let (bytes, _) = sample(provider, name, mark);
        for cut in 0..=bytes.len() {
            let (shown, came) = hear(provider, &[&bytes[..cut], &bytes[cut..]]);
            assert_eq!(shown, TEXT, "{provider} in two at {cut}");
            whole(came, provider);
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let (shown, came) = hear(provider, &single);
        assert_eq!(shown, TEXT, "{provider} byte by byte");
        whole(came, provider);
    }
}

#[test]
fn usage_is_told_at_the_end() {
    for (provider, input_tokens, cached_tokens) in
        [("openai", 28, 3), ("anthropic", 28, 3), ("gemini", 25, 3), ("cohere", 8, 3), ("ollama", 25, 0)]
    {
        let (name, mark) = SAMPLES.iter().find(|sample| sample.0 == provider).map(|s| (s.1, s.2)).unwrap();
        let (bytes, _) = sample(provider, name, mark);
        let (_, usage) = hear(provider, &[&bytes]).1.unwrap();
        let output_tokens = if provider == "cohere" { 10 } else { 15 };
        assert_eq!(usage, Usage { input_tokens, cached_tokens, output_tokens }, "{provider}");
    }
}

#[test]
fn an_error_in_the_middle_is_told_as_it_is() {
    for (provider, name, kind, says) in [
        ("openai", "stream-error.sse", RefusalKind::Overloaded, "overloaded"),
        ("anthropic", "stream-error.sse", RefusalKind::Overloaded, "Overloaded"),
        ("gemini", "stream-error.sse", RefusalKind::Overloaded, "The model is overloaded"),
        ("cohere", "stream-error.sse", RefusalKind::Unavailable, "internal server error"),
        ("ollama", "stream-error.ndjson", RefusalKind::Unavailable, "CUDA error"),
    ] {
        let (shown, came) = hear(provider, &[&file(&format!("{provider}/{name}"))]);
        assert_eq!(shown, "Half an ans", "{provider}: what came before stays shown");
        let refusal = came.err().unwrap_or_else(|| panic!("{provider}: taken for whole"));
        assert_eq!(refusal.kind, kind, "{provider} {refusal:?}");
        assert!(refusal.message.contains(says), "{provider} {refusal:?}");
    }
}

#[test]
fn an_end_that_is_none_is_not_taken_for_one() {
    for (provider, from, to) in [
        ("openai", "\"stop\"", "\"length\""),
        ("anthropic", "\"end_turn\"", "\"max_tokens\""),
        ("gemini", "\"STOP\"", "\"MAX_TOKENS\""),
        ("cohere", "\"COMPLETE\"", "\"MAX_TOKENS\""),
        ("ollama", "\"stop\"", "\"length\""),
    ] {
        let name = SAMPLES.iter().find(|sample| sample.0 == provider).map(|sample| sample.1).unwrap();
        let text = String::from_utf8(file(&format!("{provider}/{name}"))).unwrap();
        let cut = text.replace(from, to);
        assert_ne!(cut, text, "{provider}");
        let (completion, usage) = hear(provider, &[cut.as_bytes()]).1.unwrap();
        assert_eq!(completion.unwrap_err().kind(), tidegate_core::FaultKind::Incomplete, "{provider}");
        assert!(usage.output_tokens > 0, "{provider}: what was used is paid nevertheless");
        // Without any reason nobody can know whether the answer is whole.
        let silent = text.replace(from, "null");
        assert!(hear(provider, &[silent.as_bytes()]).1.map_or(true, |(completion, _)| completion.is_err()));
    }
}

#[test]
fn a_reason_in_every_piece_ends_nothing() {
    let piece = |text: &str| {
        let text = format!(r#"{{"text":"{text}"}}"#);
        format!(r#"data: {{"candidates":[{{"content":{{"parts":[{text}]}},"finishReason":"STOP"}}]}}"#)
            + "\r\n\r\n"
    };
    let stream = ["Grüße", " aus", " 東京 🗼"].map(piece).concat();
    let (shown, came) = hear("gemini", &[stream.as_bytes()]);
    assert_eq!(shown, TEXT);
    whole(came, "gemini");
}

#[test]
fn what_follows_the_end_is_not_the_answers() {
    for (provider, name, mark) in SAMPLES.into_iter().filter(|sample| sample.0 != "gemini") {
        let (bytes, _) = sample(provider, name, mark);
        let twice = [&bytes[..], &bytes[..]].concat();
        let (shown, came) = hear(provider, &[&twice]);
        assert_eq!(shown, TEXT, "{provider}");
        whole(came, provider);
    }
}

#[test]
fn what_is_no_stream_is_told() {
    for (provider, ..) in SAMPLES {
        for (body, says) in [("", "empty"), ("<html><title>Sign in</title>", "Sign in"), ("hello", "")] {
            let refusal = hear(provider, &[body.as_bytes()]).1.err().unwrap_or_else(|| panic!("{provider}"));
            assert_eq!(refusal.kind, RefusalKind::BadResponse, "{provider} {body:?}");
            assert!(refusal.message.contains(says), "{provider} {body:?}: {}", refusal.message);
        }
    }
}

#[test]
fn an_answer_without_end_does_not_fill_the_memory() {
    let line = format!("{{\"message\":{{\"content\":\"{}\"}},\"done\":false}}\n", "x".repeat(1024 * 1024));
    let mut listener = chat("ollama", "m").listen(&question());
    let taken = (0..20).take_while(|_| listener.push(line.as_bytes(), &mut String::new()).is_ok()).count();
    assert_eq!(taken, 16);
}

#[test]
fn a_stream_without_line_ends_does_not_fill_the_memory() {
    let piece = vec![b'x'; 1024 * 1024];
    for (provider, ..) in SAMPLES {
        let mut listener = chat(provider, "m").listen(&question());
        let mut text = String::new();
        let refused = (0..12).any(|_| listener.push(&piece, &mut text).is_err());
        assert!(refused, "{provider}");
    }
}

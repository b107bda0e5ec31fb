use proptest::prelude::*;
use tidegate_core::Tokenizer;

use super::*;
use crate::golden::PROFILES;

fn all() -> Vec<Arc<dyn Tokenizer>> {
    let counter = |provider: &str, model: &str| super::counter(PROFILES.get(provider).unwrap(), model);
    vec![
        counter("openai", "text-embedding-3-small"),
        counter("openai", "gpt-4.1-mini"),
        counter("tei", "BAAI/bge-small-en-v1.5"),
        counter("voyage", "voyage-3.5"),
    ]
}

const PROSE: &str =
    "The harbour freezes from November to April, and the last supply ship leaves before the ice closes in.";

#[test]
fn models_are_counted_by_their_own_tokenizer() {
    let counts: Vec<usize> = all().iter().map(|counter| counter.count(PROSE)).collect();
    let estimate = Estimate.count(PROSE);
    if cfg!(feature = "bpe") {
        assert_eq!(counts[..2], [20, 20]);
    }
    assert_eq!(counts[3], estimate);
    assert!(counts[2] < estimate);
}

#[cfg(feature = "bpe")]
#[test]
fn known_encodings_come_out() {
    // What `tiktoken` makes of these.
    for (text, cl100k, o200k) in
        [("hello world", 2, 2), ("", 0, 0), ("tiktoken is great!", 6, 6), ("お誕生日おめでとう", 9, 8)]
    {
        assert_eq!((Bpe::cl100k().count(text), Bpe::o200k().count(text)), (cl100k, o200k), "{text}");
    }
    let mut starts = Vec::new();
    Bpe::cl100k().token_starts("hello world\n\n  again", &mut starts);
    assert_eq!(starts, [0, 6, 11, 13, 15]);
}

/// The ids that `bpe-openai` 0.3.2 makes of texts in many scripts and of random characters.
#[cfg(feature = "bpe")]
#[test]
fn ids_are_those_of_the_reference() {
    let texts = include_str!("../../tests/golden.jsonl").lines();
    let mut compared = 0;
    for (text, expected) in texts.zip(include_str!("../../golden/bpe.jsonl").lines()) {
        let text: serde_json::Value = serde_json::from_str(text).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        let text = text["text"].as_str().unwrap();
        for (name, bpe) in [("cl100k", Bpe::cl100k()), ("o200k", Bpe::o200k())] {
            let mut ids = Vec::new();
            bpe.encode(text, &mut ids);
            assert_eq!(serde_json::json!(ids), expected[name], "{name}: {text:?}");
        }
        compared += 1;
    }
    assert_eq!(compared, 320);
}

#[cfg(feature = "bpe")]
#[test]
fn a_piece_without_end_takes_no_endless_time() {
    // With a step for every pair of pairs this would take a thousand million of them.
    for text in ["ab".repeat(20_000), "\u{301}".repeat(20_000), " ".repeat(40_000), "=".repeat(40_000)] {
        for bpe in [Bpe::cl100k(), Bpe::o200k()] {
            assert!(bpe.count(&text) <= text.len());
        }
    }
}

#[cfg(feature = "bpe")]
#[test]
fn the_estimate_is_never_below_what_models_count() {
    for text in [
        PROSE,
        "fn main() { let x: Vec<u32> = (0..10).map(|i| i * 2).collect(); println!(\"{x:?}\"); }",
        "Im Winter friert der Hafen zu, und das letzte Versorgungsschiff läuft vor dem Eis aus.",
        "Зимой гавань замерзает, и последний корабль снабжения уходит до ледостава.",
        "港口从十一月到四月结冰，最后一艘补给船在冰封之前离开。",
        "港は11月から4月まで凍り、最後の補給船は氷が閉ざす前に出港する。",
        "항구는 11월부터 4월까지 얼고 마지막 보급선은 얼음이 닫히기 전에 떠난다.",
        "{\"id\":12345,\"values\":[1.25,3.5,100],\"ok\":true}",
        "👋🏽🎉🚢 ❄️",
        "https://example.org/a/b?c=d&e=%20f#g",
    ] {
        let estimate = Estimate.count(text);
        for exact in [Bpe::cl100k(), Bpe::o200k()] {
            assert!(estimate >= exact.count(text), "{text}: {estimate} < {}", exact.count(text));
        }
        assert!(estimate <= 5 * Bpe::o200k().count(text), "{text}: {estimate}");
    }
}

proptest! {
    #[test]
    fn starts_are_in_order_and_as_many_as_the_count(text in "(\\PC|[ \\n\\t]|[a-z ]{1,12}|[漢字かな]){0,40}") {
        for counter in all() {
            let mut starts = Vec::new();
            counter.token_starts(&text, &mut starts);
            prop_assert_eq!(starts.len(), counter.count(&text));
            prop_assert!(starts.is_sorted());
            prop_assert!(starts.last().is_none_or(|&last| (last as usize) < text.len()));
        }
    }
}

//! The tokenizer against the reference's ids, and what must hold for any text at all.

mod recorded;

use proptest::prelude::*;
use tidegate_core::{Embedder, FaultKind, Task, Tokenizer};
use tidegate_model::{Builtin, WordPiece};

fn ids(wordpiece: &WordPiece, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    wordpiece.encode(text, &mut ids);
    ids
}

fn starts(wordpiece: &WordPiece, text: &str) -> Vec<u32> {
    let mut starts = Vec::new();
    wordpiece.token_starts(text, &mut starts);
    starts
}

fn vector(text: &str) -> Vec<f32> {
    Builtin.embed(&[text], Task::Document).expect("the table never fails").remove(0)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// What Hugging Face's `tokenizers` 0.23.3 makes of texts in many scripts, of words at the length limit and of
/// random characters. The offsets are the reference's too.
#[test]
fn ids_and_offsets_are_those_of_the_reference() {
    let builtin = WordPiece::builtin();
    let read = WordPiece::new(include_str!("../assets/vocab.txt")).unwrap();
    let mut texts = 0;
    for line in include_str!("golden.jsonl").lines() {
        let expected: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = expected["text"].as_str().unwrap();
        for wordpiece in [&builtin, &read] {
            assert_eq!(serde_json::json!(ids(wordpiece, text)), expected["ids"], "{text:?}");
            assert_eq!(serde_json::json!(starts(wordpiece, text)), expected["starts"], "{text:?}");
        }
        texts += 1;
    }
    assert_eq!(texts, 320);
}

/// The same texts with a vocabulary that tells capital letters and accents apart, which `tokenizers` made of these texts
/// and of the documents of this repository.
#[test]
fn ids_and_offsets_of_cased_models_are_those_of_the_reference() {
    let cased = WordPiece::cased(include_str!("cased-vocab.txt")).unwrap();
    let (mut texts, mut unknown, mut all) = (0, 0, 0);
    for line in include_str!("golden-cased.jsonl").lines() {
        let expected: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = expected["text"].as_str().unwrap();
        let ids = ids(&cased, text);
        assert_eq!(serde_json::json!(ids), expected["ids"], "{text:?}");
        assert_eq!(serde_json::json!(starts(&cased, text)), expected["starts"], "{text:?}");
        unknown += ids.iter().filter(|id| **id == 1).count();
        (texts, all) = (texts + 1, all + ids.len());
    }
    assert_eq!(texts, 320);
    assert!(10 * unknown < all, "{unknown} of {all} are unknown, which compares little");
}

#[test]
fn a_vocabulary_without_an_unknown_token_is_refused() {
    for vocab in ["", "a\nb\n##c\n", "[UN]\n", "\0\n"] {
        assert_eq!(WordPiece::new(vocab).unwrap_err().kind(), FaultKind::Config, "{vocab:?}");
    }
}

#[test]
fn a_small_vocabulary_is_searched_greedily() {
    let wordpiece = WordPiece::new("[UNK]\r\nab\r\nabc\r\n\r\n##d\r\n##de\r\n##dex\r\nü\r\n").unwrap();
    let check = |text: &str, expected: &[u32]| assert_eq!(ids(&wordpiece, text), expected, "{text:?}");
    check("abc", &[2]);
    check("abd", &[1, 4]);
    check("abcdede", &[2, 5, 5]);
    check("ABCDEX", &[2, 6]);
    check("d", &[0]); // known only inside a word
    check("abcx ab", &[0, 1]); // one unknown piece makes the whole word unknown
    check("ü", &[0]); // the accent is stripped before the lookup
    check("", &[]);
}

#[test]
fn identical_tokens_may_stand_in_a_vocabulary_twice() {
    assert_eq!(ids(&WordPiece::new("[UNK]\na\na\n").unwrap(), "a"), [2]);
}

#[test]
fn what_means_the_same_is_nearer() {
    let text = vector("car engine repair");
    let near = dot(&text, &vector("fixing an automobile motor"));
    let far = dot(&text, &vector("banana bread recipe"));
    assert!(near > far + 0.2, "{near} {far}");
}

#[test]
fn texts_without_a_token_get_the_zero_vector() {
    for text in ["", " \n\t", "\u{301}\u{200B}\0"] {
        assert_eq!(vector(text), vec![0.0; 256], "{text:?}");
    }
}

#[test]
fn a_batch_is_its_texts_in_order() {
    let texts = ["alpha beta", "", "gamma", "alpha beta"];
    let batch = Builtin.embed(&texts, Task::Query).unwrap();
    let single: Vec<_> = texts.iter().map(|text| vector(text)).collect();
    assert_eq!(batch, single);
    assert_eq!(Builtin.dimensions(), batch[0].len());
}

#[test]
fn no_text_takes_more_than_its_length_deserves() {
    // Each would be quadratic in a tokenizer that looks back, or large in one that gathers words whole.
    let wordpiece = WordPiece::builtin();
    for unit in ["a", "é", "中", "#", "\u{301}", "\u{1}", "x\u{1}", "qzxj", "e\u{301}"] {
        let text = unit.repeat(300_000);
        let starts = starts(&wordpiece, &text);
        assert!(starts.len() <= text.chars().count(), "{unit:?}");
        assert_eq!(wordpiece.count(&text), starts.len(), "{unit:?}");
    }
}

/// Text as it comes: words, scripts, marks, controls, separators.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z]{1,12}",
        2 => "[ \\t\\n.,;#'-]{1,2}",
        2 => any::<char>().prop_map(String::from),
        1 => "[\u{80}-\u{24F}\u{300}-\u{36F}]{1,4}",
        1 => "[\u{3040}-\u{30FF}\u{4E00}-\u{4E40}\u{AC00}-\u{AC80}\u{F900}-\u{F910}]{1,4}",
        1 => "[\u{0}-\u{1F}\u{200B}-\u{200F}\u{2028}\u{AD}\u{FFFD}]",
        1 => "[a\u{E9}]{95,105}",
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn starts_ascend_on_characters_and_are_as_many_as_the_ids(text in text()) {
        let wordpiece = WordPiece::builtin();
        let starts = starts(&wordpiece, &text);
        prop_assert!(starts.is_sorted());
        prop_assert!(starts.iter().all(|&at| (at as usize) < text.len() && text.is_char_boundary(at as usize)));
        prop_assert_eq!(starts.len(), ids(&wordpiece, &text).len());
        prop_assert_eq!(starts.len(), wordpiece.count(&text));
    }

    #[test]
    fn a_text_cut_at_white_space_has_the_tokens_of_its_parts(
        a in text(),
        b in text(),
        space in "[ \\n\\t\u{A0}\u{3000}]",
    ) {
        let wordpiece = WordPiece::builtin();
        let whole = format!("{a}{space}{b}");
        let mut parts = ids(&wordpiece, &a);
        let in_a = parts.len();
        parts.extend(ids(&wordpiece, &b));
        prop_assert_eq!(ids(&wordpiece, &whole), parts);
        // This is what lets a chunker measure any range of a document by bisection.
        let before_b = u32::try_from(whole.len() - b.len()).unwrap();
        prop_assert_eq!(starts(&wordpiece, &whole).partition_point(|&at| at < before_b), in_a);
    }

    #[test]
    fn ascii_case_does_not_matter(text in "[ -~]{0,80}") {
        let wordpiece = WordPiece::builtin();
        prop_assert_eq!(ids(&wordpiece, &text), ids(&wordpiece, &text.to_ascii_uppercase()));
    }

    #[test]
    fn vectors_are_the_same_each_time_and_of_unit_length(text in text()) {
        let first = vector(&text);
        prop_assert_eq!(&first, &vector(&text));
        let length = dot(&first, &first).sqrt();
        if ids(&WordPiece::builtin(), &text).is_empty() {
            prop_assert_eq!(length, 0.0);
        } else {
            prop_assert!((length - 1.0).abs() < 1e-5, "{}", length);
        }
    }
}

//! Vectors that are those of the reference, whatever else is embedded with them.

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_bert::{Bert, BertOptions, Pooling, Precision, is_identity};
use tidegate_core::{Embedder, Task};

use crate::world::{Copy, MODELS, apart, cosine, folder, open, vector};

/// What the reference made of texts.
fn expected(name: &str) -> Vec<(String, Task, usize, Vec<f32>)> {
    let text = fs::read_to_string(folder(name).join("expected.jsonl")).unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let task = if line["task"] == "query" { Task::Query } else { Task::Document };
        let vector =
            line["vector"].as_array().unwrap().iter().map(|one| one.as_f64().unwrap() as f32).collect();
        (line["text"].as_str().unwrap().to_owned(), task, line["ids"].as_array().unwrap().len(), vector)
    };
    text.lines().map(line).collect()
}

#[test]
fn every_kind_of_model_agrees_with_the_reference() {
    for name in MODELS {
        let bert = open(name, Precision::F32);
        for (text, task, tokens, expected) in expected(name) {
            let vector = vector(&bert, &text, task);
            assert!(apart(&vector, &expected) < 1e-5, "{name}, {text:?}: {vector:?} {expected:?}");
            assert!(task == Task::Query || bert.tokens(&text) == tokens, "{name}, {text:?}");
        }
    }
}

#[test]
fn bytes_are_near_to_floats() {
    for name in MODELS {
        let bert = open(name, Precision::Int8);
        for (text, task, _, expected) in expected(name) {
            // So few dimensions leave little to average over; real models come to 0.998.
            let near = cosine(&vector(&bert, &text, task), &expected);
            assert!(near > 0.99, "{name}, {text:?}: {near}");
        }
    }
}

#[test]
fn a_models_own_files_say_how_it_pools_and_what_goes_before() {
    assert_eq!(open("mean", Precision::F32).pooling(), Pooling::Mean);
    assert_eq!(open("cls", Precision::F32).pooling(), Pooling::Cls);
    let bert = open("prompts", Precision::F32);
    assert_eq!((&*bert.prefixes().query, &*bert.prefixes().document), ("query: ", "passage: "));
    // Both ends, and the two tokens of "passage:".
    assert_eq!((bert.max_tokens(), bert.dimensions()), (48 - 4, 12));
}

#[test]
fn families_that_want_words_are_known_by_their_names() {
    let copy = Copy::of("mean");
    assert_eq!(copy.open().unwrap().prefixes().query, "");
    copy.change("config.json", |config| config["_name_or_path"] = json!("intfloat/e5-small-v2"));
    let bert = copy.open().unwrap();
    assert_eq!((&*bert.prefixes().query, &*bert.prefixes().document), ("query: ", "passage: "));
    copy.change("config.json", |config| config["_name_or_path"] = json!("BAAI/bge-small-en-v1.5"));
    assert!(copy.open().unwrap().prefixes().query.starts_with("Represent this sentence"));
}

#[test]
fn a_model_that_tells_capital_letters_apart_does() {
    let small = |bert: &Bert| vector(bert, "gate", Task::Document) == vector(bert, "Gate", Task::Document);
    let copy = Copy::of("mean");
    let plain = copy.open().unwrap();
    assert!(small(&plain));
    copy.change("tokenizer_config.json", |to| to["do_lower_case"] = json!(false));
    let cased = copy.open().unwrap();
    assert!(!small(&cased) && cased.identity() != plain.identity());
    // What has no capital letters and no accents is the same to both.
    let of = |bert: &Bert| vector(bert, "the tide gate, 中 turns.", Task::Document);
    assert_eq!(of(&cased), of(&plain));
    // Where the smaller file does not say, the larger one does.
    copy.change("tokenizer_config.json", |to| *to = json!({}));
    assert!(small(&copy.open().unwrap()));
    copy.write("tokenizer.json", r#"{"normalizer": {"lowercase": false}}"#);
    assert_eq!(copy.open().unwrap().identity(), cased.identity());
}

#[test]
fn words_that_are_set_come_before_the_models_own() {
    let options = BertOptions {
        precision: Precision::F32,
        query_prefix: Some("the ".to_owned()),
        document_prefix: Some(String::new()),
    };
    let (bert, plain) = (Bert::open(&folder("prompts"), &options).unwrap(), open("mean", Precision::F32));
    assert_eq!((&*bert.prefixes().query, &*bert.prefixes().document), ("the ", ""));
    assert_eq!(vector(&bert, "gate", Task::Query), vector(&bert, "the gate", Task::Document));
    assert!(plain.prefixes().query.is_empty());
}

#[test]
fn the_identity_is_that_of_all_that_decides_a_vector_and_of_nothing_else() {
    let of = |copy: &Copy| copy.open().unwrap().identity().to_owned();
    let base = of(&Copy::of("mean"));
    assert!(is_identity(&base) && !is_identity("builtin/static-256@0"));
    assert_eq!(of(&Copy::of("mean")), base, "another folder is no other model");
    let mut all = vec![base, open("mean", Precision::Int8).identity().to_owned(), of(&Copy::of("cls"))];
    let changed = |change: &dyn Fn(&Copy)| {
        let copy = Copy::of("mean");
        change(&copy);
        of(&copy)
    };
    all.push(changed(&|copy| {
        copy.change("1_Pooling/config.json", |to| *to = json!({"pooling_mode": "cls"}));
    }));
    all.push(changed(&|copy| {
        copy.change("sentence_bert_config.json", |to| *to = json!({"max_seq_length": 9}));
    }));
    all.push(changed(&|copy| copy.change("config.json", |to| to["hidden_act"] = json!("relu"))));
    let passage = json!({"prompts": {"passage": "passage: "}});
    all.push(changed(&|copy| copy.change("config_sentence_transformers.json", |to| *to = passage.clone())));
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{one} is the {at}th and another's");
    }
    // Words before questions can be changed at any time: the vectors they are compared with stay the same.
    let query = json!({"prompts": {"query": "query: "}});
    assert_eq!(
        changed(&|copy| copy.change("config_sentence_transformers.json", |to| *to = query.clone())),
        all[0]
    );
}

#[test]
fn a_text_without_a_token_has_the_zero_vector() {
    let bert = open("prompts", Precision::Int8);
    let vectors = bert.embed(&["", "gate", " \n"], Task::Document).unwrap();
    assert_eq!((&vectors[0], &vectors[2]), (&vec![0.0; 12], &vec![0.0; 12]));
    assert_eq!(vectors[1], vector(&bert, "gate", Task::Document));
    assert!(bert.embed(&[], Task::Query).unwrap().is_empty());
}

#[test]
fn the_older_names_and_a_vocabulary_of_json_are_read() {
    let copy = Copy::of("mean");
    let vocabulary = fs::read_to_string(copy.path("vocab.txt")).unwrap();
    let tokens: serde_json::Map<String, Value> =
        vocabulary.lines().enumerate().map(|(id, token)| (token.to_owned(), json!(id))).collect();
    copy.remove("vocab.txt");
    copy.write("tokenizer.json", json!({"model": {"type": "WordPiece", "vocab": tokens}}).to_string());
    // Of equal length, so that the header keeps its own.
    let weights = fs::read(copy.path("model.safetensors")).unwrap();
    let renamed = replaced(
        &replaced(&weights, b"LayerNorm.weight\"", b"LayerNorm.gamma\" "),
        b"LayerNorm.bias\"",
        b"LayerNorm.beta\"",
    );
    copy.write("model.safetensors", renamed);
    let text = "The tide gate holds water back.";
    assert_eq!(
        vector(&copy.open().unwrap(), text, Task::Query),
        vector(&open("mean", Precision::F32), text, Task::Query)
    );
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_embedded_with_a_text_does_not_change_its_vector(
        texts in proptest::collection::vec("[a-zA-Z中 .\u{301}]{0,120}", 1..24),
        pooling in prop_oneof![Just("mean"), Just("cls")],
    ) {
        for precision in [Precision::F32, Precision::Int8] {
            let bert = open(pooling, precision);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let together = bert.embed(&texts, Task::Document).unwrap();
            for (text, together) in texts.iter().zip(&together) {
                let alone = vector(&bert, text, Task::Document);
                prop_assert!(apart(&alone, together) <= 1e-6, "{text:?}");
            }
        }
    }
}

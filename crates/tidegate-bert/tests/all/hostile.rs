//! Files that are cut off, lie, or are of something else: an error that says so, never a panic, and no memory for what is
//! not there.

use std::fs;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::world::Copy;

const WEIGHTS: &str = "model.safetensors";

/// A file of weights taken apart.
struct Weights {
    header: Map<String, Value>,
    numbers: Vec<u8>,
}

impl Weights {
    fn of(copy: &Copy) -> Self {
        let bytes = fs::read(copy.path(WEIGHTS)).unwrap();
        let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        Self {
            header: serde_json::from_slice(&bytes[8..8 + size]).unwrap(),
            numbers: bytes[8 + size..].to_vec(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let header = Value::Object(self.header.clone()).to_string();
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &self.numbers].concat()
    }
}

/// Why a model is refused whose weights were changed so.
fn refused(change: impl FnOnce(&mut Weights)) -> String {
    let copy = Copy::of("mean");
    let mut weights = Weights::of(&copy);
    change(&mut weights);
    copy.write(WEIGHTS, weights.bytes());
    copy.refused()
}

const SOME: &str = "encoder.layer.0.output.dense.weight";

#[test]
fn weights_that_lie_are_refused_with_what_is_wrong() {
    let says = |why: String, words: &str| assert!(why.contains(words), "{why}: {words}?");
    says(refused(|weights| drop(weights.header.remove(SOME))), "belong to no tensor");
    says(refused(|weights| weights.header[SOME]["shape"] = json!([20, 12])), "by config.json it is [12, 20]");
    says(
        refused(|weights| weights.header[SOME]["shape"] = json!([12, 21])),
        "has the shape [12, 21] in 960 bytes",
    );
    says(refused(|weights| weights.header[SOME]["shape"] = json!([u64::MAX, u64::MAX])), "has the shape");
    says(refused(|weights| weights.header[SOME]["dtype"] = json!("F3")), "unknown kind");
    says(refused(|weights| weights.header[SOME]["dtype"] = json!("I32")), "is of I32");
    says(refused(|weights| weights.header[SOME]["data_offsets"] = json!([10, 5])), "would lie at 10..5");
    says(
        refused(|weights| weights.header[SOME]["data_offsets"] = json!([u64::MAX - 960, u64::MAX])),
        "would lie at",
    );
    says(refused(|weights| weights.header[SOME]["data_offsets"] = json!([-1, 959])), "does not read at");
    says(refused(|weights| weights.header[SOME]["data_offsets"] = json!([0, 960])), "overlaps");
    says(refused(|weights| weights.numbers.extend([0; 4])), "after the last tensor");
    says(refused(|weights| weights.numbers.truncate(400)), "is the file cut off?");
    says(refused(|weights| weights.numbers[..4].copy_from_slice(&f32::NAN.to_le_bytes())), "not finite");
    let renamed = |weights: &mut Weights| {
        let entry = weights.header.remove(SOME).unwrap();
        weights.header.insert("another".to_owned(), entry);
    };
    says(refused(renamed), "has no tensor encoder.layer.0.output.dense.weight");
}

#[test]
fn headers_that_lie_are_refused_without_making_room_for_them() {
    let whole = fs::read(crate::world::folder("mean").join(WEIGHTS)).unwrap();
    let with_size = |size: u64| [&size.to_le_bytes()[..], &whole[8..]].concat();
    for (bytes, words) in [
        (Vec::new(), "shorter than"),
        (vec![0; 7], "shorter than"),
        (vec![0; 8], "does not read"),
        (with_size(u64::MAX), "its header would have"),
        (with_size(whole.len() as u64), "its header would have"),
        (with_size(3), "does not read"),
        (with_size(whole.len() as u64 - 8), "does not read"),
        ([&2_u64.to_le_bytes()[..], b"[]"].concat(), "does not read"),
        ([&2_u64.to_le_bytes()[..], b"{}"].concat(), "has no tensor"),
        ([&9_u64.to_le_bytes()[..], b"{\"a\":\"b\"}"].concat(), "does not read at a"),
    ] {
        let copy = Copy::of("mean");
        copy.write(WEIGHTS, &bytes);
        let why = copy.refused();
        assert!(why.contains(words), "{why}: {words}?");
    }
    // A header larger than any model's, in a file with holes that costs no disk.
    let copy = Copy::of("mean");
    let file = fs::OpenOptions::new().write(true).open(copy.path(WEIGHTS)).unwrap();
    file.set_len(1 << 33).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &(1_u64 << 32).to_le_bytes(), 0).unwrap();
    assert!(copy.refused().contains("more than"));
}

#[test]
fn folders_of_other_things_are_refused_with_what_is_wrong() {
    let check = |words: &str, change: &dyn Fn(&Copy)| {
        let copy = Copy::of("mean");
        change(&copy);
        let why = copy.refused();
        assert!(why.contains(words), "{why}: {words}?");
    };
    check("it must hold config.json", &|copy| copy.remove("config.json"));
    check("it must hold config.json", &|copy| copy.remove(WEIGHTS));
    check("vocab.txt", &|copy| copy.remove("vocab.txt"));
    check("has no [CLS]", &|copy| copy.write("vocab.txt", "[PAD]\n[UNK]\n[SEP]\n"));
    check("no [UNK]", &|copy| copy.write("vocab.txt", "[PAD]\n"));
    check("more tokens than", &|copy| {
        let vocabulary = fs::read_to_string(copy.path("vocab.txt")).unwrap();
        copy.write("vocab.txt", vocabulary + "one\nmore\n");
    });
    check("UTF-8", &|copy| copy.write("vocab.txt", [0xff, 0xfe]));
    check("roberta", &|copy| copy.change("config.json", |to| to["model_type"] = json!("roberta")));
    check("does not read", &|copy| copy.write("config.json", "{"));
    check("does not read", &|copy| copy.write("modules.json", "["));
    check("\"Dense\"", &|copy| {
        copy.change("modules.json", |to| to[1]["type"] = json!("sentence_transformers.models.Dense"));
    });
    check("does not say how", &|copy| copy.change("modules.json", |to| *to = json!([])));
    check("leads out of the folder", &|copy| copy.change("modules.json", |to| to[1]["path"] = json!("../x")));
    check("leads out of the folder", &|copy| copy.change("modules.json", |to| to[1]["path"] = json!("/etc")));
    check("it is not there", &|copy| copy.remove("1_Pooling/config.json"));
    let pooling =
        |value: Value| move |copy: &Copy| copy.change("1_Pooling/config.json", |to| *to = value.clone());
    check("max", &pooling(json!({"pooling_mode_max_tokens": true})));
    check(
        "more than one way",
        &pooling(json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})),
    );
    check("does not say how", &pooling(json!({})));
    check("words before", &pooling(json!({"pooling_mode": "mean", "include_prompt": false})));
    check("case and accents", &|copy| {
        copy.change("tokenizer_config.json", |to| to["strip_accents"] = json!(false));
    });
    check("ideographs", &|copy| {
        copy.change("tokenizer_config.json", |to| to["tokenize_chinese_chars"] = json!(false));
    });
    check("only WordPiece", &|copy| {
        copy.remove("vocab.txt");
        copy.write("tokenizer.json", r#"{"model": {"type": "Unigram", "vocab": []}}"#);
    });
    check("not numbered", &|copy| {
        copy.remove("vocab.txt");
        copy.write("tokenizer.json", r#"{"model": {"type": "WordPiece", "vocab": {"[UNK]": 1}}}"#);
    });
    check("is not a folder", &|copy| {
        fs::remove_dir_all(copy.0.path()).unwrap();
        fs::write(copy.0.path(), "").unwrap();
    });
    check("there is no folder", &|copy| fs::remove_dir_all(copy.0.path()).unwrap());
}

#[test]
fn weights_that_overflow_make_no_vector() {
    let copy = Copy::of("relu");
    let mut weights = Weights::of(&copy);
    let (from, to) = {
        let places = weights.header[SOME]["data_offsets"].as_array().unwrap();
        (places[0].as_u64().unwrap() as usize, places[1].as_u64().unwrap() as usize)
    };
    for number in weights.numbers[from..to].chunks_exact_mut(4) {
        number.copy_from_slice(&f32::MAX.to_le_bytes());
    }
    copy.write(WEIGHTS, weights.bytes());
    let bert = copy.open().unwrap();
    let fault = tidegate_core::Embedder::embed(&bert, &["gate"], tidegate_core::Task::Query).unwrap_err();
    assert!(fault.message().contains("makes no vector"), "{fault}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_damage_to_the_weights_makes_it_panic(
        cut in proptest::option::of(0..16_000_usize),
        at in proptest::collection::vec((0..16_000_usize, any::<u8>()), 0..6),
        early in proptest::collection::vec((0..2_000_usize, any::<u8>()), 0..3),
    ) {
        let copy = Copy::of("mean");
        let mut bytes = fs::read(copy.path(WEIGHTS)).unwrap();
        bytes.truncate(cut.unwrap_or(usize::MAX));
        for (place, byte) in at.into_iter().chain(early) {
            if let Some(old) = bytes.get_mut(place) {
                *old = byte;
            }
        }
        copy.write(WEIGHTS, bytes);
        if let Ok(bert) = copy.open() {
            let _ = tidegate_core::Embedder::embed(&bert, &["gate"], tidegate_core::Task::Query);
        }
    }
}

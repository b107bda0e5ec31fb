//! Fitting the table inside the program to the documents of a store, with tiny models as teachers.

use rustix::process::Signal;
use serde_json::Value;

use crate::local_models::place;
use crate::world::{World, until};

/// Words that the tiny models know.
const WORDS: [&str; 24] = [
    "tide", "gate", "holds", "water", "back", "until", "turns", "this", "sentence", "passage", "query",
    "the", "is", "a", "for", "and", "of", "in", "to", "it", "on", "at", "by", "an",
];

/// A folder of documents, each of words around two of its own, and a tiny teacher beside it.
fn world(documents: usize) -> World {
    let world = World::new();
    let mut state = 1_u64;
    for document in 0..documents {
        let own = [document % WORDS.len(), document / WORDS.len() % WORDS.len()];
        let mut text = format!("number{document}");
        for at in 0..40 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word = if at % 2 == 0 { own[at / 2 % 2] } else { (state >> 33) as usize % WORDS.len() };
            text = format!("{text} {}", WORDS[word]);
        }
        world.write(&format!("docs/{document}.md"), text);
    }
    place(&world, "mean", "teacher");
    world.index(&["docs"]);
    world
}

fn adapt(world: &World, args: &[&str]) -> Value {
    let args: Vec<&str> = ["adapt", "--teacher", "./teacher", "--json"].iter().chain(args).copied().collect();
    world.run(&args).ended(0).json()
}

/// What the vectors that answer searches are of.
fn in_use(world: &World) -> String {
    let list = world.run(&["generations", "list", "--json"]).ended(0).json();
    let active = list.as_array().unwrap().iter().find(|one| one["state"] == "active").unwrap();
    active["embedder"].as_str().unwrap().to_owned()
}

fn finds_by_meaning(world: &World) {
    let hits = world.hits(&["--mode", "vector", "tide gate"]);
    assert!(hits.iter().all(|hit| hit["parts"]["vector"].is_number()) && !hits.is_empty(), "{hits:?}");
}

#[test]
fn a_store_is_adapted_searched_indexed_and_put_back() {
    let world = world(300);
    let first = adapt(&world, &[]);
    let table = first["table"].as_str().unwrap();
    assert!(table.starts_with("adapted/static-256@"), "{first}");
    assert!(first["before"].as_str().unwrap().starts_with("builtin/static-256@"), "{first}");
    let agreement = |when: &str, what: &str| first[when][what].as_f64().unwrap();
    assert!(agreement("agreement_after", "cosine") > agreement("agreement_before", "cosine"), "{first}");
    assert!(
        agreement("agreement_after", "neighbours") > agreement("agreement_before", "neighbours"),
        "{first}"
    );
    let made = first["teacher"]["made"].as_u64().unwrap();
    assert!(made >= 220 && first["teacher"]["from_journal"] == 0, "{first}");
    let run = &first["generation"]["runs"][0];
    assert_eq!((&run["chunks"]["written"], &run["embedded"]["texts"]), (&300.into(), &300.into()), "{first}");
    assert_eq!((&first["generation"]["switched"]["to"], in_use(&world).as_str()), (&2.into(), table));
    finds_by_meaning(&world);
    assert_eq!(world.holders("number7"), ["docs/7.md"]);

    // Again: the teacher is asked nothing, and the same table comes of it.
    let again = adapt(&world, &[]);
    assert_eq!((&again["table"], &again["teacher"]["made"]), (&first["table"], &0.into()));
    assert_eq!(again["teacher"]["from_journal"].as_u64(), Some(made));
    assert_eq!((&again["unchanged"], &again["generation"]), (&true.into(), &Value::Null));

    // Indexing goes on with it: what is there is as it was, what is new gets its vectors.
    world.write("docs/new.md", "the newest passage holds water back");
    let report = world.index(&["docs"]);
    assert_eq!((&report["records"]["unchanged"], &report["embedded"]["texts"]), (&300.into(), &1.into()));
    // So does a generation of which nothing else is said.
    world.run(&["index", "--regenerate", "--chunk-tokens", "100"]).ended(0);
    assert_eq!(in_use(&world), table);
    finds_by_meaning(&world);
    world.run(&["generations", "switch", "2"]).ended(0);

    let undone = world.run(&["adapt", "--undo", "--json"]).ended(0).json();
    assert_eq!((&undone["before"], &undone["table"]), (&first["table"], &first["before"]));
    assert_eq!(undone["differing"], 1);
    assert_eq!(in_use(&world), first["before"].as_str().unwrap());
    finds_by_meaning(&world);
    assert_eq!(world.index(&["docs"])["embedded"]["texts"], 1);
    world.run(&["adapt", "--undo"]).ended(2).says("nothing is undone");
}

#[test]
fn a_table_is_used_by_another_store() {
    let world = world(300);
    adapt(&world, &[]);
    world.run(&["adapt", "--export", "own.table"]).ended(0).says("is in own.table");
    world.run(&["adapt", "--export", "own.table"]).ended(2).says("not there yet");
    let other = world.index(&["docs", "--store", "other.db", "--embed", "./own.table"]);
    assert_eq!(other["embedded"]["texts"], 300);
    // The store needs the file no more: not to search, and not to index what is new.
    std::fs::remove_file(world.path("own.table")).unwrap();
    assert!(!world.hits(&["--store", "other.db", "--mode", "vector", "tide gate"]).is_empty());
    world.write("docs/new.md", "the newest passage holds water back");
    assert_eq!(world.index(&["docs", "--store", "other.db"])["embedded"]["texts"], 1);
    world.run(&["adapt", "--store", "other.db", "--export", "again.table"]).ended(0);
    assert!(std::fs::read(world.path("again.table")).unwrap().starts_with(b"tidegate table 1"));
}

#[test]
fn searches_go_on_and_a_killed_adaptation_pays_for_nothing_again() {
    let world = world(300);
    let start = || world.start(&["adapt", "--teacher", "./teacher"]);
    let taught = || {
        let stats = world.run(&["journal", "stats", "--json"]).ended(0).json();
        let rows = stats["vectors"].as_array().unwrap().clone();
        rows.iter().find(|row| row["model"].as_str().unwrap().starts_with("bert/")).cloned()
    };
    let mut live = start();
    let kept = until("the teacher is heard", taught)["entries"].as_u64().unwrap();
    live.signal(Signal::KILL);
    live.end();
    finds_by_meaning(&world);
    let mut live = start();
    live.wait_for("building generation 2");
    live.signal(Signal::KILL);
    live.end();
    let mut live = start();
    while live.runs() {
        finds_by_meaning(&world);
    }
    live.end().ended(0);
    assert!(in_use(&world).starts_with("adapted/"));
    let last = adapt(&world, &[]);
    assert_eq!((&last["unchanged"], &last["teacher"]["made"]), (&true.into(), &0.into()), "{last}");
    let entries = until("what was kept", taught)["entries"].as_u64().unwrap();
    assert_eq!(last["teacher"]["from_journal"].as_u64(), Some(entries), "more was embedded than was wanted");
    assert!(kept > 0 && kept <= entries);
}

#[test]
fn a_damaged_table_is_noticed_and_made_again() {
    let world = world(300);
    adapt(&world, &[]);
    let mut bytes = std::fs::read(world.path("tidegate.db")).unwrap();
    let at = bytes.windows(16).position(|window| window == b"tidegate table 1").unwrap();
    bytes[at + 20] ^= 1;
    world.write("tidegate.db", bytes);
    let ran = world.run(&["search", "--mode", "vector", "tide gate"]).ended(2);
    assert!(ran.err.contains("not what its hash says") && ran.err.contains("tidegate adapt"), "{}", ran.err);
    world.write("docs/new.md", "the newest passage");
    world.run(&["index", "docs"]).ended(2).says("not what its hash says");
    assert_eq!(world.holders("number7"), ["docs/7.md"]);
    assert_eq!(adapt(&world, &[])["unchanged"], true);
    finds_by_meaning(&world);
    world.run(&["index", "docs"]).ended(0);
}

#[test]
fn what_cannot_be_adapted_says_what_to_do() {
    let world = world(30);
    let fails = |args: &[&str], said: &str| {
        let args: Vec<&str> = ["adapt"].iter().chain(args).copied().collect();
        let ran = world.run(&args).ended(2).says(said);
        assert!(ran.err.contains("hint: "), "{}", ran.err);
    };
    fails(&["--store", "none.db"], "there is no store");
    fails(&["--teacher", "./teacher"], "too few to learn from");
    fails(&["--teacher", "openai:text-embedding-3-small"], "cannot teach");
    fails(&["--teacher", "builtin"], "cannot teach");
    fails(&["--teacher", "./nowhere"], "there is no folder");
    fails(&["--undo"], "nothing is undone");
    fails(&["--undo", "--store", "none.db"], "there is no store");
    fails(&["--export", "own.table"], "no table of its own");
    fails(&["--export", "own.bin"], "does not end with .table");
    world.index(&["docs", "--store", "bert.db", "--embed", "./teacher"]);
    fails(&["--teacher", "./teacher", "--store", "bert.db"], "only those of `builtin` can be adapted");
    world.index(&["docs", "--store", "none.db", "--embed", "none"]);
    fails(&["--teacher", "./teacher", "--store", "none.db"], "holds no vectors");
    for (content, said) in [(&b"no table at all"[..], "too short"), (&[7; 4_000], "does not begin")] {
        world.write("bad.table", content);
        world.run(&["index", "docs", "--store", "new.db", "--embed", "./bad.table"]).ended(2).says(said);
        assert!(!world.path("new.db").exists(), "a store was made for nothing");
    }
    world
        .run(&["index", "docs", "--store", "new.db", "--embed", "./gone.table"])
        .ended(2)
        .says("cannot be read");
}

#[test]
fn a_model_that_was_not_fetched_is_told_with_the_command_that_fetches_it() {
    let world = world(5);
    let mut command = world.command(&["adapt"]);
    let ran = crate::world::Live::of(command.env("TIDEGATE_MODELS", world.path("models"))).end().ended(2);
    assert!(ran.err.contains("tidegate model pull minilm"), "{}", ran.err);
}

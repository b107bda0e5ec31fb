//! A better model looks at the first hits once more.

use serde_json::Value;
use tidegate_testkit::provider::text_hash;

use crate::local_models::{corpus, place};
use crate::remote::{asked, base, provider};
use crate::world::World;

/// A store by words alone, and a tiny model in the folder `m`.
fn indexed() -> World {
    let world = World::new();
    corpus(&world);
    place(&world, "mean", "m");
    world.index(&["docs", "--embed", "none"]);
    world
}

/// The entries that the journal has of the model in `m`.
fn kept(world: &World) -> u64 {
    let stats = world.run(&["journal", "stats", "--json"]).ended(0).json();
    let of = |model: &Value| model["entries"].as_u64().unwrap();
    stats["vectors"].as_array().unwrap().iter().map(of).sum()
}

fn part(hit: &Value, name: &str) -> f64 {
    hit["parts"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {hit}"))
}

#[test]
fn hits_are_embedded_once_and_ordered_by_both_scores() {
    let world = indexed();
    let first = world.hits(&["--mode", "text", "water gate", "--rescore", "./m"]);
    let best = first.iter().map(|hit| part(hit, "text")).fold(0.0, f64::max);
    for hit in &first {
        let expected = (part(hit, "text") / best + part(hit, "rescore").max(0.0)) / 2.0;
        assert!((hit["score"].as_f64().unwrap() - expected).abs() < 1e-9, "{hit}");
    }
    assert!(first.windows(2).all(|two| two[0]["score"].as_f64() >= two[1]["score"].as_f64()));
    // The same again, and in another mode, finds all vectors; another question has one of its own.
    let all = kept(&world);
    assert!(all > 2, "{first:?}");
    assert_eq!(world.hits(&["--mode", "text", "water gate", "--rescore", "./m"]), first);
    assert_eq!(kept(&world), all);
    world.hits(&["--mode", "text", "gate", "--rescore", "./m"]);
    assert_eq!(kept(&world), all + 1);
    // Without, nothing is different from before.
    let plain = world.hits(&["--mode", "text", "water gate"]);
    assert!(plain.iter().all(|hit| hit["parts"]["rescore"].is_null() && part(hit, "text") > 0.0));
}

#[test]
fn only_the_first_hits_are_looked_at() {
    let world = indexed();
    let args = ["--mode", "text", "water", "--rescore", "./m", "--rescore-top", "2", "--limit", "5"];
    let hits = world.hits(&args);
    let looked: Vec<bool> = hits.iter().map(|hit| hit["parts"]["rescore"].is_number()).collect();
    assert_eq!((looked, kept(&world)), (vec![true, true, false], 3));
    // More are looked at than are shown.
    world.hits(&["--mode", "text", "water", "--rescore", "./m", "--limit", "1"]);
    assert_eq!(kept(&world), 4);
    world.run(&["search", "water", "--rescore-top", "0"]).ended(2);
}

#[test]
fn what_was_rescored_need_not_be_embedded_to_index_with_the_same_model() {
    let world = World::new();
    world.write("docs/tide.md", "# Gates\n\nThe tide gate holds water back until the tide turns.");
    place(&world, "mean", "m");
    world.index(&["docs"]);
    assert_eq!(world.hits(&["tide", "--rescore", "./m"]).len(), 1);
    world.run(&["index", "docs", "--embed", "./m"]).ended(2).says("cannot be compared");
    world.index(&["docs", "--embed", "none"]);
    let again = world.index(&["docs", "--embed", "./m"]);
    assert_eq!((&again["embedded"]["texts"], &again["embedded"]["from_journal"]), (&0.into(), &1.into()));
}

#[test]
fn a_model_that_is_not_there_ends_a_search_with_the_way_out() {
    let world = indexed();
    world.run(&["search", "water", "--mode", "text", "--rescore", "./lost"]).ended(2).says("no folder");
    world.run(&["search", "water", "--mode", "text", "--rescore", "best"]).ended(2).says("--rescore");
    // The configuration may name it too; a search that finds nothing needs no model.
    world.write("set/c.toml", "[search]\nrescore = \"./lost\"\n");
    let set = ["--config", "set/c.toml", "--store", "tidegate.db", "--mode", "text"];
    world.run(&[&["search", "water"], &set[..]].concat()).ended(2).says("there is no folder set/./lost");
    world.run(&[&["search", "nowhere"], &set[..]].concat()).ended(0);
    world.run(&[&["search", "water", "--rescore", "none"], &set[..]].concat()).ended(0);
    let checked = world.run(&["doctor", "--config", "set/c.toml", "--store", "tidegate.db"]).ended(2);
    assert!(checked.out.contains("set/./lost"), "{}", checked.out);
}

#[test]
fn searches_with_and_without_are_measured_side_by_side() {
    let world = indexed();
    world.write(
        "questions.jsonl",
        "{\"id\": 1, \"text\": \"tide gate\"}\n{\"id\": 2, \"text\": \"passage\"}\n",
    );
    world.write("judged.tsv", "1 tide.md 1\n2 query.md 1\n");
    let args = ["eval", "questions.jsonl", "judged.tsv", "--mode", "text", "--rescore", "./m"];
    let found = world.run(&[&args[..], &["--json"]].concat()).ended(0).json();
    let ways: Vec<&Value> = found["modes"].as_array().unwrap().iter().map(|way| &way["rescored"]).collect();
    assert_eq!(ways, [false, true]);
    assert!(kept(&world) > 2);
    world.run(&args).ended(0).out.lines().find(|line| line.starts_with("text, rescored")).unwrap();
}

#[test]
fn a_provider_is_asked_once_for_a_hit_and_once_for_a_question() {
    let world = World::new();
    for at in 0..250 {
        world.write(&format!("docs/{at}.md"), format!("tide number {at}, which has a refused neighbour"));
    }
    world.write("docs/bad.md", "tide POISON");
    world.index(&["docs"]);
    let server = provider("[[poison]]\ntext = \"POISON\"\n");
    let settings = "rescore = \"p:m\"\nrescore_top = 251\n[providers.p]\n";
    world.write("c.toml", format!("[search]\n{settings}base_url = \"{}\"\n", base(&server)));
    let args = ["tide", "--mode", "text", "--config", "c.toml", "--limit", "251"];
    let hits = world.hits(&args);
    let without: Vec<&Value> = hits.iter().filter(|hit| hit["parts"]["rescore"].is_null()).collect();
    assert_eq!((hits.len(), without.len()), (251, 1), "one that is refused costs no other");
    assert!(without[0]["text"].as_str().unwrap().contains("POISON"));
    assert!(asked(&server).len() >= 251);
    // Only what was refused is asked for again.
    let sent = server.log().len();
    world.hits(&args);
    assert_eq!(server.log().len(), sent + 1);
}

#[test]
fn weights_of_the_configuration_decide_a_hybrid_search() {
    let world = World::new();
    world.write("docs/a.md", "An anchor holds the ship where the water is shallow.");
    world.write("docs/b.md", "Boats and vessels lie in the harbour, held fast by chains.");
    world.write("docs/c.md", "Bread rises overnight.");
    world.index(&["docs"]);
    let config = |settings: &str| world.write("c.toml", format!("[search]\n{settings}\n"));
    let scores = |mode: &str, of: &str| {
        let args = ["ship in the harbour", "--mode", mode, "--config", "c.toml", "--store", "tidegate.db"];
        world.hits(&args).iter().map(|hit| hit[of].clone()).collect::<Vec<Value>>()
    };
    for (settings, vector, text) in
        [("", 1.0, 1.0), ("text_weight = 0", 1.0, 0.0), ("vector_weight = 0.5\ntext_weight = 3", 0.5, 3.0)]
    {
        config(settings);
        let args = ["ship in the harbour", "--config", "c.toml", "--store", "tidegate.db"];
        let hits = world.hits(&args);
        let best = hits.iter().filter_map(|hit| hit["parts"]["text"].as_f64()).fold(0.0, f64::max);
        for hit in &hits {
            let words = hit["parts"]["text"].as_f64().unwrap_or(0.0) / best;
            let expected = (text * words + vector * part(hit, "vector").max(0.0)) / (text + vector);
            assert!((hit["score"].as_f64().unwrap() - expected).abs() < 1e-9, "{settings}: {hit}");
        }
    }
    config("text_weight = 0");
    assert_eq!(scores("hybrid", "source"), scores("vector", "source"));
    let printed = world.run(&["config", "--effective", "--config", "c.toml"]).ended(0).out;
    let line = printed.lines().find(|line| line.starts_with("text_weight = 0")).unwrap();
    assert!(line.ends_with("# c.toml:2"), "{line}");
    assert!(printed.contains("vector_weight = 1.0"), "{printed}");
    config("text_weight = \"much\"");
    world.run(&["config", "--config", "c.toml"]).ended(2).says("search.text_weight must be a number");
}

#[test]
fn words_before_texts_are_those_of_the_better_model() {
    let world = indexed();
    let server = provider("");
    world.write("short/a.txt", "tide");
    world.index(&["short", "--embed", "none", "--store", "short.db"]);
    let words = "rescore_document_prefix = \"passage: \"\nrescore_query_prefix = \"query: \"\n";
    let settings = format!("{words}[providers.p]\nbase_url = \"{}\"\n", base(&server));
    world.write("c.toml", format!("[search]\nrescore = \"p:m\"\n{settings}"));
    world.hits(&["tide", "--config", "c.toml", "--store", "short.db", "--mode", "text"]);
    let asked = asked(&server);
    for text in ["passage: tide", "query: tide"] {
        assert!(asked.contains_key(&text_hash(text.as_bytes())), "{text}");
    }
    // Of a model on this machine: other words before questions are another vector of the question, other words before
    // documents another model.
    let kept_with = |settings: &str| {
        world.write("d.toml", format!("[search]\nrescore = \"./m\"\n{settings}"));
        world.hits(&["gate", "--config", "d.toml", "--store", "tidegate.db", "--mode", "text"]);
        kept(&world)
    };
    let plain = kept_with("");
    assert_eq!(kept_with("rescore_query_prefix = \"the \"\n"), plain + 1);
    assert_eq!(kept_with("rescore_document_prefix = \"the \"\n"), 2 * plain + 1);
}

//! Conditions, filters and fields of a pipeline.

use serde_json::{Value, json};

use crate::loopback::{Loopback, said};
use crate::world::{World, paragraph};

/// A pipeline with these stages after parse, over the folder `docs`.
fn documents(world: &World, base: &str, stages: &str) {
    let text = format!(
        "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[[stage]]\ntype = \"parse\"\n{stages}\n\
         [providers.toy]\nbase_url = \"{base}\"\n"
    );
    world.write("pipeline.toml", text);
}

/// A pipeline with these stages over the rows of `in.jsonl`, into `out.jsonl`.
fn rows(world: &World, stages: &str) {
    let text = format!(
        "[source]\ntype = \"jsonl\"\npaths = [\"in.jsonl\"]\nid_field = \"id\"\n{stages}\n\
         [sink]\ntype = \"jsonl\"\npath = \"out.jsonl\"\nordered = true\n"
    );
    world.write("pipeline.toml", text);
}

const CHUNK_AND_EMBED: &str = "[[stage]]\ntype = \"chunk\"\n[[stage]]\ntype = \"embed\"\n";

fn run(world: &World, code: i32) -> Value {
    world.run(&["run", "pipeline.toml", "--json"]).ended(code).json()
}

fn lines(world: &World) -> Vec<Value> {
    world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_model_is_asked_about_the_records_that_are_meant() {
    let world = World::new();
    for title in ["Rivers", "Roads", "Reeds"] {
        world.write(
            &format!("docs/{title}.md"),
            format!("# {title}\n\n{}", paragraph(&format!("{title}word"), 40)),
        );
    }
    let model = Loopback::start(|_| said("water"));
    let label = |when: &str| {
        let stage = "[[stage]]\ntype = \"enrich\"\nname = \"label\"\nmodel = \"toy:m\"\nfield = \"topic\"\nprompt = \"{{ text }}\"\n";
        documents(&world, &model.url(), &format!("{stage}when = '{when}'\n{CHUNK_AND_EMBED}"));
        run(&world, 0)
    };
    let rivers = ".title == \"Rivers\" and (.fields.missing == null) and (.source | endswith(\".md\"))";
    let report = label(rivers);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&json!(3), &json!(1)));
    assert_eq!(world.hits(&["--mode", "text", "--filter", "topic = \"water\"", "Riversword"]).len(), 1);
    assert_eq!(world.holders("Roadsword"), ["docs/Roads.md"], "the others pass by");
    // Nothing changed: nothing is looked at. Another condition: all are, and only who was not asked about is.
    assert_eq!(label(rivers)["records"]["unchanged"], 3);
    let report = label(".title != \"Roads\"");
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&json!(3), &json!(1)));
    assert_eq!(world.hits(&["--mode", "text", "--filter", "topic = \"water\"", "Reedsword"]).len(), 1);
}

#[test]
fn a_condition_that_fails_at_a_record_puts_it_aside() {
    let world = World::new();
    world.write(
        "in.jsonl",
        "{\"id\":\"a\",\"text\":\"a\",\"n\":\"7\"}\n{\"id\":\"b\",\"text\":\"b\",\"n\":\"many\"}\n{\"id\":\"c\",\"text\":\"c\",\"n\":\"2\"}\n",
    );
    let service = Loopback::start(|_| (200, "{\"found\":true}".to_owned()));
    let stage = format!(
        "[[stage]]\ntype = \"http\"\nname = \"lookup\"\nurl = \"{}/{{{{ fields.n }}}}\"\nwhen = '(.fields.n | tonumber) > 3'\n",
        service.url()
    );
    rows(&world, &stage);
    assert_eq!(run(&world, 3)["calls"]["sent"], 1);
    assert_eq!(service.seen()[0].target, "/7");
    let made = lines(&world);
    assert_eq!(made.len(), 2);
    assert_eq!((&made[0]["lookup"], &made[0]["http"]), (&Value::Null, &json!({ "found": true })));
    assert_eq!((&made[1]["id"], made[1].get("http")), (&json!("c"), None));
    let aside = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let item = &aside[0];
    assert!(item["source"].as_str().unwrap().ends_with("#b"), "{aside}");
    assert_eq!((&item["stage"], &item["class"]), (&json!("lookup"), &json!("validation")));
    let said = format!("{} {}", item["message"], item["chain"]);
    assert!(said.contains("evaluating `when`"), "{said}");
}

#[test]
fn what_does_not_compile_is_refused_where_it_stands() {
    let world = World::new();
    world.write("in.jsonl", "{\"id\":\"a\",\"text\":\"a\"}\n");
    let check = |stage: &str, words: &[&str]| {
        rows(&world, &format!("[[stage]]\n{stage}"));
        for command in [&["run", "pipeline.toml"][..], &["config", "--config", "pipeline.toml"]] {
            let ran = world.run(command).ended(2);
            assert!(words.iter().all(|word| ran.err.contains(word)), "{stage}: {}", ran.err);
        }
        assert!(!world.path("tidegate.db").exists() && !world.path("out.jsonl").exists());
    };
    let http = "type = \"http\"\nurl = \"http://127.0.0.1:9/\"\n";
    check(&format!("{http}when = '.text =='"), &["pipeline.toml:8:1: stage.http.when, line 1, column 9"]);
    check(&format!("{http}when = '.id == 1'"), &["pipeline.toml:8:1", "names .id", "written .fields.id"]);
}

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
    check("type = \"filter\"\n", &["stage.filter.when is empty"]);
    check("type = \"filter\"\nwhen = '.id'\n", &["pipeline.toml:7:1", "names .id"]);
    check("type = \"set\"\n", &["does nothing", "fields = {"]);
    let set = "type = \"set\"\n[stage.fields]\na = '.text'\n";
    check(&format!("{set}b = '.text ++'"), &["pipeline.toml:9:1: stage.set.fields.b, line 1"]);
    check(&format!("{set}b = {{ template = '{{{{ txt }}}}' }}"), &["pipeline.toml:9:1", "names `txt`"]);
    check(&format!("{set}b = 7"), &["stage.set.fields: `b` must be an expression"]);
}

/// The stage of this name of a report.
fn stage<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
}

#[test]
fn what_a_filter_leaves_out_is_counted_and_goes() {
    let world = World::new();
    for name in ["river", "road", "reed"] {
        let text = format!(
            "# {name}\n\n{}\n\n## Second\n\n{}",
            paragraph(&format!("{name}word"), 60),
            paragraph("common", 60)
        );
        world.write(&format!("docs/{name}.md"), text);
    }
    let filter = |when: &str, after: &str| {
        let stage = format!("[[stage]]\ntype = \"filter\"\nwhen = '{when}'\n");
        let chunk = "[[stage]]\ntype = \"chunk\"\nmin_tokens = 1\n";
        let (before, behind) = if after == "parse" { (&*stage, "") } else { ("", &*stage) };
        documents(
            &world,
            "http://127.0.0.1:9",
            &format!("{before}{chunk}{behind}[[stage]]\ntype = \"embed\"\n"),
        );
    };
    filter(".title != \"road\"", "parse");
    let said = world.run(&["run", "pipeline.toml"]).ended(0);
    assert!(format!("{}{}", said.out, said.err).contains("1 by filter"), "{}{}", said.out, said.err);
    assert_eq!(world.holders("common"), ["docs/reed.md", "docs/river.md"]);
    assert!(world.quarantine().is_empty());
    assert_eq!(run(&world, 0)["records"]["unchanged"], 3, "what was left out is not looked at again");
    // Another filter: all are looked at again, and what was stored of those left out now goes.
    filter(".title == \"road\"", "parse");
    let report = run(&world, 0);
    let counted = stage(&report, "filter");
    assert_eq!((&counted["in"], &counted["out"], &counted["dropped"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(world.holders("common"), ["docs/road.md"]);
    // Behind chunk it is chunks that are left out, and their documents stay.
    filter(".heading | endswith(\"Second\")", "chunk");
    let report = run(&world, 0);
    assert_eq!((&report["records"]["stored"], &stage(&report, "filter")["dropped"]), (&json!(3), &json!(3)));
    assert_eq!(world.holders("common").len(), 3);
    assert!(world.holders("riverword").is_empty());
    let hits = world.hits(&["--mode", "text", "--filter", "title = \"river\"", "common"]);
    assert_eq!(hits.len(), 1, "a document without its first chunk is known by its fields");
}

#[test]
fn fields_of_documents_are_set_and_removed() {
    let world = World::new();
    for year in [2023, 2024] {
        let head = format!("---\nauthor: Ada\ndate: {year}-05-06\ntitle: note {year}\n---\n");
        world.write(&format!("docs/{year}.md"), format!("{head}\n{}", paragraph("common", 40)));
    }
    let set = |year: &str| {
        let stage = format!(
            "[[stage]]\ntype = \"set\"\nremove = [\"author\"]\n[stage.fields]\nyear = '{year}'\n\
             title = '.title | ascii_upcase'\nlabel = {{ template = \"{{{{ fields.author }}}} in {{{{ fields.date }}}}\" }}\n"
        );
        documents(&world, "http://127.0.0.1:9", &format!("{stage}{CHUNK_AND_EMBED}"));
    };
    set(".fields.date[:4] | tonumber");
    assert_eq!(run(&world, 0)["records"]["stored"], 2);
    let found = |filter: &str| {
        let hits = world.hits(&["--mode", "text", "--filter", filter, "common"]);
        hits.iter().map(|hit| world.relative(hit["source"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let by_title = world.hits(&["--mode", "text", "--filter", "title = \"NOTE 2023\"", "common"]);
    assert_eq!(by_title[0]["title"], "NOTE 2023");
    assert_eq!(found("label = \"Ada in 2024-05-06\"").len(), 1);
    assert_eq!(found("year > 2023"), ["docs/2024.md"]);
    assert!(found("author = \"Ada\"").is_empty());
    assert_eq!(run(&world, 0)["records"]["unchanged"], 2);
    // Another expression is another pipeline; one that fails at a document puts that aside.
    set("if .fields.date[:4] == \"2023\" then error(\"too old\") else 1 end");
    let report = run(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&json!(1), &json!(1)));
    let aside = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    assert_eq!((&aside[0]["stage"], &aside[0]["class"]), (&json!("set"), &json!("validation")));
    let said = format!("{} {}", aside[0]["message"], aside[0]["chain"]);
    assert!(said.contains("too old") && said.contains("year"), "{said}");
}

#[test]
fn fields_of_rows_are_set_without_any_other_stage() {
    let world = World::new();
    world.write(
        "in.jsonl",
        "{\"id\":\"a\",\"text\":\"one two\",\"n\":1}\n{\"id\":\"b\",\"text\":\"three\",\"n\":2}\n",
    );
    let stage = "[[stage]]\ntype = \"set\"\nfields = { words = '.text | split(\" \") | length' }\nkeep = [\"n\", \"words\"]\n\
                 [[stage]]\ntype = \"set\"\nname = \"second\"\nwhen = '.fields.n == 2'\nfields = { words = '.fields.words * 10' }\n";
    rows(&world, stage);
    run(&world, 0);
    let made: Vec<(Value, Value)> =
        lines(&world).iter().map(|row| (row["n"].clone(), row["words"].clone())).collect();
    assert_eq!(made, [(json!(1), json!(2)), (json!(2), json!(10))]);
}

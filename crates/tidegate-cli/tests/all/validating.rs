//! Documents that are not worth indexing are put aside or left out, and said so.

use serde_json::{Value, json};

use crate::world::World;

fn pipeline(world: &World, source: &str, validate: &str) {
    world.write("p.toml", format!("[source]\n{source}\n[validate]\n{validate}\n"));
}

const FOLDER: &str = "type = \"files\"\npaths = [\"docs\"]";

/// The stage called validate of a report.
fn stage(report: &Value) -> &Value {
    report["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == "validate").unwrap()
}

fn run(world: &World, code: i32) -> Value {
    world.run(&["run", "p.toml", "--json"]).ended(code).json()
}

#[test]
fn what_breaks_a_rule_is_put_aside_with_the_rule_and_comes_back_with_another() {
    let world = World::new();
    world.write("docs/short.md", "# Granite\n\nToo short.");
    world.write("docs/long.md", "# Granite\n\nThis one says enough about granite to be kept in the index.");
    pipeline(&world, FOLDER, "min_words = 8");
    let report = run(&world, 3);
    let counted = stage(&report);
    assert_eq!((&counted["in"], &counted["out"], &counted["failed"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(world.holders("granite"), ["docs/long.md"]);
    let aside = world.quarantine();
    assert_eq!(aside, [("docs/short.md".into(), "validate".into(), "validation".into())]);
    world.run(&["quarantine", "list"]).ended(0);
    let shown = world.run(&["quarantine", "list", "--json"]).ended(0).out;
    assert!(shown.contains("min_words: the text has 4 words, and the least is 8"), "{shown}");
    assert_eq!(run(&world, 3)["records"]["unchanged"], 1);

    pipeline(&world, FOLDER, "min_words = 2");
    assert_eq!(run(&world, 0)["records"]["stored"], 2);
    assert_eq!(world.holders("granite").len(), 2);
}

#[test]
fn what_is_left_out_is_counted_and_not_looked_at_again() {
    let world = World::new();
    world.write("docs/a.txt", "Der Granit ist ein Gestein, das in der Tiefe der Erde langsam erkaltet ist.");
    world.write("docs/b.txt", "Granite is a rock that has cooled slowly in the depth of the earth.");
    pipeline(&world, FOLDER, "languages = [\"en\"]\non_failure = \"drop\"");
    let said = world.run(&["run", "p.toml"]).ended(0);
    assert!(
        said.err.contains("1 by validate") || said.out.contains("1 by validate"),
        "{}{}",
        said.out,
        said.err
    );
    assert!(world.quarantine().is_empty());
    assert!(world.holders("Gestein").is_empty());
    assert_eq!(world.holders("rock"), ["docs/b.txt"]);
    let report = run(&world, 0);
    assert_eq!(report["records"]["unchanged"], 2);
    // With other rules it is looked at again, and what was stored of it goes.
    pipeline(&world, FOLDER, "languages = [\"de\"]\non_failure = \"drop\"");
    assert_eq!(stage(&run(&world, 0))["dropped"], 1);
    assert!(world.holders("rock").is_empty());
    assert_eq!(world.holders("Gestein"), ["docs/a.txt"]);
}

#[test]
fn rows_follow_a_schema_in_a_file_beside_the_pipeline() {
    let world = World::new();
    world.write(
        "rows.jsonl",
        "{\"id\": \"a\", \"text\": \"a granite lantern\", \"price\": 12}\n\
         {\"id\": \"b\", \"text\": \"a granite violin\", \"price\": \"dear\"}\n\
         {\"id\": \"c\", \"text\": \"x\", \"price\": 3}\n",
    );
    let schema = json!({
        "required": ["id", "text", "price"],
        "properties": {"price": {"type": "number"}, "text": {"minLength": 2}},
        "additionalProperties": {"type": "string"},
    });
    world.write("row.schema.json", schema.to_string());
    pipeline(
        &world,
        "type = \"jsonl\"\npaths = [\"rows.jsonl\"]\nid_field = \"id\"",
        "schema = \"row.schema.json\"",
    );
    run(&world, 3);
    assert_eq!(world.holders("granite"), ["rows.jsonl#a"]);
    let shown = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let messages = shown.as_array().unwrap().iter().map(|row| row["message"].as_str().unwrap().to_owned());
    let messages: String = messages.collect();
    assert!(messages.contains("/price breaks \"type\" at /properties/price/type: \"dear\""), "{messages}");
    assert!(messages.contains("/text breaks \"minLength\""), "{messages}");
}

#[test]
fn mistakes_in_the_rules_are_told_before_anything_is_read() {
    let world = World::new();
    world.write("docs/a.txt", "Granite.");
    world.write("bad.json", "{\"type\": \"objekt\"}");
    world.write("out.json", "{\"$ref\": \"https://example.org/s.json\"}");
    for (rule, said) in [
        ("languages = [\"english\"]", "p.toml:5:1: validate.languages has \"english\""),
        ("schema = \"bad.json\"", "p.toml:5:1: validate.schema"),
        ("schema = \"out.json\"", "leads out of the file"),
        ("schema = \"none.json\"", "none.json cannot be read"),
        ("min_text = 5\nmax_text = 4", "min_text (5) must be at most validate.max_text (4)"),
        ("minwords = 5", "did you mean `min_words`"),
        ("on_failure = \"delete\"", "on_failure"),
    ] {
        pipeline(&world, FOLDER, rule);
        for command in
            [&["run", "p.toml"][..], &["config", "--config", "p.toml"], &["doctor", "--config", "p.toml"]]
        {
            world.run(command).ended(2).says(said);
        }
    }
    assert!(!world.path("tidegate.db").exists());
    pipeline(&world, FOLDER, "require = [\"title\"]");
    let shown = world.run(&["config", "--effective", "--config", "p.toml"]).ended(0).out;
    assert!(shown.contains("[validate]") && shown.contains("require = [\"title\"]"), "{shown}");
}

//! Rows that a map job put aside, tried again: those that are named, and no others.

use serde_json::Value;

use crate::loopback::{Loopback, said};
use crate::world::World;

fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"id\":\"r{i}\",\"text\":\"row {i}\"}}\n")).collect()
}

fn map(world: &World, input: &str, code: i32) -> Value {
    world.run(&["map", "job.toml", input, "-o", "out.jsonl", "--json"]).ended(code).json()
}

fn retry(world: &World, args: &[&str], code: i32) -> Value {
    world.run(&[&["quarantine", "retry", "--json"], args].concat()).ended(code).json()
}

/// Everything that is known of what was put aside, by the end of its key.
fn entry(world: &World, key: &str) -> Option<Value> {
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    let found =
        list.as_array().unwrap().iter().find(|entry| entry["source"].as_str().unwrap().ends_with(key));
    found.cloned()
}

fn fields(world: &World, field: &str) -> Vec<String> {
    let line = |line: &str| serde_json::from_str::<Value>(line).unwrap()[field].as_str().unwrap().to_owned();
    world.read("out.jsonl").lines().map(line).collect()
}

#[test]
fn only_the_rows_that_are_named_are_tried_again() {
    let world = World::new();
    let model = Loopback::start(|request| said(&format!("label of {}", request.prompt())));
    world.write(
        "job.toml",
        format!(
            "[input]\nid = \"id\"\n[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nprompt = \"{{{{ text }}}}\"\n\
             [providers.toy]\nbase_url = \"{}\"\nconcurrency = 4\n",
            model.url()
        ),
    );
    let good = rows(12);
    let mut bad: Vec<&str> = good.lines().collect();
    bad[2] = "{\"id\":\"r2\"}";
    bad[5] = "{\"id\":\"r5\"}";
    bad[8] = "{\"id\":";
    bad[11] = "{\"id\":\"r11\"}";
    world.write("in.jsonl", bad.join("\n") + "\n");
    map(&world, "in.jsonl", 3);
    world.write("in.jsonl", &good);
    let before: Vec<Value> = ["#r2", "#:L9", "#r11"].map(|key| entry(&world, key).unwrap()).into();
    let asked = model.seen().len();
    let key = entry(&world, "#r5").unwrap()["source"].as_str().unwrap().to_owned();
    let report = retry(&world, &[&key], 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&9.into(), &3.into()));
    assert_eq!(model.seen().len() - asked, 1, "it alone is asked about");
    let ids = |without: &[usize]| -> Vec<String> {
        (0..12).filter(|i| !without.contains(i)).map(|i| format!("r{i}")).collect()
    };
    assert_eq!(fields(&world, "id"), ids(&[2, 8, 11]), "it stands where it belongs");
    let after: Vec<Value> = ["#r2", "#:L9", "#r11"].map(|key| entry(&world, key).unwrap()).into();
    assert_eq!(after, before, "what is known of the others is as it was");
    // The run that follows tries none of them, though the last row is one.
    assert_eq!(map(&world, "in.jsonl", 3)["records"]["seen"], 0);
    // By class. The line is good now, and known by its id.
    retry(&world, &["--class", "malformed"], 3);
    assert_eq!(fields(&world, "id"), ids(&[2, 11]));
    retry(&world, &["--class", "validation"], 0);
    assert_eq!((fields(&world, "id"), world.quarantine().len()), (ids(&[]), 0));
    assert_eq!(model.seen().len() - asked, 4);
    let whole = world.read("out.jsonl");
    assert_eq!(map(&world, "in.jsonl", 0)["records"]["seen"], 0);
    assert_eq!(world.read("out.jsonl"), whole);
}

#[test]
fn a_row_that_fails_again_is_counted_on() {
    let world = World::new();
    world.write("job.toml", "[[step]]\nname = \"own\"\nset = { n = \".text | tonumber\" }\n");
    world.write("in.jsonl", "{\"text\":\"1\"}\n{\"text\":\"x\"}\n{\"text\":\"y\"}\n");
    map(&world, "in.jsonl", 3);
    let first = entry(&world, "#L2").unwrap();
    let key = first["source"].as_str().unwrap();
    retry(&world, &[key], 3);
    let again = entry(&world, "#L2").unwrap();
    assert_eq!((&again["attempts"], &again["first_seen"]), (&2.into(), &first["first_seen"]));
    assert_eq!(entry(&world, "#L3").unwrap()["attempts"], 1);
}

#[test]
fn lines_of_a_block_are_tried_one_by_one() {
    let world = World::new();
    world.write("job.toml", "[[step]]\nname = \"own\"\nset = { label = \".id\" }\nkeep = [\"label\"]\n");
    let good = rows(4_000);
    let mut bad: Vec<&str> = good.lines().collect();
    bad[1_000] = "{\"id\":";
    bad[3_000] = "{\"id\":";
    world.write("in.jsonl", bad.join("\n") + "\n");
    map(&world, "in.jsonl", 3);
    world.write("in.jsonl", &good);
    let left = entry(&world, "#L3001").unwrap();
    let key = entry(&world, "#L1001").unwrap()["source"].as_str().unwrap().to_owned();
    let report = retry(&world, &[&key], 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&3_999.into(), &1.into()));
    let labels = fields(&world, "label");
    assert_eq!((labels.len(), labels[1_000].as_str(), labels[3_000].as_str()), (3_999, "r1000", "r3001"));
    assert_eq!(entry(&world, "#L3001").unwrap(), left);
    retry(&world, &[], 0);
    assert_eq!((fields(&world, "label").len(), world.quarantine().len()), (4_000, 0));
}

#[test]
fn documents_within_a_document_are_tried_one_by_one() {
    let world = World::new();
    let mail = |first: &str, second: &str| {
        let part = |name: &str, text: &str| {
            format!(
                "--x\nContent-Type: application/json; name=\"{name}\"\n\
                 Content-Disposition: attachment; filename=\"{name}\"\n\n{text}\n"
            )
        };
        format!(
            "From: a@b.c\nSubject: Tides\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"x\"\n\n\
             --x\nContent-Type: text/plain\n\nThe tide is high.\n{}{}--x--\n",
            part("one.json", first),
            part("two.json", second)
        )
    };
    world.write("job.toml", "[input]\nformat = \"documents\"\n[[step]]\nkeep = [\"id\"]\n");
    world.write("papers/mail.eml", mail("{\"a\": ", "{\"a\": "));
    world.write("papers/torn.json", "{\"a\": ");
    map(&world, "papers", 3);
    assert_eq!(world.quarantine().len(), 3);
    world.write("papers/mail.eml", mail("{\"a\": \"word\"}", "{\"a\": \"word\"}"));
    world.write("papers/torn.json", "{\"a\": \"word\"}");
    let left = (entry(&world, "one.json"), entry(&world, "torn.json"));
    retry(&world, &["papers/mail.eml!/two.json"], 3);
    assert_eq!(fields(&world, "id"), ["papers/mail.eml", "papers/mail.eml!/two.json"]);
    assert_eq!((entry(&world, "one.json"), entry(&world, "torn.json")), left);
    retry(&world, &[], 0);
    assert_eq!(fields(&world, "id").len(), 4);
}

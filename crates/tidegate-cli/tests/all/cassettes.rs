//! Runs whose answers are recorded, and runs that take theirs from what was.

use std::path::Path;

use serde_json::Value;
use tidegate_testkit::provider::script::{Act, Fault, When};
use tidegate_testkit::provider::{Script, Server};

use crate::world::World;

const JOB: &str = r#"
[input]
id = "id"

[[step]]
name = "about"
model = "toy:m"
system = "You name what a text is about."
prompt = "About: {{ text }}"

[[step]]
name = "label"
model = "toy:m"
prompt = "{{ about }}: {{ text }}"
response = { type = "object", properties = { ok = { type = "boolean" } }, required = ["ok"] }

[providers.toy]
base_url = "URL/v1"
key = { env = "TOY_KEY" }
concurrency = 8
"#;

const KEY: &str = "sk-canary-4711";

fn rows(n: usize) -> String {
    // Some ask the same.
    (0..n).map(|i| format!("{{\"id\":\"r{i}\",\"text\":\"row {}\"}}\n", i % 25)).collect()
}

/// A run with the key; its report.
fn map(world: &World, code: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = ["map", "job.toml", "in.jsonl", "--json"].iter().chain(args).copied().collect();
    crate::world::Live::of(world.command(&args).env("TOY_KEY", KEY)).end().ended(code).json()
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_whole_run_is_played_again_without_network_key_or_money() {
    let world = World::new();
    let when = When { text: Some("row 7".to_owned()), model: Some("m".to_owned()), ..When::default() };
    let script = Script { faults: vec![Fault { when, act: Act::Refusal }], ..Script::default() };
    let server = Server::start(script).unwrap();
    world.write("job.toml", JOB.replace("URL", &server.url()));
    world.write("in.jsonl", rows(40));
    // A part was done before: its answers are in the journal, and belong to the run all the same.
    map(&world, 3, &["-o", "out.jsonl", "--limit", "20"]);
    map(&world, 3, &["-o", "out.jsonl", "--record", "tape"]);
    let recorded = files(&world.path("tape"));
    let names: Vec<&str> = recorded.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["about.jsonl", "label.jsonl"]);
    assert_eq!(recorded[0].1.lines().count(), 1 + 25, "equal questions stand there once");
    assert_eq!(recorded[1].1.lines().count(), 1 + 24);
    let refused = recorded[0].1.lines().nth(8).unwrap();
    assert!(refused.contains("\"prompt\":\"About: row 7\",\"fault\":\"refused\""), "{refused}");
    assert!(recorded.iter().all(|(_, text)| !text.contains(KEY) && !text.contains(&server.url())));
    // Recorded again, elsewhere, at another concurrency: the same bytes.
    world.write("job.toml", JOB.replace("URL", &server.url()).replace("= 8", "= 1"));
    map(&world, 3, &["-o", "again.jsonl", "--record", "tape2"]);
    assert_eq!(files(&world.path("tape2")), recorded);

    let (out, asked) = (world.read("out.jsonl"), server.log().entries().len());
    drop(server);
    let other = World::new();
    other.write("job.toml", JOB.replace("URL", "http://127.0.0.1:9"));
    other.write("in.jsonl", rows(40));
    for (name, text) in &recorded {
        other.write(&format!("tape/{name}"), text);
    }
    assert!(asked > 40);
    for _ in 0..2 {
        let ran = other
            .run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--replay", "tape", "--json"])
            .ended(3);
        let report = ran.json();
        assert_eq!((&report["calls"]["sent"], &report["calls"]["cost"]), (&0.into(), &0.0.into()));
        assert_eq!(other.read("out.jsonl"), out);
        assert_eq!(
            other.quarantine(),
            [
                ("in.jsonl#r32".to_owned(), "about".to_owned(), "refused".to_owned()),
                ("in.jsonl#r7".to_owned(), "about".to_owned(), "refused".to_owned())
            ]
        );
    }
}

#[test]
fn a_question_that_is_not_on_the_cassette_ends_the_run_and_says_what_changed() {
    let world = World::new();
    let server = Server::start(Script::default()).unwrap();
    world.write("job.toml", JOB.replace("URL", &server.url()));
    world.write("in.jsonl", rows(3));
    map(&world, 0, &["-o", "out.jsonl", "--record", "tape"]);
    let (asked, nowhere) = (server.log().entries().len(), JOB.replace("URL", "http://127.0.0.1:9"));
    let replay = |code: i32, said: &[&str]| {
        let mut ran =
            world.run(&["map", "job.toml", "in.jsonl", "-o", "new.jsonl", "--replay", "tape"]).ended(code);
        for said in said {
            ran = ran.says(said);
        }
        let _ = std::fs::remove_file(world.path("new.jsonl"));
    };
    replay(0, &[]);
    world.write("in.jsonl", rows(3).replace("row 1", "row 1 now"));
    replay(
        2,
        &[
            "step about",
            "in.jsonl#r1",
            "line 2 at byte",
            "it was at its end, and is “ now”",
            "record it again with --record",
        ],
    );
    world.write("in.jsonl", rows(3));
    world.write("job.toml", nowhere.replace("You name", "You say"));
    replay(2, &["the prompt is the same, but the system prompt"]);
    world.write("job.toml", nowhere.replace("toy:m", "toy:n"));
    replay(2, &["toy:m was asked, and toy:n is to be"]);
    world.write("job.toml", &nowhere);
    // An answer that was changed by hand is held to the form.
    let label = world.read("tape/label.jsonl");
    let broken = label.replacen("{\\\"ok\\\":", "{\\\"no\\\":", 1);
    assert_ne!(broken, label);
    world.write("tape/label.jsonl", broken);
    replay(3, &["1 row was put aside"]);
    world.write("tape/label.jsonl", label.replacen("\"answer\"", "\"antwort\"", 1));
    replay(2, &["tape/label.jsonl:2", "unknown field `antwort`"]);
    world.write("tape/label.jsonl", "{\"id\":1}\n");
    replay(2, &["tape/label.jsonl:1", "no cassette"]);
    std::fs::remove_dir_all(world.path("tape")).unwrap();
    replay(2, &["there is no cassette in tape"]);
    assert_eq!(server.log().entries().len(), asked);
    // A run that is not whole leaves what was recorded as it was.
    world.write("job.toml", JOB.replace("URL", &server.url()));
    map(&world, 0, &["-o", "out.jsonl", "--record", "tape"]);
    let before = files(&world.path("tape"));
    world.write("in.jsonl", rows(90));
    map(&world, 4, &["-o", "out.jsonl", "--record", "tape", "--max-tokens", "2000"]);
    assert_eq!(files(&world.path("tape")), before);
}

//! Pipelines from a file whose records go to lines of JSON: each line once, whatever happens to the process.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::world::{Live, World, paragraph, until};

fn lines(world: &World, name: &str) -> Vec<Value> {
    world.read(name).lines().map(|line| serde_json::from_str(line).expect("a whole line")).collect()
}

/// Rows that are enough work for a kill to land in the middle.
fn rows(n: usize) -> String {
    (0..n).fold(String::new(), |mut rows, i| {
        let _ = writeln!(rows, r#"{{"id": "r{i}", "text": "{}"}}"#, paragraph(&format!("row{i}"), 60));
        rows
    })
}

fn pipeline(sink: &str, ordered: bool) -> String {
    format!(
        "[source]\ntype = \"jsonl\"\npaths = [\"rows.jsonl\"]\nid_field = \"id\"\n\n[sink]\ntype = \"jsonl\"\n\
         path = \"{sink}\"\nfields = [\"key\", \"text\"]\nvectors = \"base64\"\nordered = {ordered}\n"
    )
}

#[test]
fn records_go_to_a_file_with_the_fields_asked_for() {
    let world = World::new();
    world.write("rows.jsonl", rows(20));
    world.write("p.toml", pipeline("out.jsonl", true));
    world.run(&["run", "p.toml"]).ended(0);
    let out = lines(&world, "out.jsonl");
    assert_eq!(out.len(), 20);
    let names: Vec<&String> = out[3].as_object().unwrap().keys().collect();
    assert_eq!(names, ["key", "text", "vector"], "only what was asked for");
    assert!(out[3]["key"].as_str().unwrap().ends_with("rows.jsonl#r3"));
    assert!(out[3]["text"].as_str().unwrap().starts_with("row3 "));
    let vector = out[3]["vector"].as_str().unwrap();
    assert!(vector.len() > 1_000 && vector.len().is_multiple_of(4), "{vector}");
    // Again: nothing is added, nothing is written anew.
    let before = world.read("out.jsonl");
    world.run(&["run", "p.toml"]).ended(0);
    assert_eq!(world.read("out.jsonl"), before);
    // More rows: they are added.
    world.write("rows.jsonl", rows(25));
    world.run(&["run", "p.toml"]).ended(0);
    assert_eq!(lines(&world, "out.jsonl").len(), 25);
    assert!(world.read("out.jsonl").starts_with(&before));
}

#[test]
fn a_file_of_somebody_else_is_not_written_over() {
    let world = World::new();
    world.write("rows.jsonl", rows(3));
    world.write("out.jsonl", "a letter\n");
    world.write("p.toml", pipeline("out.jsonl", false));
    let ran = world.run(&["run", "p.toml"]);
    assert_eq!(ran.code(), Some(2), "{ran:?}");
    assert!(ran.err.contains("out.jsonl") && ran.err.contains("overwrite"), "{}", ran.err);
    assert_eq!(world.read("out.jsonl"), "a letter\n");
    world.write("p.toml", format!("{}overwrite = true\n", pipeline("out.jsonl", false)));
    for _ in 0..2 {
        world.run(&["run", "p.toml"]).ended(0);
        assert_eq!(lines(&world, "out.jsonl").len(), 3, "its own lines must stay");
    }
    // An input that is another than before would be mixed with what is there.
    world.write("rows.jsonl", "{\"id\": \"z\", \"text\": \"another file altogether\"}\n");
    world.run(&["run", "p.toml"]).ended(2).says("not the one that was read before").says("hint: ");
    assert_eq!(lines(&world, "out.jsonl").len(), 3);
}

#[test]
fn killed_anywhere_and_run_again_every_line_is_there_once() {
    for (ordered, seed) in [(false, 1), (true, 2), (false, 3), (true, 4)] {
        let world = World::new();
        let n = 3_000;
        world.write("rows.jsonl", rows(n));
        let limits = "\n[limits]\nin_flight = 64\n";
        world.write("p.toml", pipeline("out.jsonl", ordered) + limits);
        let mut killed = 0;
        for round in 0..3_u64 {
            // Each round gets a little further before it is killed.
            let already = std::fs::metadata(world.path("out.jsonl")).map_or(0, |meta| meta.len());
            let further = already + 1 + (seed * 7_919 + round * 104_729) % 400_000;
            let mut live = world.start(&["run", "p.toml"]);
            until("some output", || {
                let grown = std::fs::metadata(world.path("out.jsonl")).is_ok_and(|meta| meta.len() > further);
                (grown || !live.runs()).then_some(())
            });
            live.signal(Signal::KILL);
            killed += u32::from(live.end().code().is_none());
        }
        assert!(killed > 0, "no kill landed in the middle");
        world.run(&["run", "p.toml"]).ended(0);
        let keys: Vec<String> = lines(&world, "out.jsonl")
            .iter()
            .map(|line| line["key"].as_str().unwrap().rsplit_once("#r").unwrap().1.to_owned())
            .collect();
        let numbers: Vec<usize> = keys.iter().map(|key| key.parse().unwrap()).collect();
        if ordered {
            assert_eq!(numbers, (0..n).collect::<Vec<_>>());
        } else {
            assert_eq!((numbers.len(), numbers.iter().collect::<BTreeSet<_>>().len()), (n, n));
        }
    }
}

#[test]
fn standard_output_is_a_sink_too() {
    let world = World::new();
    world.write("rows.jsonl", rows(400));
    world.write("p.toml", pipeline("-", true));
    let ran = world.run(&["run", "p.toml", "--json"]).ended(0);
    let out: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(out.len(), 400);
    assert!(out.iter().all(|line| line["vector"].is_string()), "the report got among the records");
    assert!(ran.err.contains(r#""stored":400"#), "{}", ran.err);
}

#[test]
fn an_output_that_is_gone_is_refused_and_not_made() {
    let world = World::new();
    world.write("rows.jsonl", rows(2));
    world.write("p.toml", pipeline("out.jsonl", true));
    world.run(&["run", "p.toml"]).ended(0);
    let content = world.read("out.jsonl");
    std::fs::remove_file(world.path("out.jsonl")).unwrap();
    world.run(&["run", "p.toml"]).ended(2).says("it is gone, but");
    assert!(!world.path("out.jsonl").exists(), "a refusal left a file");
    // Put back, it is gone on with.
    world.write("out.jsonl", content);
    world.run(&["run", "p.toml"]).ended(0);
}

/// Runs a pipeline whose reader takes a little and goes; what was said on standard error.
fn with_a_short_reader(world: &World, args: &[&str]) -> String {
    let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 64];
    assert!(stdout.read(&mut first).unwrap() > 0);
    drop(stdout);
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(141), "{said}");
    said
}

#[test]
fn a_reader_that_goes_is_no_error_and_leaves_the_rest_pending() {
    let world = World::new();
    world.write("rows.jsonl", rows(400)); // many times what a pipe holds
    world.write("p.toml", pipeline("-", true));
    let said = with_a_short_reader(&world, &["run", "p.toml"]);
    for word in ["error", "hint", "stopped", "panicked"] {
        assert!(!said.contains(word), "{said}");
    }
    // Who asks for the report gets it.
    let said = with_a_short_reader(&world, &["run", "p.toml", "--json", "--store", "other.db"]);
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert!(report["records"]["pending"].as_u64().unwrap() > 0, "{report}");
    let delivered = report["records"]["stored"].as_u64().unwrap();
    let rest = world.run(&["run", "p.toml", "--store", "other.db"]).ended(0);
    assert_eq!(delivered + rest.out.lines().count() as u64, 400);
}

/// The lines of `out.jsonl` by the number in their text.
fn numbers(world: &World) -> Vec<usize> {
    let text = std::fs::read_to_string(world.path("out.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap()[4..].parse().unwrap()
        })
        .collect()
}

#[test]
fn a_followed_file_gives_each_line_once_over_kills() {
    let world = World::new();
    world.write(
        "p.toml",
        "stage = []\n\n[source]\ntype = \"tail\"\npaths = [\"log.txt\"]\n\n[sink]\ntype = \"jsonl\"\n\
         path = \"out.jsonl\"\nfields = [\"text\"]\n",
    );
    world.write("log.txt", "");
    let mut log = std::fs::File::options().append(true).open(world.path("log.txt")).unwrap();
    let mut written = 0;
    let mut write = |n: usize| {
        for _ in 0..n {
            writeln!(log, "line{written}").unwrap();
            written += 1;
        }
        written
    };
    for round in 0..4 {
        let mut live = world.start(&["run", "p.toml"]);
        let total = write(500);
        // In some rounds before the lines came through, in others after.
        let enough = if round % 2 == 0 { total } else { total - 499 };
        until("lines in the output", || {
            assert!(live.runs(), "it ended");
            (numbers(&world).len() >= enough).then_some(())
        });
        live.signal(Signal::KILL);
        assert_eq!(live.end().code(), None);
    }
    let total = write(10);
    let mut live = world.start(&["run", "p.toml"]);
    until("all lines in the output", || (numbers(&world).len() >= total).then_some(()));
    live.signal(Signal::INT);
    let ended = live.end();
    assert!(matches!(ended.code(), Some(0 | 75)), "{ended:?}");
    assert_eq!(numbers(&world), (0..total).collect::<Vec<_>>());
}

#[test]
fn what_init_writes_runs_as_it_is() {
    let world = World::new();
    world.write("docs/a.md", "aword");
    world.run(&["init"]).ended(0);
    world.run(&["run"]).ended(0);
    assert_eq!(world.holders("aword"), ["docs/a.md"]);
    // The configuration that applies, written to a file, is the same pipeline.
    let shown = world.run(&["config", "--effective", "--config", "pipeline.toml"]).ended(0).out;
    world.write("again.toml", shown);
    let report = world.run(&["run", "again.toml", "--json"]).ended(0).json();
    let records = &report["records"];
    assert_eq!((&records["unchanged"], &records["stored"]), (&2.into(), &1.into()), "only again.toml is new");
    world.write("bad.toml", "[sink]\ntype = \"jsonl\"\npat = \"x\"\n");
    world.run(&["run", "bad.toml"]).ended(2).says("did you mean `path`?");
    world.run(&["run", "none.toml"]).ended(2).says("none.toml");
}

#[test]
fn a_pipeline_from_another_folder_means_its_own_folder() {
    let world = World::new();
    world.write("job/rows.jsonl", rows(2));
    world.write("job/p.toml", pipeline("out.jsonl", false));
    world.run(&["run", "job/p.toml"]).ended(0);
    assert_eq!(lines(&world, "job/out.jsonl").len(), 2);
    assert!(world.path("job/tidegate.db").exists());
    let _ = Live::of(&mut world.command(&["--version"])).end().ended(0);
}

#[test]
fn a_followed_file_goes_into_the_store_once_over_kills() {
    let world = World::new();
    world.write("p.toml", "[source]\ntype = \"tail\"\npaths = [\"log.txt\"]\n");
    world.write("log.txt", "");
    let mut log = std::fs::File::options().append(true).open(world.path("log.txt")).unwrap();
    let mut documents = 0;
    for round in 0..3 {
        for _ in 0..100 {
            writeln!(log, "{}", paragraph(&format!("line{documents}x"), 30)).unwrap();
            documents += 1;
        }
        let mut live = world.start(&["run", "p.toml"]);
        let word = format!("line{}x", documents - 1);
        if round == 1 {
            live.wait_for(""); // killed at once
        } else {
            until("the last line in the store", || {
                assert!(live.runs(), "{}", live.err());
                let found = world.path("tidegate.db").exists() && !world.holders(&word).is_empty();
                found.then_some(())
            });
        }
        live.signal(Signal::KILL);
        live.end();
    }
    let status = world.run(&["status", "--json"]).ended(0).json();
    assert_eq!((&status["documents"], &status["chunks"]), (&documents.into(), &documents.into()));
}

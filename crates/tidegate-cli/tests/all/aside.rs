//! What was put aside, named as people see it, and tried again.

use rustix::process::Signal;

use crate::world::{World, until};

#[test]
fn what_was_put_aside_is_found_under_the_name_that_is_seen() {
    let world = World::new();
    world.write("docs/bad.json", "{\"a\": ");
    std::os::unix::fs::symlink("nowhere", world.path("docs/dangling.md")).unwrap();
    world.index_to(3, &["docs"]);
    world.write("rows.jsonl", "{\"text\": \"lantern\"}\nnot json\n");
    world.index_to(3, &["rows.jsonl", "--name", "rows"]);
    std::fs::remove_file(world.path("docs/bad.json")).unwrap();
    let aside = world.quarantine();
    assert!(aside.len() >= 2, "{aside:?}");
    for (key, ..) in aside {
        world.run(&["quarantine", "show", &key]).ended(0);
        world.run(&["quarantine", "drop", &key]).ended(0);
        world.run(&["quarantine", "show", &key]).ended(2).says("is not in the quarantine");
    }
}

#[test]
fn only_sources_of_what_is_chosen_are_read_again_and_one_that_is_gone_stops_no_other() {
    let world = World::new();
    for folder in ["one", "three", "two"] {
        world.write(&format!("{folder}/bad.json"), "{\"a\": ");
        world.index_to(3, &[folder, "--name", folder]);
    }
    world.write("one/bad.json", "{\"a\": \"mendedword\"}");
    world.write("two/bad.json", "{\"a\": \"mendedword\"}");
    std::fs::rename(world.path("three"), world.path("away")).unwrap();
    let ran = world.run(&["quarantine", "retry", "one/bad.json"]).ended(0);
    assert!(!ran.err.contains("error"), "{}", ran.err);
    assert_eq!(world.holders("mendedword"), ["one/bad.json"]);
    let ran = world.run(&["quarantine", "retry", "--all"]);
    assert_ne!(ran.code(), Some(0), "{ran:?}");
    assert!(ran.err.contains("three"), "{}", ran.err);
    assert_eq!(world.holders("mendedword"), ["one/bad.json", "two/bad.json"]);
}

#[test]
fn a_retry_of_a_followed_file_ends() {
    let world = World::new();
    world.write("p.toml", "[source]\ntype = \"tail\"\npaths = [\"log\"]\nformat = \"jsonl\"\n");
    world.write("log", "{\"text\": \"lantern\"}\nnot json\n");
    let mut live = world.start(&["run", "p.toml"]);
    until("the line in the store", || {
        let there = world.path("tidegate.db").exists() && !world.holders("lantern").is_empty();
        (there && !world.quarantine().is_empty()).then_some(())
    });
    live.signal(Signal::INT);
    live.end();
    world.write("log", world.read("log") + "{\"text\": \"harbour\"}\n");
    world.run(&["quarantine", "retry", "--all"]).ended(0);
    assert_eq!(world.holders("harbour").len(), 1, "what came since is read");
    assert_eq!(world.quarantine().len(), 1, "what lies behind the position is not");
}

#[test]
fn a_table_that_no_terminal_shows_is_whole() {
    let world = World::new();
    let name = format!("docs/{}/{}.json", "deep".repeat(40), "long".repeat(40));
    world.write(&name, "{\"a\": ");
    world.index_to(3, &["docs"]);
    let list = world.run(&["quarantine", "list"]).ended(0).out;
    assert!(list.contains(&name) && !list.contains('…'), "{list}");
    let narrow = world.command(&["quarantine", "list"]).env("COLUMNS", "60").output().unwrap();
    assert!(String::from_utf8(narrow.stdout).unwrap().contains('…'));
}

#[test]
fn a_bad_query_is_named_by_its_line() {
    let world = World::new();
    world.write("docs/a.md", "lantern");
    world.index(&["docs"]);
    for (bad, says) in [
        (r#"{"id": 2, "text": " "}"#, "q.jsonl:2:1"),
        ("{\"id\": 2", "q.jsonl:2:1"),
        (r#"{"id": 2}"#, "q.jsonl:2:1"),
    ] {
        world.write("q.jsonl", format!("{{\"id\": 1, \"text\": \"lantern\"}}\n{bad}\n"));
        let ran = world.run(&["search", "--queries", "q.jsonl"]).ended(2).says(says);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    }
}

#[test]
fn each_answer_is_there_before_the_next_question() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::Stdio;

    let world = World::new();
    world.write("docs/a.md", "lantern");
    world.index(&["docs"]);
    let mut command = world.command(&["search", "--queries", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut ask, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (send, receive) = std::sync::mpsc::sync_channel(8);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(answers).lines() {
            let _ = send.send(line.unwrap());
        }
    });
    for id in 0..3 {
        writeln!(ask, r#"{{"id": {id}, "text": "lantern"}}"#).unwrap();
        let answer = receive.recv_timeout(std::time::Duration::from_secs(30)).expect("an answer");
        assert!(answer.contains(&format!(r#""id":{id}"#)), "{answer}");
    }
    drop(ask);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}

#[test]
fn an_unchanged_run_tells_of_no_speed_and_hints_come_last() {
    let world = World::new();
    world.write("docs/a.md", "lantern");
    world.write("docs/b.png", "picture");
    world.write("docs/bad.json", "{\"a\": ");
    let first = world.run(&["index", "docs"]).ended(3).err;
    let at = |text: &str| first.find(text).unwrap_or_else(|| panic!("no {text} in {first}"));
    assert!(at("documents/s") < at("hint:") && at("1 file or folder: hidden") < at("hint:"), "{first}");
    let again = world.run(&["index", "docs"]).ended(3).err;
    assert!(!again.contains("documents/s") && again.contains("at the peak"), "{again}");
}

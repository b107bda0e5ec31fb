//! Programs of one's own among the stages of a pipeline.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::programs::each_is_aside;
use crate::world::{Live, Ran, World, paragraph, until};

/// Where programs are.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is done to a record by the word that its text begins with.
const OBEDIENT: &str = r#"
import json, os, sys, time
for line in sys.stdin:
    record = json.loads(line)
    do = record["text"].split()[0]
    if do == "crash":
        raise ValueError("cannot make sense of it")
    if do == "hang":
        time.sleep(7501)
    if do == "garble":
        print("a word on the side")
    if do == "forget":
        del record["_id"]
    if do == "rename":
        record["source"] = "another"
    if do == "skip":
        record["_skip"] = True
    if do == "refuse":
        record["_error"] = "no price"
    record["length"] = len(record["text"])
    print(json.dumps(record), flush=True)
"#;

fn with_path(world: &World, args: &[&str]) -> Live {
    Live::of(world.command(args).env("PATH", PATH))
}

fn run(world: &World) -> Ran {
    with_path(world, &["run", "jobs/pipeline.toml", "--json", "--store", "tidegate.db"]).end()
}

/// A pipeline with these stages after parse, over the folder `docs` beside the folder that it is in.
fn documents(world: &World, stages: &str) {
    let source = "[source]\ntype = \"files\"\npaths = [\"../docs\"]\n[[stage]]\ntype = \"parse\"\n";
    world.write("jobs/pipeline.toml", format!("{source}{stages}\n"));
}

/// A pipeline with these stages over rows, into rows.
fn rows(world: &World, stages: &str) {
    let text = format!(
        "[source]\ntype = \"jsonl\"\npaths = [\"../in.jsonl\"]\nid_field = \"id\"\n{stages}\n\
         [sink]\ntype = \"jsonl\"\npath = \"../out.jsonl\"\nordered = true\n"
    );
    world.write("jobs/pipeline.toml", text);
}

fn lines(world: &World) -> Vec<Value> {
    world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn exec(program: &str, keys: &str) -> String {
    format!("[[stage]]\ntype = \"exec\"\nname = \"own\"\nexec = [\"python3\", \"{program}\"]\n{keys}\n")
}

const CHUNK: &str = "[[stage]]\ntype = \"chunk\"\nmin_tokens = 1\n";
const EMBED: &str = "[[stage]]\ntype = \"embed\"\n";

/// A program that does `body` with each record.
fn program(body: &str) -> String {
    let body = body.replace('\n', "\n    ");
    format!(
        "import json, sys\n\nfor line in sys.stdin:\n    record = json.loads(line)\n    {body}\n    print(json.dumps(record), flush=True)\n"
    )
}

#[test]
fn a_program_changes_documents_before_they_are_cut() {
    let world = World::new();
    world.write("docs/a.md", format!("# Alpha\n\n{}", paragraph("secretword", 40)));
    world.write("docs/b.txt", paragraph("plainword", 40));
    let own = "if record[\"source\"].endswith(\".md\"):\n    \
               record[\"text\"] = \"# Beta\\n\\n\" + record[\"text\"].replace(\"secretword\", \"hidden\")\n    \
               record[\"title\"] = \"Gamma\"\nrecord[\"fields\"][\"seen\"] = True\nrecord[\"length\"] = len(record[\"text\"])";
    world.write("jobs/own.py", program(own));
    documents(&world, &format!("{}{CHUNK}{EMBED}", exec("own.py", "processes = 2")));
    assert_eq!(run(&world).ended(0).json()["records"]["stored"], 2);
    assert!(world.holders("secretword").is_empty());
    let hits = world.hits(&["--mode", "text", "--filter", "seen = true and length > 10", "hidden"]);
    assert_eq!((&hits[0]["title"], hits.len()), (&json!("Gamma"), 1), "{hits:?}");
    assert!(hits[0]["heading"].to_string().contains("Alpha"), "headings of the new text are seen: {hits:?}");
    assert_eq!(world.hits(&["--mode", "text", "--filter", "seen = true", "plainword"]).len(), 1);
    // Nothing is run again; other processes and times change nothing, and another line does.
    let again = format!("{}{CHUNK}{EMBED}", exec("own.py", "processes = 1\ntimeout = \"9s\""));
    documents(&world, &again);
    assert_eq!(run(&world).ended(0).json()["records"]["unchanged"], 2);
    documents(&world, &again.replace("\"own.py\"", "\"own.py\", \"-v\""));
    assert_eq!(run(&world).ended(0).json()["records"]["stored"], 2);
    documents(&world, &again.replace("timeout", "when = '.title == \"Alpha\"'\ntimeout"));
    run(&world).ended(0);
    assert!(world.hits(&["--mode", "text", "--filter", "seen = true", "plainword"]).is_empty());
}

#[test]
fn long_documents_are_worked_on_as_short_ones() {
    let world = World::new();
    let long = paragraph("longword", 30_000);
    assert!(long.len() > 200_000);
    world.write("docs/long.md", &long);
    world.write("docs/short.md", paragraph("shortword", 30));
    world.write("jobs/own.py", program("record[\"text\"] = record[\"text\"].upper()"));
    let sink =
        "[sink]\ntype = \"jsonl\"\npath = \"../out.jsonl\"\nfields = [\"key\", \"text\"]\nordered = true\n";
    let keys = "when = '(.text | length) > 100000'";
    documents(&world, &format!("{}{sink}", exec("own.py", keys)));
    run(&world).ended(0);
    let made = lines(&world);
    assert!(made[0]["text"].as_str().unwrap().trim() == long.to_uppercase());
    assert_eq!(made[1]["text"].as_str().unwrap().trim(), paragraph("shortword", 30));
}

#[test]
fn a_program_says_where_a_chunk_belongs() {
    let world = World::new();
    world.write(
        "docs/a.md",
        format!("# Alpha\n\n{}\n\n## Rest\n\n{}", paragraph("first", 60), paragraph("last", 60)),
    );
    world.write(
        "jobs/own.py",
        program("record[\"context\"] = \"From contextword under \" + record[\"heading\"] + \".\"\nrecord[\"_skip\"] = \"last\" in record[\"text\"]"),
    );
    documents(&world, &format!("{CHUNK}{}{EMBED}", exec("own.py", "")));
    assert_eq!(run(&world).ended(0).json()["records"]["stored"], 1);
    let hits = world.hits(&["--mode", "text", "contextword"]);
    assert!(hits[0]["text"].as_str().unwrap().starts_with("From contextword under Alpha."), "{hits:?}");
    assert!(world.holders("last").is_empty());
    // What cannot be kept there ends the run, which says where it could be, and costs no record.
    for (body, stages, words) in [
        ("record[\"length\"] = 1", [CHUNK, "EXEC", EMBED], "sets length of chunks"),
        ("record[\"text\"] = \"x\"", [CHUNK, "EXEC", EMBED], "changes the text of chunks"),
        ("record[\"context\"] = \"x\"", [CHUNK, EMBED, "EXEC"], "between chunk and embed"),
        ("record[\"context\"] = \"x\"", ["EXEC", CHUNK, EMBED], "between chunk and embed"),
    ] {
        world.write("jobs/bad.py", program(body));
        documents(&world, &stages.concat().replace("EXEC", &exec("bad.py", "")));
        run(&world).ended(2).says(words);
        assert!(world.quarantine().is_empty(), "{body}");
    }
}

#[test]
fn what_goes_wrong_costs_the_record_that_it_came_of() {
    let world = World::new();
    world.write("jobs/own.py", OBEDIENT);
    rows(&world, &exec("own.py", "processes = 2\ntimeout = \"1500ms\""));
    let deeds = [
        ("crash", "panic", "cannot make sense of it"),
        ("hang", "too_slow", "did not answer within 1500 ms"),
        ("garble", "bad_response", "a word on the side"),
        ("forget", "bad_response", "without the _id"),
        ("rename", "bad_response", "another `source`"),
        ("refuse", "refused", "no price"),
    ];
    let deed = |i: usize| if i % 20 == 3 { deeds.get(i / 20) } else { None };
    let row = |i: usize| match (deed(i), i) {
        (Some((deed, ..)), _) => format!("{{\"id\":\"r{i}\",\"text\":\"{deed} it\",\"n\":1.50}}\n"),
        (None, 10) => format!("{{\"id\":\"r{i}\",\"text\":\"skip it\"}}\n"),
        _ => format!("{{\"id\":\"r{i}\",\"text\":\"do it\"}}\n"),
    };
    world.write("in.jsonl", (0..150).map(row).collect::<String>());
    let report = run(&world).ended(3).json();
    assert_eq!(report["records"]["quarantined"], deeds.len());
    let made = lines(&world);
    let names: Vec<String> = made.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<String> =
        (0..150).filter(|i| deed(*i).is_none() && *i != 10).map(|i| format!("r{i}")).collect();
    assert_eq!(names, expected, "all others are there, in order");
    assert!(made.iter().all(|row| row["length"] == 5 && row.get("_id").is_none()), "{}", made[0]);
    each_is_aside(&world, &deeds);
    // Nothing is run again of what was done.
    assert_eq!(run(&world).ended(0).json()["records"]["seen"], 0);
}

#[test]
fn what_was_put_aside_is_tried_again_with_a_program_that_was_mended() {
    let world = World::new();
    world.write("docs/a.md", paragraph("crash", 40));
    world.write("docs/b.md", paragraph("goodword", 40));
    world.write("jobs/own.py", OBEDIENT);
    documents(&world, &format!("{}{CHUNK}{EMBED}", exec("own.py", "")));
    let report = run(&world).ended(3).json();
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&json!(1), &json!(1)));
    assert_eq!(world.quarantine(), [("docs/a.md".to_owned(), "own".to_owned(), "panic".to_owned())]);
    assert_eq!(run(&world).ended(3).json()["records"]["unchanged"], 1);
    world.write("jobs/own.py", program("record[\"length\"] = 7"));
    with_path(&world, &["quarantine", "retry"]).end().ended(0);
    assert_eq!(world.hits(&["--mode", "text", "--filter", "length = 7", "crash"]).len(), 1);
}

#[test]
fn killed_at_any_time_every_record_is_there_once() {
    let world = World::new();
    let slow = program("record[\"length\"] = len(record[\"text\"])\ntime.sleep(0.001)")
        .replace("json, sys", "json, sys, time");
    world.write("jobs/own.py", slow);
    rows(&world, &exec("own.py", "processes = 2"));
    world.write(
        "in.jsonl",
        (0..2_000).map(|i| format!("{{\"id\":\"r{i}\",\"text\":\"row {i}\"}}\n")).collect::<String>(),
    );
    for round in 1..=2 {
        let mut live = with_path(&world, &["run", "jobs/pipeline.toml", "--store", "tidegate.db"]);
        let written = || std::fs::metadata(world.path("out.jsonl")).map_or(0, |meta| meta.len());
        until("it writes", || (written() > round * 20_000 || !live.runs()).then_some(()));
        live.signal(Signal::KILL);
        assert_eq!(live.end().code(), None, "it was too quick");
    }
    run(&world).ended(0);
    let made = lines(&world);
    let expected: Vec<Value> = (0..2_000).map(|i| json!(format!("r{i}"))).collect();
    assert!(made.iter().map(|row| &row["id"]).eq(&expected), "{} rows", made.len());
    assert!(
        made.iter().all(|row| row["length"].as_u64() == Some(row["text"].as_str().unwrap().len() as u64))
    );
}

#[test]
fn a_program_that_cannot_work_ends_the_run() {
    let world = World::new();
    world.write("in.jsonl", "{\"id\":\"a\",\"text\":\"a\"}\n{\"id\":\"b\",\"text\":\"b\"}\n");
    let check = |stage: &str, words: &[&str]| {
        rows(&world, &format!("[[stage]]\ntype = \"exec\"\n{stage}\n"));
        let ran = run(&world).ended(2);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{stage}: {}", ran.err);
    };
    for program in ["no-such-program", "./no-such-program"] {
        check(&format!("exec = [\"{program}\"]"), &["there is no program", "install it", "exec"]);
    }
    check("", &["stage.exec.exec names no program"]);
    check("exec = \"python3 own.py\"", &["pipeline.toml:7:1: stage.exec.exec must be a list"]);
    check("exec = [\"cat\"]\ntimeout = \"0s\"", &["pipeline.toml:8:1: stage.exec.timeout"]);
    check(
        "exec = [\"cat\"]\nprocesses = 5000",
        &["pipeline.toml:8:1: stage.exec.processes (5000) must be at most 1024"],
    );
    check("exec = [\"cat\"]\nproces = 5", &["did you mean `processes`?"]);
    check("exec = [\"cat\"]\nwhen = '.id'", &["pipeline.toml:8:1", "names .id"]);
    assert!(!world.path("tidegate.db").exists() && !world.path("out.jsonl").exists());
    for (program, code, words) in [("cat", 0, "/cat"), ("no-such-program", 2, "there is no program")] {
        rows(&world, &format!("[[stage]]\ntype = \"exec\"\nexec = [\"{program}\"]\n"));
        let ran = with_path(&world, &["doctor", "--config", "jobs/pipeline.toml"]).end().ended(code);
        assert!(ran.out.contains("program exec") && ran.out.contains(words), "{}", ran.out);
    }
    world.write("jobs/bad.py", "import no_such_module\n");
    check("exec = [\"python3\", \"bad.py\"]", &["read nothing", "No module named 'no_such_module'"]);
    assert!(world.quarantine().is_empty());
}

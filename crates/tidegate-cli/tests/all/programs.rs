//! Programs of the user's own that work on every record of a data set.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::{Live, Ran, World, until};

/// Where programs are.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program that adds to each record how long its text is.
const LENGTH: &str = "import json, sys\n\nfor line in sys.stdin:\n    record = json.loads(line)\n    \
    record[\"length\"] = len(record[\"text\"])\n    print(json.dumps(record), flush=True)\n";

/// What is done to a record by the word in its field `do`.
const OBEDIENT: &str = r#"
import json, os, signal, sys, time
for line in sys.stdin:
    record = json.loads(line)
    do = record.pop("do", None)
    if do == "crash":
        raise ValueError("cannot make sense of " + record["id"])
    if do == "exit":
        sys.exit(5)
    if do == "abort":
        os.abort()
    if do == "hang":
        time.sleep(7501)
    if do == "garble":
        print("a word on the side")
    if do == "forget":
        del record["_id"]
    if do == "other":
        record["_id"] = 10 ** 9
    if do == "long":
        record["text"] = "x" * 20_000_000
    if do == "flood":
        sys.stderr.write("complaint\n" * 200_000)
    if do == "skip":
        record["_skip"] = True
    if do == "refuse":
        record["_error"] = "no price in " + record["id"]
    record["done"] = True
    print(json.dumps(record))
"#;

fn with_path(world: &World, args: &[&str]) -> Live {
    Live::of(world.command(args).env("PATH", PATH))
}

fn map(world: &World) -> Ran {
    with_path(world, &["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]).end()
}

fn step(world: &World, exec: &str) {
    world.write("job.toml", format!("[input]\nid = \"id\"\n[[step]]\nname = \"own\"\n{exec}\n"));
}

fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"id\":\"r{i}\",\"n\":{i}.0,\"text\":\"row {i}\"}}\n")).collect()
}

fn lines(world: &World) -> Vec<Value> {
    world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The row of every deed, the fourth of each twenty, is put aside by the stage `own`, for its class and in these words.
pub(crate) fn each_is_aside(world: &World, deeds: &[(&str, &str, &str)]) {
    let list = world.run(&["quarantine", "list", "--json"]).ended(0).json();
    for (at, (deed, class, words)) in deeds.iter().enumerate() {
        let key = format!("#r{}", at * 20 + 3);
        let item =
            list.as_array().unwrap().iter().find(|item| item["source"].as_str().unwrap().ends_with(&key));
        let item = item.unwrap_or_else(|| panic!("{deed}: {list}"));
        assert_eq!((&item["class"], &item["stage"]), (&json!(class), &json!("own")), "{item}");
        let said = format!("{} {}", item["message"], item["chain"]);
        assert!(said.contains(*words), "{deed}: {said}");
    }
}

/// No process with these words in its command is there any more.
fn gone(words: &str) {
    until(&format!("{words} goes"), || {
        let running = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).replace('\0', " ").contains(words)
        });
        (!running).then_some(())
    });
}

#[test]
fn a_program_works_on_every_record() {
    let world = World::new();
    world.write("jobs/length.py", LENGTH);
    world.write(
        "jobs/job.toml",
        "[[step]]\nname = \"own\"\nexec = [\"python3\", \"length.py\"]\nprocesses = 3\n",
    );
    world.write("in.jsonl", rows(2_000));
    let args = ["map", "jobs/job.toml", "in.jsonl", "-o", "out.jsonl", "--json"];
    let report = with_path(&world, &args).end().ended(0).json();
    assert_eq!(report["records"]["stored"], 2_000);
    let made = lines(&world);
    for (i, row) in made.iter().enumerate() {
        let text = format!("row {i}");
        assert_eq!(
            *row,
            json!({ "id": format!("r{i}"), "n": f64::from(i as u32), "text": text, "length": text.len() })
        );
    }
    // Again: nothing is run. More rows: they alone are, also by more processes.
    world.write(
        "jobs/job.toml",
        "[[step]]\nname = \"own\"\nexec = [\"python3\", \"length.py\"]\ntimeout = \"9s\"\n",
    );
    world.write("in.jsonl", rows(2_001));
    assert_eq!(with_path(&world, &args).end().ended(0).json()["records"]["seen"], 1);
    assert_eq!(lines(&world).len(), 2_001);
    // Another line is another job.
    world.write("jobs/job.toml", "[[step]]\nname = \"own\"\nexec = [\"python3\", \"length.py\", \"-v\"]\n");
    with_path(&world, &args).end().ended(2).says("before it was changed");
}

#[test]
fn a_dry_run_runs_the_program_for_the_records_that_it_shows() {
    let world = World::new();
    world.write(
        "length.py",
        LENGTH.replace("import json, sys", "import json, sys\nopen(\"ran\", \"a\").write(\"x\")"),
    );
    let own = "[[step]]\nname = \"own\"\nexec = [\"python3\", \"length.py\"]\n";
    let ask =
        "[[step]]\nname = \"about\"\nmodel = \"openai:gpt-4o-mini\"\nprompt = \"{{ length }}: {{ text }}\"\n";
    world.write("in.jsonl", rows(9));
    let dry = |job: &str, code: i32| {
        world.write("job.toml", job);
        with_path(&world, &["map", "job.toml", "in.jsonl", "--dry-run"]).end().ended(code)
    };
    let shown = dry(&format!("{own}{ask}"), 0).out;
    assert!(shown.contains("[user]\n5: row 0\n") && !shown.contains("row 1"), "{shown}");
    assert_eq!(world.read("ran"), "x", "one process is enough");
    // Where no step asks, what the record becomes is shown.
    let shown = dry(own, 0).out;
    assert!(shown.contains("\n{\"id\":\"r0\",\"n\":0.0,\"text\":\"row 0\",\"length\":5}\n"), "{shown}");
    // What needs an answer is not run without one.
    let shown = dry(&format!("{}{own}", ask.replace("{{ length }}: ", "")), 0).out;
    assert!(shown.contains("(own runs a program, which needs the answer of about)"), "{shown}");
    assert_eq!(world.read("ran"), "xx");
    let fails = |exec: &str| format!("[[step]]\nname = \"own\"\nexec = [\"python3\", \"-c\", \"{exec}\"]\n");
    let shown = dry(&fails("print(input()[:9])"), 0).out;
    assert!(shown.contains("wrote what is no JSON object"), "{shown}");
    dry(&fails("import no_such_module"), 2).says("No module named");
    assert!(!world.path("tidegate.db").exists());
}

#[test]
fn what_comes_out_becomes_the_record_or_goes_into_it() {
    let world = World::new();
    world.write("in.jsonl", "{\"_id\":\"own\",\"n\":1.0,\"text\":\"a\"}\n{\"n\":2.50,\"text\":\"b\"}\n");
    let check = |exec: &str, expect: &str| {
        world.write("job.toml", format!("[[step]]\nname = \"own\"\n{exec}"));
        let _ = std::fs::remove_file(world.path("out.jsonl"));
        map(&world).ended(0);
        assert_eq!(world.read("out.jsonl"), expect, "{exec}");
    };
    let sed = "exec = [\"sed\", \"-u\", \"s/.*\\\\(\\\"_id\\\":[0-9]*\\\\).*/{\\\"made\\\":true,\\\\1}/\"]\n";
    check(sed, "{\"made\":true,\"_id\":\"own\"}\n{\"made\":true}\n");
    check(
        &format!("{sed}merge = true\n"),
        "{\"_id\":\"own\",\"n\":1.0,\"text\":\"a\",\"made\":true}\n{\"n\":2.50,\"text\":\"b\",\"made\":true}\n",
    );
    check(
        &format!("{sed}output = \"sed\"\nwhen = \".n > 2\"\n"),
        "{\"_id\":\"own\",\"n\":1.0,\"text\":\"a\"}\n{\"n\":2.50,\"text\":\"b\",\"sed\":{\"made\":true}}\n",
    );
    // Without numbers, lines are answered in their order, and nothing is put into them.
    check(
        "exec = [\"sed\", \"-u\", \"s/text/TEXT/\"]\nids = false\n",
        "{\"_id\":\"own\",\"n\":1.0,\"TEXT\":\"a\"}\n{\"n\":2.50,\"TEXT\":\"b\"}\n",
    );
    // Between other steps.
    check(
        "set = { m = \".n * 2\" }\n[[step]]\nexec = [\"cat\"]\n[[step]]\nset = { k = \".m + 1\" }\nkeep = [\"k\"]\n",
        "{\"k\":3.0}\n{\"k\":6.0}\n",
    );
}

#[test]
fn what_goes_wrong_costs_the_record_that_it_came_of() {
    let world = World::new();
    world.write("own.py", OBEDIENT);
    step(&world, "exec = [\"python3\", \"own.py\"]\nprocesses = 2\ntimeout = \"1500ms\"");
    let deeds = [
        ("crash", "panic", "ValueError: cannot make sense of r3"),
        ("exit", "panic", "exit status: 5"),
        ("abort", "panic", "signal 6"),
        ("hang", "too_slow", "did not answer within 1500 ms"),
        ("garble", "bad_response", "a word on the side"),
        ("forget", "bad_response", "without the _id"),
        ("other", "bad_response", "answers none of the records"),
        ("long", "too_large", "a line longer than 16 MiB"),
        ("refuse", "refused", "no price in r"),
    ];
    let deed = |i: usize| (i % 20 == 3).then(|| deeds.get(i / 20)).flatten();
    let row = |i: usize| match (deed(i), i) {
        (Some((deed, ..)), _) => format!("{{\"id\":\"r{i}\",\"do\":\"{deed}\"}}\n"),
        (None, 10) => format!("{{\"id\":\"r{i}\",\"do\":\"skip\"}}\n"),
        (None, 30) => format!("{{\"id\":\"r{i}\",\"do\":\"flood\"}}\n"),
        _ => format!("{{\"id\":\"r{i}\"}}\n"),
    };
    let input: String = (0..200).map(row).collect();
    world.write("in.jsonl", &input);
    let report = map(&world).ended(3).json();
    assert_eq!(report["records"]["quarantined"], deeds.len());
    let made: Vec<String> = lines(&world).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<String> =
        (0..200).filter(|i| deed(*i).is_none() && *i != 10).map(|i| format!("r{i}")).collect();
    assert_eq!(made, expected, "all others are there, in order");
    each_is_aside(&world, &deeds);
    gone("own.py");
    // Mended, they stand where they belong.
    let mended: String = (0..200).map(|i| format!("{{\"id\":\"r{i}\"}}\n")).collect();
    world.write("in.jsonl", mended);
    with_path(&world, &["quarantine", "retry"]).end().ended(0);
    let made: Vec<Value> = lines(&world);
    assert_eq!(made.len(), 200);
    assert!(made.iter().enumerate().all(|(i, row)| *row == json!({ "id": format!("r{i}"), "done": true })));
}

#[test]
fn a_program_that_cannot_work_ends_the_run_and_costs_no_record() {
    let world = World::new();
    world.write("in.jsonl", rows(5_000));
    let check = |exec: &str, words: &[&str]| {
        step(&world, exec);
        let ran = map(&world).ended(2);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{}", ran.err);
        assert_eq!(world.run(&["quarantine", "list", "--json"]).out.trim(), "[]", "{exec}");
    };
    world.write("bad.py", "import no_such_module\n");
    check("exec = [\"python3\", \"bad.py\"]", &["read nothing", "No module named 'no_such_module'"]);
    check("exec = [\"python3\", \"no_such_file.py\"]", &["read nothing", "no_such_file.py"]);
    check("exec = [\"sleep\", \"7502\"]\nstart_timeout = \"300ms\"", &["does not read its standard input"]);
    gone("sleep 7502");
    for program in ["no-such-program", "./no-such-program"] {
        let fresh = World::new();
        fresh.write("in.jsonl", rows(1));
        step(&fresh, &format!("exec = [\"{program}\"]"));
        map(&fresh).ended(2).says("there is no program").says("hint: install it");
        assert!(!fresh.path("tidegate.db").exists() && !fresh.path("out.jsonl").exists());
    }
}

#[test]
fn a_step_is_refused_where_it_stands() {
    let world = World::new();
    world.write("in.jsonl", rows(1));
    let check = |exec: &str, words: &[&str]| {
        step(&world, exec);
        let ran = map(&world).ended(2);
        assert!(words.iter().all(|word| ran.err.contains(word)), "{exec}: {}", ran.err);
    };
    check("exec = \"python3 own.py\"", &["job.toml:5", "no shell parts it", "exec = [\"python3\""]);
    check("exec = []", &["names no program"]);
    check("exec = [\"cat\"]\nmodel = \"toy:m\"", &["unknown key `model`", "its keys are name, when, exec"]);
    check("exec = [\"cat\"]\ntimeout = 30", &["timeout"]);
    check("exec = [\"cat\"]\ntimeout = \"30\"", &["it needs a unit"]);
    check("exec = [\"cat\"]\nproces = 3", &["did you mean `processes`?"]);
    check("exec = [\"cat\"]\nmerge = true\noutput = \"a\"", &["output stands beside merge"]);
    check("processes = 3", &["unknown key `processes`"]);
}

#[test]
fn killed_at_any_time_the_output_is_the_same_and_nothing_is_left() {
    let world = World::new();
    world.write(
        "length.py",
        LENGTH
            .replace("import json, sys", "import json, sys, time")
            .replace("    print", "    time.sleep(0.0005)\n    print"),
    );
    step(&world, "exec = [\"python3\", \"length.py\", \"mark7503\"]\nprocesses = 2");
    world.write("in.jsonl", rows(4_000));
    let args = ["map", "job.toml", "in.jsonl", "-o"];
    with_path(&world, &[&args[..], &["whole.jsonl"]].concat()).end().ended(0);
    let whole = world.read("whole.jsonl");
    let mut killed = 0;
    for round in 1..=3 {
        let mut live = with_path(&world, &[&args[..], &["out.jsonl"]].concat());
        let written = || std::fs::metadata(world.path("out.jsonl")).map_or(0, |meta| meta.len() as usize);
        until("it writes", || (written() > whole.len() * round / 6 || !live.runs()).then_some(()));
        live.signal(Signal::KILL);
        killed += usize::from(live.end().code().is_none());
        gone("mark7503");
    }
    assert_eq!(killed, 3, "it was too quick");
    with_path(&world, &[&args[..], &["out.jsonl"]].concat()).end().ended(0);
    assert!(world.read("out.jsonl") == whole, "the output is not what it should be");
    // The first signal lets what is under way finish, and ends the programs.
    let mut live = with_path(&world, &[&args[..], &["third.jsonl"]].concat());
    let written = || std::fs::metadata(world.path("third.jsonl")).map_or(0, |meta| meta.len());
    until("it writes", || (written() > 0 || !live.runs()).then_some(()));
    live.signal(Signal::INT);
    assert_eq!(live.end().code(), Some(75));
    gone("mark7503");
}

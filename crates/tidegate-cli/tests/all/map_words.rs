//! What a map job says: of rows that are not there, of what was dropped, of an outage, and of a job that is none.

use rustix::process::Signal;
use serde_json::Value;

use crate::loopback::{Loopback, said};
use crate::world::{World, until};

const SET: &str = "[[step]]\nset = { n = \"1\" }\n";

fn asking(world: &World, base: &str, prompt: &str) {
    world.write(
        "job.toml",
        format!("[[step]]\nname = \"a\"\nmodel = \"toy:m\"\nprompt = \"{prompt}\"\n[providers.toy]\nbase_url = \"{base}\"\n"),
    );
}

const MAP: [&str; 5] = ["map", "job.toml", "in.jsonl", "-o", "out.jsonl"];

#[test]
fn nothing_to_do_says_why() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", "");
    world.run(&MAP).ended(0).says("there is no row in").says("in.jsonl");
    world.write("empty.csv", "a,b\n");
    world.run(&["map", "job.toml", "empty.csv", "-o", "e.jsonl"]).ended(0).says("there is no row in");
    world.write("in.jsonl", "{\"a\":1}\n");
    world.run(&MAP).ended(0);
    let again = world.run(&MAP).ended(0).says("every row of").says("was read before");
    assert!(!again.err.contains("quarantine"), "{}", again.err);
    // Rows that are missing are told of whenever the exit code tells of them.
    world.write("in.jsonl", "{\"a\":1}\nno json\n");
    world.run(&MAP).ended(3);
    world
        .run(&MAP)
        .ended(3)
        .says("1 row is in the quarantine, and not in the output")
        .says("quarantine list");
    world.write("job.toml", format!("[input]\nformat = \"documents\"\ninclude = [\"*.none\"]\n{SET}"));
    world.write("docs/a.md", "A text.");
    world
        .run(&["map", "job.toml", "docs", "-o", "d.jsonl"])
        .ended(0)
        .says("there is no document in")
        .says("left out");
}

#[test]
fn what_is_dropped_from_a_job_stays_missing_and_that_is_said() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", "{\"a\":1}\nno json\n{\"a\":2}\n");
    world.run(&MAP).ended(3);
    let dropped = world.run(&["quarantine", "drop", "--all"]).ended(0);
    let dropped = dropped.says("out.jsonl goes on without 1 row").says("--overwrite");
    assert!(!dropped.err.contains("tries them as new"), "{}", dropped.err);
    world.run(&MAP).ended(0).says("every row of");
    world.run(&[&MAP[..], &["--overwrite"]].concat()).ended(3);
    // Documents in the store are met again.
    world.write("docs/bad.json", "{\"a\": ");
    world.index_to(3, &["docs"]);
    world.run(&["quarantine", "drop", "--source", "**/bad.json"]).ended(0).says("tries them as new");
}

#[test]
fn an_outage_names_the_host_and_its_cause() {
    let world = World::new();
    // Nobody listens there: the port is that of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    asking(&world, &format!("http://127.0.0.1:{port}/v1"), "{{ a }}");
    let rows: String = (0..40).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    world.write("in.jsonl", rows);
    let cause = format!("127.0.0.1:{port}: ");
    let held = world.run(&[&MAP[..], &["--max-hold", "2s"]].concat()).ended(75).says(&cause).says("refused");
    let error = held.err.split_once("error:").unwrap_or_else(|| panic!("{}", held.err)).1;
    assert!(error.contains(&cause) && error.to_lowercase().contains("connection refused"), "{error}");
    assert!(held.err.matches("WARN").count() <= 6, "{}", held.err);
    // Stopped by hand in the middle of it, it says the same.
    let mut live = world.start(&MAP);
    live.wait_for("waiting: toy/m: ");
    live.signal(Signal::INT);
    let ran = live.end().ended(75).says(&cause);
    assert!(ran.err.contains("answered nobody") && !ran.err.contains("error:"), "{}", ran.err);
}

#[test]
fn rows_and_the_report_do_not_mix() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", "{\"a\":1}\n");
    for output in ["-", "/dev/stdout"] {
        let ran = world.run(&["map", "job.toml", "in.jsonl", "-o", output, "--json"]).ended(0);
        assert_eq!(ran.out, "{\"a\":1,\"n\":1}\n", "{output}");
        let report: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
        assert_eq!(report["records"]["stored"], 1, "{output}");
    }
}

#[test]
fn a_job_without_steps_is_none() {
    let world = World::new();
    world.write("in.jsonl", "{\"a\":1}\n");
    for job in ["", "# nothing\n", "[limits]\ncores = 1\n"] {
        world.write("job.toml", job);
        world.run(&MAP).ended(2).says("the job job.toml has no [[step]]");
        assert!(!world.path("out.jsonl").exists() && !world.path("tidegate.db").exists());
    }
    // To choose rows, or to write them in another form, is something.
    for job in ["[input]\nwhen = \".a > 0\"\n", "[output]\nformat = \"csv\"\n"] {
        world.write("job.toml", job);
        world.run(&[&MAP[..], &["--overwrite"]].concat()).ended(0);
    }
}

#[test]
fn what_is_answered_from_the_journal_is_told() {
    let world = World::new();
    let model = Loopback::start(|_| said("yes"));
    asking(&world, &model.url(), "{{ a }}");
    world.write("in.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    world.run(&MAP).ended(0);
    let over = [&MAP[..], &["--overwrite"]].concat();
    let told = world.run(&over).ended(0);
    assert!(told.err.contains("none sent; 2 answers from the journal"), "{}", told.err);
    let report = world.run(&[&over[..], &["--json"]].concat()).ended(0).json();
    assert_eq!((&report["calls"]["sent"], &report["calls"]["from_journal"]), (&0.into(), &2.into()));
    world.write("in.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    world.run(&over).ended(0).says("1 sent").says("; 2 answers from the journal");
}

#[test]
fn a_retry_goes_by_the_job_as_it_is_now() {
    let world = World::new();
    let model = Loopback::start(|request| match request.prompt().contains("bad") {
        true => (400, "{\"error\":{\"message\":\"no\"}}".to_owned()),
        false => said("yes"),
    });
    asking(&world, &model.url(), "{{ a }}");
    world.write("in.jsonl", "{\"a\":\"x\"}\n{\"a\":\"bad\"}\n");
    world.run(&MAP).ended(3);
    let written = world.read("out.jsonl");
    // Another prompt is another job: its rows would stand among those of the old.
    asking(&world, &model.url(), "About {{ a }}");
    world.run(&["quarantine", "retry"]).ended(2).says("job.toml was changed since").says("--overwrite");
    assert_eq!((world.read("out.jsonl"), model.seen().len()), (written, 2));
    // Where the service is, says nothing of what is asked.
    let other = Loopback::start(|_| said("now"));
    asking(&world, &other.url(), "{{ a }}");
    world.run(&["quarantine", "retry"]).ended(0);
    assert_eq!(
        world.read("out.jsonl"),
        "{\"a\":\"x\",\"a\":1}\n".replace("\"x\",\"a\":1", "\"yes\"") + "{\"a\":\"now\"}\n"
    );
    assert_eq!(other.seen().len(), 1);
}

#[test]
fn filters_that_are_not_there_are_refused_before_anything_is_sent() {
    let world = World::new();
    asking(&world, "http://127.0.0.1:9/v1", "{{ a | uppr }}");
    world.write("in.jsonl", "{\"a\":1}\n");
    world.run(&MAP).ended(2).says("job.toml:4:1").says("there is no filter `uppr`");
    world.write("job.toml", "[[step]]\nset = { b = { template = \"{{ a | uppr }}\" } }\n");
    world.run(&MAP).ended(2).says("there is no filter `uppr`");
    assert!(!world.path("tidegate.db").exists());
}

#[test]
fn a_run_that_is_refused_and_a_plan_leave_nothing_behind() {
    let world = World::new();
    world.write("in.jsonl", "{\"text\":\"a\"}\n");
    world.write(
        "job.toml",
        "[[step]]\nname = \"a\"\nmodel = \"openai:gpt-4o-mini\"\nprompt = \"{{ text }}\"\n",
    );
    world.run(&MAP).ended(2).says("OPENAI_API_KEY");
    let files = || -> Vec<String> {
        let names = std::fs::read_dir(world.root()).unwrap();
        let mut names: Vec<_> = names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(files(), ["in.jsonl", "job.toml"]);
    world.write("set.toml", SET);
    world.run(&["map", "set.toml", "in.jsonl", "-o", "out.jsonl"]).ended(0);
    let before = files();
    for args in [&["plan", "job.toml", "in.jsonl"][..], &["quarantine", "list"], &["status"]] {
        let _ = world.run(args).ended(0);
        assert_eq!(files(), before, "{args:?}");
    }
    // What somebody else has open is left alone.
    let model = Loopback::start(|_| {
        std::thread::park_timeout(std::time::Duration::from_millis(300));
        said("yes")
    });
    world.write("in.jsonl", (0..40).map(|i| format!("{{\"text\":\"{i}\"}}\n")).collect::<String>());
    asking(&world, &model.url(), "{{ text }}");
    let mut live = world.start(&["map", "job.toml", "in.jsonl", "-o", "more.jsonl"]);
    until("some calls", || (!model.seen().is_empty()).then_some(()));
    world.run(&["status"]).ended(0);
    assert!(live.runs() && world.path("tidegate.db-shm").exists());
    live.end().ended(0);
    assert_eq!(world.read("more.jsonl").lines().count(), 40);
}

#[test]
fn a_refusal_is_told_apart_from_a_failure() {
    let world = World::new();
    world.write("job.toml", SET);
    world.write("in.jsonl", "{\"a\":1}\n");
    world.write("out.jsonl", "a letter\n");
    world.run(&MAP).ended(2).says("the output is left alone");
    world.write("letter.db", "Dear reader, this is no store.\n".repeat(9));
    world
        .run(&["map", "job.toml", "in.jsonl", "-o", "new.jsonl", "--store", "letter.db"])
        .ended(2)
        .says("left untouched");
}

//! Models that are asked about every record of a data set.

use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::loopback::{Loopback, said};
use crate::world::World;

/// A job with this step, whose provider is at `base`.
fn job(world: &World, base: &str, steps: &str) {
    world.write("job.toml", format!("{steps}\n[providers.toy]\nbase_url = \"{base}\"\nconcurrency = 8\n"));
}

const LABEL: &str = "[[step]]\nname = \"label\"\nmodel = \"toy:m\"\nsystem = \"You label.\"\nprompt = \"About: {{ text }}\"\n";

/// Rows with fields that are not in order, and numbers that are easily lost.
fn rows(n: usize) -> String {
    (0..n).map(|i| format!("{{\"z\":{i}.0,  \"text\":\"row {i}\",\"a\":{{\"b\":[1e3,null]}},\"big\":1234567890123456789012}}\n")).collect()
}

fn map(world: &World, code: i32, args: &[&str]) -> Value {
    let args: Vec<&str> = ["map", "job.toml", "--json"].iter().chain(args).copied().collect();
    world.run(&args).ended(code).json()
}

/// Answers with what the row is called, the later rows sooner.
fn echo() -> Loopback {
    Loopback::start(|request| {
        let number = request.prompt().rsplit(' ').next().unwrap_or_default().to_owned();
        said(&format!(" label of {number} "))
    })
}

#[test]
fn rows_leave_as_they_came_with_the_answer_behind_their_fields() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    world.write("in.jsonl", rows(50));
    let report = map(&world, 0, &["in.jsonl", "-o", "out.jsonl"]);
    assert_eq!((&report["records"]["stored"], &report["calls"]["sent"]), (&50.into(), &50.into()));
    assert!(report["calls"]["tokens"].as_u64().unwrap() > 0, "{report}");
    let expected: String = rows(50)
        .lines()
        .enumerate()
        .map(|(i, row)| format!("{},\"label\":\"label of {i}\"}}\n", row.strip_suffix('}').unwrap()))
        .collect();
    assert_eq!(world.read("out.jsonl"), expected);
    let asked = model.seen()[0].json();
    assert_eq!(asked["messages"][0]["content"], "You label.");
    // Again: nothing is asked. One row more: it alone is.
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "out.jsonl"])["calls"]["sent"], 0);
    world.write("in.jsonl", rows(51));
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "out.jsonl"])["calls"]["sent"], 1);
    assert!(world.read("out.jsonl").starts_with(&expected) && world.read("out.jsonl").lines().count() == 51);
    // Elsewhere, and on standard output: the answers are there.
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "other.jsonl"])["calls"]["sent"], 0);
    assert_eq!(world.read("other.jsonl"), world.read("out.jsonl"));
    for _ in 0..2 {
        let ran = world.run(&["map", "job.toml", "in.jsonl", "-o", "-"]).ended(0);
        assert_eq!(ran.out, world.read("out.jsonl"));
    }
    assert_eq!(model.seen().len(), 51);
}

#[test]
fn an_output_is_gone_on_with_or_left_alone() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    world.write("in.jsonl", rows(3));
    world.write("out.jsonl", "a letter\n");
    let args = ["map", "job.toml", "in.jsonl", "-o", "out.jsonl"];
    world.run(&args).ended(2).says("not this job's").says("--overwrite");
    assert_eq!(world.read("out.jsonl"), "a letter\n");
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--overwrite"]).ended(0);
    let whole = world.read("out.jsonl");
    assert_eq!(whole.lines().count(), 3);
    // Another prompt is another job; what it makes replaces the old only if that is said.
    job(&world, &model.url(), &LABEL.replace("About", "Once more"));
    world.run(&args).ended(2).says("before it was changed");
    assert_eq!(world.read("out.jsonl"), whole);
    let report = map(&world, 0, &["in.jsonl", "-o", "out.jsonl", "--overwrite"]);
    assert_eq!(report["calls"]["sent"], 3);
    job(&world, &model.url(), LABEL);
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "out.jsonl", "--overwrite"])["calls"]["sent"], 0);
    assert_eq!(world.read("out.jsonl"), whole);
    // Other inputs, and an output that somebody wrote into.
    world.write("other.jsonl", rows(2));
    world.run(&["map", "job.toml", "other.jsonl", "-o", "out.jsonl"]).ended(2).says("other inputs");
    world.write("in.jsonl", rows(4).replace("row 0", "another"));
    world.run(&args).ended(2).says("not the one that was read before").says("--overwrite");
    world.write("in.jsonl", rows(4));
    world.write("out.jsonl", whole.replace("label of 2", "label of x"));
    world.run(&args).ended(2).says("changed by somebody else");
    // An output that was removed is made anew, at no cost.
    std::fs::remove_file(world.path("out.jsonl")).unwrap();
    world.write("in.jsonl", rows(3));
    assert_eq!(map(&world, 0, &["in.jsonl", "-o", "out.jsonl"])["calls"]["sent"], 0);
    assert_eq!(world.read("out.jsonl"), whole);
}

#[test]
fn what_would_be_asked_is_shown_without_asking() {
    let world = World::new();
    let server = Server::start(Script::default()).unwrap();
    world.write("rules.md", "Rules: {{ rule }}.");
    world.write("prompt.txt", "{% include 'rules.md' %}\nAbout: {{ text }}");
    let steps = "[[step]]\nset = { rule = \"\\\"be brief\\\"\" }\n\
        [[step]]\nname = \"label\"\nmodel = \"toy:m\"\nsystem = \"You label.\"\nprompt_file = \"prompt.txt\"\n\
        response = { type = \"object\", properties = { a = { type = \"string\" } } }\n\
        [[step.example]]\nprompt = \"About: x\"\nanswer = { a = \"y\" }\n\
        [[step]]\nname = \"more\"\nmodel = \"toy:m\"\nprompt = \"{{ label.a }}\"\n";
    job(&world, &format!("{}/v1", server.url()), steps);
    world.write("in.jsonl", rows(3));
    let shown = world.run(&["map", "job.toml", "in.jsonl", "--dry-run"]).ended(0).out;
    for part in
        ["in.jsonl#L1", "label asks toy:m", "[system]\nYou label.", "[user]\nAbout: x", "{\"a\":\"y\"}"]
    {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    assert!(shown.contains("[user]\nRules: be brief.\nAbout: row 0"), "{shown}");
    assert!(
        shown.contains("no field `label.a`") && shown.contains("the answer of label may have it"),
        "{shown}"
    );
    let args = ["map", "job.toml", "-", "--dry-run", "--limit", "2", "--json"];
    let shown = world.run_with_input(&args, rows(3).as_bytes()).ended(0).json();
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert_eq!(shown[1]["steps"][0]["messages"][2][1], "Rules: be brief.\nAbout: row 1");
    assert!(server.log().entries().is_empty() && !world.path("tidegate.db").exists());
}

#[test]
fn rows_come_from_wherever_they_are() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), LABEL);
    let whole = rows(9);
    let parts: Vec<String> = whole.lines().map(|line| format!("{line}\n")).collect();
    world.write("data/b.jsonl", parts[3..6].concat());
    world.write("data/a.jsonl", parts[..3].concat());
    world.write("data/deep/c.ndjson", parts[6..].concat());
    world.write("data/notes.md", "no rows");
    world.write("in.jsonl", &whole);
    map(&world, 0, &["in.jsonl", "-o", "expected.jsonl"]);
    let expected = world.read("expected.jsonl");
    for (at, inputs) in [&["data"][..], &["data/a.jsonl", "data/b.jsonl", "data/deep"], &["data/**/*.*json*"]]
        .into_iter()
        .enumerate()
    {
        let out = format!("out{at}.jsonl");
        let args: Vec<&str> = inputs.iter().copied().chain(["-o", &out]).collect();
        assert_eq!(map(&world, 0, &args)["calls"]["sent"], 0);
        assert_eq!(world.read(&out), expected, "{inputs:?}");
    }
    // Another file behind: the output goes on.
    world.write("data/e.jsonl", "{\"text\":\"row 77\"}\n");
    map(&world, 0, &["data/a.jsonl", "data/b.jsonl", "data/deep", "data/e.jsonl", "-o", "out1.jsonl"]);
    assert!(world.read("out1.jsonl").starts_with(&expected));
    assert_eq!(world.read("out1.jsonl").lines().count(), 10);
    // Standard input, twice into the same output.
    for _ in 0..2 {
        let ran =
            world.run_with_input(&["map", "job.toml", "-", "-o", "piped.jsonl", "--json"], whole.as_bytes());
        assert_eq!(ran.ended(0).json()["calls"]["sent"], 0);
        assert_eq!(world.read("piped.jsonl"), expected);
    }
    // Lines of text.
    world.write("lines.txt", "row 1\n\nrow \"2\"\n");
    map(&world, 0, &["lines.txt", "-o", "lines.jsonl"]);
    assert_eq!(
        world.read("lines.jsonl"),
        "{\"text\":\"row 1\",\"label\":\"label of 1\"}\n{\"text\":\"row \\\"2\\\"\",\"label\":\"label of \\\"2\\\"\"}\n"
    );
}

#[test]
fn the_first_rows_are_tried_and_the_rest_follows() {
    let world = World::new();
    let model = echo();
    job(&world, &model.url(), &format!("{LABEL}max_tokens = 10\n"));
    world.write("in.jsonl", rows(30));
    for (limit, calls, lines) in [("5", 5, 5), ("5", 0, 5), ("8", 3, 8), ("100", 22, 30)] {
        let report = map(&world, 0, &["in.jsonl", "-o", "out.jsonl", "--limit", limit]);
        assert_eq!(report["calls"]["sent"], calls, "--limit {limit}");
        assert_eq!(world.read("out.jsonl").lines().count(), lines);
    }
    let ran = world
        .run_with_input(&["map", "job.toml", "-", "-o", "-", "--limit", "2"], rows(5).as_bytes())
        .ended(0);
    assert_eq!(ran.out.lines().count(), 2);
    // As they are done: the same rows, in any order.
    map(&world, 0, &["in.jsonl", "-o", "any.jsonl", "--unordered"]);
    let sorted = |name: &str| {
        let mut lines: Vec<String> = world.read(name).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted("any.jsonl"), sorted("out.jsonl"));
    // Tokens that may be spent: it stops there, and goes on when there are more.
    world.write("in.jsonl", rows(60));
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--max-tokens", "200"]).ended(4);
    let some = world.read("out.jsonl").lines().count();
    assert!((30..60).contains(&some), "{some}");
    map(&world, 0, &["in.jsonl", "-o", "out.jsonl"]);
    assert_eq!((world.read("out.jsonl").lines().count(), model.seen().len()), (60, 60));
}

#[test]
fn a_pipelines_providers_limits_and_store_hold_where_the_job_says_nothing_else() {
    let world = World::new();
    let model = echo();
    let provider = format!("base_url = \"{}\"\nkey = {{ file = \"key.txt\" }}\n", model.url());
    // What it says of anything else is a pipeline's alone, and its paths are relative to its own folder.
    world.write(
        "team/pipeline.toml",
        format!(
            "[source]\ntype = \"jsonl\"\npaths = [\"none.jsonl\"]\n[validate]\nmin_words = 99\n[store]\nurl = \"team.db\"\n\
             [limits]\nmax_tokens = 1\n[providers.toy]\n{provider}concurrency = 3\n"
        ),
    );
    world.write("team/key.txt", "secret-key");
    world.write("jobs/job.toml", LABEL);
    world.write("in.jsonl", rows(3));
    let args = ["map", "jobs/job.toml", "in.jsonl", "-o", "out.jsonl", "--config", "team/pipeline.toml"];
    world.run(&args).ended(4).says("stopped at the budget");
    // The job's own word counts.
    world.write(
        "jobs/job.toml",
        format!("{LABEL}[limits]\nmax_tokens = 100000\n[providers.toy]\nconcurrency = 2\n"),
    );
    world.run(&["plan", "jobs/job.toml", "in.jsonl", "--config", "team/pipeline.toml"]).ended(0);
    world.run(&args).ended(0);
    assert_eq!(world.read("out.jsonl").lines().count(), 3);
    assert!(world.path("team/team.db").exists() && !world.path("tidegate.db").exists());
    let keys = model.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect::<Vec<_>>();
    assert!(!keys.is_empty() && keys.iter().all(|key| key == "Bearer secret-key"), "{keys:?}");
    // A flag counts more than both.
    world.run(&[&args[..], &["--overwrite", "--store", "own.db"]].concat()).ended(0);
    assert!(world.path("own.db").exists());
    world.write("team/pipeline.toml", "[limits]\nmemroy = \"1GB\"\n");
    world.run(&args).ended(2).says("team/pipeline.toml:2").says("did you mean `memory`?");
}

//! What a job will take, before it is run, and beside what it took.

use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::world::{Live, World};

/// Two steps, of which the second asks about what the first answered.
const JOB: &str = r#"
[[step]]
name = "about"
model = "openai:gpt-4o-mini"
system = "You name what a text is about."
prompt = "About: {{ text }}"
max_tokens = 40

[[step]]
name = "reply"
model = "openai:gpt-4.1-mini"
when = ".n % 2 == 0"
prompt = "A text about {{ about }}: {{ text }}"
max_tokens = 40
"#;

fn rows(n: usize) -> String {
    (0..n)
        .map(|i| format!("{{\"n\":{i},\"text\":\"row {i} {}\"}}\n", "and some words ".repeat(i % 17)))
        .collect()
}

fn provider(millis: u64) -> Server {
    let span = format!("{millis}ms");
    let script = format!("chat = {{ words = 9 }}\nlatency = {{ base = {{ fixed = \"{span}\" }} }}\n");
    Server::start(Script::from_toml(&script).unwrap()).unwrap()
}

fn number(json: &Value, path: &str) -> f64 {
    json.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {json}"))
}

#[test]
fn nothing_is_sent_written_or_needed_to_plan() {
    let world = World::new();
    let server = provider(0);
    world.write("job.toml", JOB);
    world.write("in.jsonl", rows(100) + "{\"n\":\"x\"}\nno json\n");
    let url = format!("{}/v1", server.url());
    let shown = world.run(&["plan", "job.toml", "in.jsonl", "--base-url", &url]).ended(3);
    for said in [
        "102 rows",
        "STEP   RECORDS",
        "about      100",
        "reply       50",
        "about: answers of 10 tokens, a quarter of max_tokens: an assumption",
        "reply: calls of 0.7 s: an assumption; say --latency",
        "2 rows are at fault",
        "line 101 at byte",
        "no field `text`",
    ] {
        assert!(shown.out.contains(said), "{said} is missing:\n{}", shown.out);
    }
    // A key is looked for by whoever asks, not by whoever plans.
    world.run(&["plan", "job.toml", "in.jsonl"]).ended(3);
    world.run(&["map", "job.toml", "in.jsonl", "--dry-run"]).ended(0);
    assert!(server.log().entries().is_empty() && !world.path("tidegate.db").exists());

    let json = world.run(&["plan", "job.toml", "in.jsonl", "--json", "--sample", "20"]).ended(3).json();
    assert_eq!(json["rows"]["total"], 102, "{json}");
    assert!(number(&json, "/margin") > 0.0 && json["notes"].to_string().contains("a sample: "), "{json}");

    world.run(&["plan", "job.toml"]).ended(2).says("INPUT");
    world.run(&["plan", "job.toml", "none.jsonl"]).ended(2).says("none.jsonl");
    world.run(&["plan", "job.toml", "in.jsonl", "--config", "p.toml"]).ended(2).says("p.toml cannot be read");
    world.run(&["map", "job.toml", "-", "-o", "-", "--plan"]).ended(2).says("cannot be read twice");
}

#[test]
fn a_plan_says_whether_the_budget_suffices_and_where_it_ends() {
    let world = World::new();
    let server = provider(0);
    let url = format!("{}/v1", server.url());
    // One request at once, so that the run stops as near to its budget as it can.
    world.write("job.toml", format!("{JOB}[providers.openai]\nbase_url = \"{url}\"\nconcurrency = 1\n"));
    world.write("in.jsonl", rows(400));
    // A first try tells how long answers are.
    world.run(&["map", "job.toml", "in.jsonl", "-o", "try.jsonl", "--limit", "40"]).ended(0);
    let whole = world.run(&["plan", "job.toml", "in.jsonl", "--json"]).ended(0).json();
    assert_eq!((&whole["steps"][0]["paid"], &whole["steps"][0]["calls"]), (&40.into(), &360.into()));
    let cost = number(&whole, "/total/cost");
    let enough = format!("{:.9}", cost * 1.01);
    let shown = world.run(&["plan", "job.toml", "in.jsonl", "--budget", &enough]).ended(0);
    assert!(shown.out.contains("suffices"), "{}", shown.out);
    let half = format!("{:.9}", cost / 2.0);
    let plan = world.run(&["plan", "job.toml", "in.jsonl", "--budget", &half, "--json"]).ended(4).json();
    let row = number(&plan, "/budget/stops_at_row");
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--budget", &half]).ended(4);
    let done = world.read("out.jsonl").lines().count() as f64;
    assert!((row - done).abs() < 20.0, "said {row}, stopped after {done}");
    // What is paid is not paid again: the rest is planned.
    let rest = world.run(&["plan", "job.toml", "in.jsonl", "--json"]).ended(0).json();
    assert!(number(&rest, "/total/cost") < cost * 0.55, "{rest}");
}

#[test]
fn what_was_predicted_stands_beside_what_was() {
    let world = World::new();
    let server = provider(20);
    let url = format!("{}/v1", server.url());
    world.write("job.toml", format!("{JOB}[providers.openai]\nbase_url = \"{url}\"\nconcurrency = 4\n"));
    world.write("in.jsonl", rows(200));
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--limit", "40"]).ended(0);
    let ran = world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--plan", "--json"]).ended(0);
    assert!(ran.err.contains("figures rest on"), "{}", ran.err);
    let report = ran.json();
    let of = |figure: &str| {
        (
            number(&report, &format!("/plan/predicted/{figure}")),
            number(&report, &format!("/plan/actual/{figure}")),
        )
    };
    // How long it took is a matter of this machine as well; `cargo xtask prove plan` judges that.
    for figure in ["calls", "input_tokens", "output_tokens", "cost"] {
        let (predicted, actual) = of(figure);
        assert!(actual > 0.0 && (predicted / actual - 1.0).abs() < 0.03, "{figure}: {predicted} {actual}");
    }
    assert!(of("seconds").0 > 0.5, "{report}");
    world.write("in.jsonl", rows(210));
    let ran = world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--plan"]).ended(0);
    let line =
        |title: &str| ran.err.lines().find(|line| line.trim_start().starts_with(title)).map(str::to_owned);
    assert!(line("predicted").unwrap().contains("15 calls, "), "{}", ran.err);
    assert!(line("actual").unwrap().contains("15 calls, "), "{}", ran.err);
}

#[test]
fn programs_of_the_job_are_run() {
    let world = World::new();
    let step = |exec: &str| {
        format!(
            "[[step]]\nname = \"own\"\nexec = {exec}\nids = false\n[[step]]\nname = \"about\"\nmodel = \"openai:gpt-4o-mini\"\n\
             prompt = \"About: {{{{ more }}}}\"\n"
        )
    };
    world.write("job.toml", step(r#"["sed", "-u", "s/\"text\"/\"more\"/"]"#));
    world.write("in.jsonl", rows(300));
    let path = "/usr/local/bin:/usr/bin:/bin";
    let args = ["plan", "job.toml", "in.jsonl", "--json"];
    let plan = Live::of(world.command(&args).env("PATH", path)).end().ended(0).json();
    assert_eq!((number(&plan, "/steps/0/records"), number(&plan, "/faults/count")), (300.0, 0.0), "{plan}");

    world.write("job.toml", step(r#"["no-such-program"]"#));
    world.run(&["plan", "job.toml", "in.jsonl"]).ended(2).says("there is no program \"no-such-program\"");
    world.run(&["map", "job.toml", "in.jsonl", "--dry-run"]).ended(2).says("there is no program");
}

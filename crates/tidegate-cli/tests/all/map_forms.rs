//! Answers that must have a form, from a model that breaks it, stops short and refuses.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_testkit::provider::script::{Act, Fault, When};
use tidegate_testkit::provider::{Script, Server};

use crate::world::World;

const JOB: &str = r#"
[[step]]
name = "label"
model = "toy:m"
prompt = "About: {{ text }}"
merge = true
max_tokens = 200

[step.response]
type = "object"
properties = { topic = { enum = ["billing", "login", "other"] }, urgency = { type = "integer", minimum = 1, maximum = 5 } }
required = ["topic", "urgency"]
additionalProperties = false
"#;

fn job(world: &World, server: &Server, more: &str) {
    let provider = format!("[providers.toy]\nbase_url = \"{}/v1\"\nconcurrency = 16\n{more}", server.url());
    world.write("job.toml", format!("{JOB}\n{provider}"));
}

fn always(text: &str, act: Act) -> Fault {
    Fault { when: When { text: Some(text.to_owned()), ..When::default() }, act }
}

/// How many of the provider's answers were spoiled so.
fn spoiled(server: &Server, act: &str) -> usize {
    server.log().count(|entry| entry.acts.contains(&act))
}

#[test]
fn every_row_that_is_written_has_the_form_and_the_rest_is_put_aside_with_its_class() {
    const ROWS: usize = 1_000;
    let faults = vec![
        Fault::share(0.05, Act::UnfitAnswer),
        Fault::share(0.02, Act::LengthStop),
        // Some of each are as bad when they are asked again.
        always("wilful", Act::UnfitAnswer),
        always("endless", Act::LengthStop),
        // What is refused is refused, whatever else is wrong with it.
        Fault::share(0.01, Act::Refusal),
        always("improper", Act::Refusal),
    ];
    let server = Server::start(Script { faults, ..Script::default() }).unwrap();
    let world = World::new();
    job(&world, &server, "");
    let text = |n: usize| match n {
        7 | 500 => "wilful",
        8 | 501 => "endless",
        9 | 502 => "improper",
        _ => "ordinary",
    };
    world.write(
        "in.jsonl",
        (0..ROWS).map(|n| format!("{{\"n\":{n},\"text\":\"{} {n}\"}}\n", text(n))).collect::<String>(),
    );
    let report = world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]).ended(3).json();

    let mut seen = BTreeSet::new();
    for line in world.read("out.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert!(["billing", "login", "other"].contains(&row["topic"].as_str().unwrap()), "{line}");
        assert!((1..=5).contains(&row["urgency"].as_i64().unwrap()), "{line}");
        assert_eq!(row.as_object().unwrap().len(), 4, "{line}");
        assert!(seen.insert(row["n"].as_u64().unwrap() as usize), "{line} stands twice");
    }
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for (source, stage, class) in world.quarantine() {
        let n = source.rsplit_once("#L").unwrap().1.parse::<usize>().unwrap() - 1;
        assert!(seen.insert(n), "row {n} is written and put aside");
        assert_eq!(stage, "label");
        assert!(text(n) != "improper" || class == "refused", "row {n}: {class}");
        *classes.entry(class).or_default() += 1;
    }
    assert_eq!(seen.len(), ROWS, "a row is neither written nor put aside");
    assert!(["wilful", "endless", "improper"].iter().all(|word| !world.read("out.jsonl").contains(word)));
    let known = ["incomplete", "refused", "validation"];
    assert_eq!(classes.keys().map(String::as_str).collect::<Vec<_>>(), known, "{classes:?}");
    // A refusal is not asked about again; what breaks the form is, once.
    assert_eq!(classes["refused"], spoiled(&server, "refusal"));
    assert!(spoiled(&server, "unfit_answer") > 20 && spoiled(&server, "length_stop") > 5);
    let aside: usize = classes.values().sum();
    assert_eq!(report["records"]["quarantined"], aside);
    assert_eq!(report["records"]["stored"], ROWS - aside);
    assert_eq!(report["calls"]["sent"], server.log().entries().len());
}

#[test]
fn a_record_that_the_model_cannot_take_is_put_aside_before_it_is_sent() {
    let server = Server::start(Script::default()).unwrap();
    let world = World::new();
    job(&world, &server, "");
    let rows = |long: &str| {
        format!("{{\"text\":\"a\"}}\n{{\"text\":\"b\"}}\n{{\"text\":\"{long}\"}}\n{{\"text\":\"d\"}}\n")
    };
    // What the model takes is known, and its tokens are counted as it counts them.
    let url = format!("{}/v1", server.url());
    world.write("known.toml", JOB.replace("toy:m", "openai:gpt-4o-mini"));
    world.write("in.jsonl", rows(&"tide ".repeat(130_000)));
    let args = ["map", "known.toml", "in.jsonl", "-o", "known.jsonl", "--base-url", &url];
    world.run(&args).ended(3);
    assert_eq!(server.log().entries().len(), 3);
    let shown = world.run(&["quarantine", "show", "in.jsonl#L3"]).ended(0).out;
    for said in [
        "too_large",
        "line 3 at byte 26",
        "more than the 128000 that gpt-4o-mini takes",
        "shorten the record",
    ] {
        assert!(
            shown.contains(said),
            "{said} is missing:\n{}",
            shown.chars().take(2_000).collect::<String>()
        );
    }
    // What one's own takes is said; its tokens are estimated, so only what is surely too long is not sent.
    job(&world, &server, "context_tokens = 300\n");
    world.write("in.jsonl", rows(&"tide ".repeat(2_000)));
    world.run(&["map", "job.toml", "in.jsonl", "-o", "own.jsonl"]).ended(3);
    assert_eq!((server.log().entries().len(), world.read("own.jsonl").lines().count()), (6, 3));
    let planned = world.run(&["plan", "job.toml", "in.jsonl"]).ended(3).out;
    assert!(planned.contains("1 row is at fault") && planned.contains("line 3 at byte 26"), "{planned}");
}

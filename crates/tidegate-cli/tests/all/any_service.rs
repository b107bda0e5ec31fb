//! Services that are no models: asked about each record, and given what a pipeline made.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::loopback::Loopback;
use crate::world::{World, paragraph, until};

/// A pipeline over rows of JSON with these stages and this sink.
fn pipeline(world: &World, stages: &str, sink: &str) {
    let source = "[source]\ntype = \"jsonl\"\npaths = [\"in.jsonl\"]\nid_field = \"id\"\n";
    let stages = if stages.is_empty() { "stage = []\n" } else { stages };
    let (before, after) = if stages.starts_with("stage") { (stages, "") } else { ("", stages) };
    world.write("pipeline.toml", format!("{before}{source}{after}{sink}"));
}

const OUT: &str = "[sink]\ntype = \"jsonl\"\npath = \"out.jsonl\"\n";

fn rows(world: &World, count: usize) {
    let row = |at: usize| json!({ "id": format!("r{at}"), "text": format!("text {at}"), "city": format!("a/b {at}") });
    world.write("in.jsonl", (0..count).map(|at| row(at).to_string() + "\n").collect::<String>());
}

fn run(world: &World, code: i32) -> Value {
    world.run(&["run", "pipeline.toml", "--json"]).ended(code).json()
}

fn out(world: &World) -> Vec<Value> {
    let mut lines: Vec<Value> =
        world.read("out.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["id"].to_string());
    lines
}

#[test]
fn a_service_is_asked_about_each_record_once() {
    let world = World::new();
    rows(&world, 3);
    let service = Loopback::start(|request| {
        let city = request.target.rsplit('/').next().unwrap().to_owned();
        (200, json!({ "results": [{ "name": city }] }).to_string())
    });
    let stage = format!(
        "[[stage]]\ntype = \"http\"\nurl = \"{}/city/{{{{ fields.city }}}}\"\nanswer = \"results[0].name\"\n\
         field = \"place\"\nheaders = {{ X-Row = \"{{{{ source }}}}\", Authorization = {{ env = \"TOKEN\" }} }}\n",
        service.url()
    );
    pipeline(&world, &stage, OUT);
    let missing = world.run(&["run", "pipeline.toml"]).ended(2);
    assert!(missing.err.contains("TOKEN"), "{}", missing.err);
    assert!(service.seen().is_empty());
    let run = |world: &World| {
        let done =
            world.command(&["run", "pipeline.toml", "--json"]).env("TOKEN", "canary-0123456789").output();
        let done = done.unwrap();
        let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        assert!(done.status.success() && !said.contains("canary"), "{said}");
    };
    run(&world);
    assert_eq!(out(&world)[1]["place"], "a%2Fb%201");
    let seen = service.seen();
    assert_eq!(seen.len(), 3);
    let first = seen.iter().find(|request| request.target == "/city/a%2Fb%200").unwrap();
    assert_eq!(
        (first.method.as_str(), first.headers["authorization"].as_str()),
        ("GET", "Bearer canary-0123456789")
    );
    assert!(first.headers["x-row"].ends_with("r0"), "{first:?}");
    // Another output asks nothing again: answers are kept.
    pipeline(
        &world,
        &stage,
        &OUT.replace("out.jsonl\"", "out.jsonl\"\nfields = [\"id\", \"place\"]\noverwrite = true"),
    );
    run(&world);
    assert_eq!(service.seen().len(), 3);
    let store = std::fs::read(world.path("tidegate.db")).unwrap();
    assert!(!store.windows(6).any(|bytes| bytes == b"canary"));
}

#[test]
fn what_a_service_refuses_of_one_record_costs_no_other() {
    let world = World::new();
    rows(&world, 4);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let service = Loopback::start(move |request| {
        let busy = count.fetch_add(1, Ordering::SeqCst) == 0;
        match request.json()["q"].as_str().unwrap() {
            _ if busy => (503, String::new()),
            "text 1" => (422, "{\"error\":\"no such word\"}".to_owned()),
            "text 2" => (200, "{\"else\":1}".to_owned()),
            text => (200, json!({ "value": text.len() }).to_string()),
        }
    });
    let stage = format!(
        "[[stage]]\ntype = \"http\"\nmethod = \"POST\"\nurl = \"{}/look\"\nbody = '{{\"q\": {{{{ text | tojson }}}}}}'\n\
         answer = \"value\"\n",
        service.url()
    );
    pipeline(&world, &stage, OUT);
    let report = run(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&2.into(), &2.into()));
    let classes: BTreeSet<String> = world.quarantine().into_iter().map(|(_, _, class)| class).collect();
    assert_eq!(classes, ["bad_response".to_owned(), "refused".to_owned()].into());
    assert_eq!(out(&world)[0]["http"], 6);
    // Each request had a key of its own, the repeated one the same.
    let keys: Vec<String> =
        service.seen().iter().map(|request| request.headers["idempotency-key"].clone()).collect();
    assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (5, 4));
}

#[test]
fn what_may_have_been_done_is_not_done_twice_without_a_key() {
    let world = World::new();
    rows(&world, 1);
    let service = Loopback::start(|_| (0, String::new()));
    let stage = |key: bool| {
        format!(
            "[[stage]]\ntype = \"http\"\nmethod = \"POST\"\nurl = \"{}/do\"\nidempotency_key = {key}\n",
            service.url()
        )
    };
    pipeline(&world, &stage(false), OUT);
    run(&world, 3);
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn records_are_posted_in_batches_and_a_bad_one_costs_no_other() {
    let world = World::new();
    rows(&world, 40);
    let service = Loopback::start(|request| {
        if request.body.contains("\"text 7\"") {
            (400, "\"bad record\"".to_owned())
        } else {
            (204, String::new())
        }
    });
    let sink = format!(
        "[sink]\ntype = \"webhook\"\nurl = \"{}/in\"\nbatch = 16\nfields = [\"id\", \"text\"]\n",
        service.url()
    );
    pipeline(&world, "", &sink);
    let report = run(&world, 3);
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&39.into(), &1.into()));
    let aside = world.quarantine();
    assert!(aside[0].0.ends_with("r7") && aside[0].1 == "store" && aside[0].2 == "refused", "{aside:?}");
    let mut taken: Vec<String> = service
        .seen()
        .iter()
        .filter(|request| !request.body.contains("\"text 7\""))
        .flat_map(|request| request.json()["records"].as_array().unwrap().clone())
        .map(|record| record["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(taken.len(), 39);
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 39);
    assert!(service.seen().len() <= 3 + 2 * 16, "{} requests", service.seen().len());
    assert!(service.seen().iter().all(|request| request.json()["pipeline"] == "default"));
    // What was delivered is not delivered again; what changed is.
    let before = service.seen().len();
    run(&world, 0);
    assert_eq!(service.seen().len(), before);
    let more = world.read("in.jsonl") + "{\"id\":\"new\",\"text\":\"new\"}\n";
    world.write("in.jsonl", more);
    run(&world, 0);
    let last = service.seen()[before..].to_vec();
    assert_eq!((last.len(), &last[0].json()["records"]), (1, &json!([{ "id": "new", "text": "new" }])));
}

#[test]
fn chunks_of_documents_reach_a_webhook_with_what_was_made_of_them() {
    let world = World::new();
    world.write("docs/a.md", format!("# Head\n\n{}", paragraph("word", 700)));
    let service = Loopback::start(|request| match request.method.as_str() {
        "POST" => (200, "{}".to_owned()),
        _ => (200, json!({ "length": 1 }).to_string()),
    });
    let text = format!(
        "[source]\ntype = \"files\"\npaths = [\"docs\"]\n[[stage]]\ntype = \"parse\"\n[[stage]]\ntype = \"chunk\"\n\
         [[stage]]\ntype = \"http\"\nurl = \"{0}/len?h={{{{ heading }}}}\"\nanswer = \"length\"\nfield = \"len\"\n\
         [[stage]]\ntype = \"embed\"\n[sink]\ntype = \"webhook\"\nurl = \"{0}/in\"\nvectors = \"float\"\n",
        service.url()
    );
    world.write("pipeline.toml", text);
    let report = run(&world, 0);
    let posted: Vec<Value> = service
        .seen()
        .iter()
        .filter(|request| request.method == "POST")
        .flat_map(|request| request.json()["records"].as_array().unwrap().clone())
        .collect();
    assert_eq!(posted.len() as u64, report["chunks"]["written"].as_u64().unwrap());
    assert!(
        posted.len() > 1 && posted.iter().all(|record| record["len"] == 1 && record["vector"].is_array())
    );
    // The same question for every chunk is asked once.
    assert_eq!(service.seen().iter().filter(|request| request.target == "/len?h=Head").count(), 1);
}

#[test]
fn a_webhook_that_is_down_holds_its_records() {
    let world = World::new();
    rows(&world, 5);
    let up = Arc::new(AtomicUsize::new(0));
    let state = up.clone();
    let service =
        Loopback::start(move |_| (if state.load(Ordering::SeqCst) == 0 { 503 } else { 200 }, String::new()));
    let sink = format!("[sink]\ntype = \"webhook\"\nurl = \"{}/in\"\n", service.url());
    pipeline(&world, "", &sink);
    let mut live = world.start(&["run", "pipeline.toml", "--json"]);
    until("a refusal", || (!service.seen().is_empty()).then_some(()));
    live.signal(Signal::TERM);
    live.wait_for("once more stops at once");
    live.signal(Signal::TERM);
    let ran = live.end();
    assert!(matches!(ran.code(), Some(75 | 130)), "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["records"]["stored"], &report["records"]["quarantined"]), (&0.into(), &0.into()));
    up.store(1, Ordering::SeqCst);
    assert_eq!(run(&world, 0)["records"]["stored"], 5);
}

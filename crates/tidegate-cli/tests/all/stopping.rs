//! Signals, and going on after them.

use rustix::process::Signal;
use serde_json::Value;
use tidegate_testkit::provider::{Script, Server};

use crate::world::{Live, World, paragraph, until};

const QUERIES: [&str; 5] =
    ["word3x7", "harbour lantern granite", "violin \"copper glacier\"", "ember", "word119x1"];

/// Enough documents that a signal lands among them.
fn corpus(world: &World) {
    for i in 0..120 {
        let parts: String =
            (0..12).map(|j| format!("## {j}\n\n{}\n\n", paragraph(&format!("word{i}x{j}"), 150))).collect();
        world.write(&format!("docs/{i:03}.md"), format!("# Document {i}\n\n{parts}"));
    }
}

/// What a user sees of the store, without what differs between two stores of the same documents.
fn seen(world: &World) -> Vec<Vec<(String, String, String)>> {
    let args = |query| ["--limit", "20", "--mode", "hybrid", query];
    let hits = |hits: Vec<Value>| -> Vec<(String, String, String)> {
        let mut hits: Vec<_> = hits
            .iter()
            .map(|hit| {
                let score = format!("{:.5}", hit["score"].as_f64().unwrap());
                (
                    score,
                    world.relative(hit["source"].as_str().unwrap()),
                    hit["text"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        // Among equals the order is the store's.
        let least = hits.last().map(|hit| hit.0.clone()).unwrap_or_default();
        hits.retain(|hit| hit.0 != least);
        hits.sort();
        hits
    };
    QUERIES.iter().map(|query| hits(world.hits(&args(query)))).collect()
}

/// Starts to index and waits until some of it is in the store's log.
fn begun(world: &World, bytes: u64) -> Live {
    // Few in flight: a drain finishes what was begun, which would be all of so small a corpus.
    world.write("few.toml", "[limits]\nin_flight = 8\n");
    let mut live = world.start(&["index", "docs", "--json", "--config", "few.toml"]);
    until("something in the store", || {
        let grown = std::fs::metadata(world.path("tidegate.db-wal")).is_ok_and(|meta| meta.len() > bytes);
        (grown || !live.runs()).then_some(())
    });
    live
}

fn uninterrupted() -> (World, Value) {
    let world = World::new();
    corpus(&world);
    let report = world.index(&["docs"]);
    (world, report)
}

fn sum(reports: &[&Value], path: [&str; 2]) -> u64 {
    reports.iter().map(|report| report[path[0]][path[1]].as_u64().unwrap()).sum()
}

#[test]
fn one_signal_drains_and_the_next_run_goes_on() {
    let (whole, alone) = uninterrupted();
    let mut landed = 0;
    for (signal, bytes) in [(Signal::INT, 50_000), (Signal::TERM, 400_000)] {
        let world = World::new();
        corpus(&world);
        let mut live = begun(&world, bytes);
        live.signal(signal);
        let ran = live.end();
        let first = ran.json();
        let records = &first["records"];
        match ran.code() {
            Some(75) => {
                landed += 1;
                assert!(ran.err.contains("stopping"), "{}", ran.err);
                assert_eq!(first["state"], "stopped");
            }
            Some(0) => assert_eq!(records["stored"], 120),
            _ => panic!("{ran:?}"),
        }
        let second = world.index(&["docs"]);
        let both = [&first, &second];
        assert_eq!(sum(&both, ["records", "stored"]), 120);
        assert_eq!(second["records"]["unchanged"], records["stored"]);
        assert_eq!(sum(&both, ["embedded", "texts"]), sum(&[&alone], ["embedded", "texts"]), "paid twice");
        assert_eq!(seen(&world), seen(&whole));
    }
    assert!(landed > 0, "no signal landed in the middle");
}

#[test]
fn two_signals_abort_and_the_next_run_goes_on() {
    let (whole, _) = uninterrupted();
    let mut landed = 0;
    for bytes in [50_000, 300_000] {
        let world = World::new();
        corpus(&world);
        let mut live = begun(&world, bytes);
        live.signal(Signal::INT);
        // Signals of one kind that come together are one.
        until("the first to be taken", || (live.err().contains("stopping") || !live.runs()).then_some(()));
        live.signal(Signal::INT);
        let ran = live.end();
        match ran.code() {
            Some(130) => landed += 1,
            Some(0 | 75) => {}
            _ => panic!("{ran:?}"),
        }
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        world.index(&["docs"]);
        assert_eq!(seen(&world), seen(&whole));
    }
    assert!(landed > 0, "no abort landed in the middle");
}

#[test]
fn a_killed_run_is_gone_on_with() {
    let (whole, _) = uninterrupted();
    let world = World::new();
    corpus(&world);
    let mut killed = 0;
    for bytes in [1_000, 200_000, 900_000] {
        let mut live = begun(&world, bytes);
        live.signal(Signal::KILL);
        killed += u32::from(live.end().code().is_none());
        // A search in between sees whole documents, whatever is there.
        let _ = seen(&world);
    }
    assert!(killed > 0);
    world.index(&["docs"]);
    assert_eq!(seen(&world), seen(&whole));
    let status = world.run(&["status", "--json"]).ended(0).json();
    assert_eq!(status["documents"], 120);
}

#[test]
fn a_signal_keeps_calls_from_being_sent_that_wait_for_their_turn() {
    let world = World::new();
    let script = "chat = { words = 9 }\nlatency = { base = { fixed = \"300ms\" } }\n";
    let server = Server::start(Script::from_toml(script).unwrap()).unwrap();
    let rows: String = (0..300).map(|i| format!("{{\"text\":\"row {i}\"}}\n")).collect();
    world.write("in.jsonl", rows);
    world.write(
        "job.toml",
        format!(
            "[[step]]\nname = \"a\"\nmodel = \"toy:m\"\nprompt = \"{{{{ text }}}}\"\n[providers.toy]\nbase_url = \"{}/v1\"\nconcurrency = 4\n",
            server.url()
        ),
    );
    let mut live = world.start(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"]);
    until("some calls", || (server.log().len() >= 8 || !live.runs()).then_some(()));
    live.signal(Signal::INT);
    live.wait_for("stopping");
    let sent = server.log().len();
    let ran = live.end().ended(75);
    // Those on the wire may be counted when they end.
    assert!(server.log().len() <= sent + 4, "{} were sent after the signal", server.log().len() - sent);
    let (report, sent) = (ran.json(), server.log().len());
    assert_eq!((&report["state"], &report["calls"]["sent"]), (&"stopped".into(), &sent.into()));
    assert!(!ran.err.contains("error:"), "{}", ran.err);
    let written = world.read("out.jsonl").lines().count();
    assert!(written >= 8 && written <= sent, "what was paid for is written: {written} of {sent}");
    // The next run asks for the rest, once.
    world.run(&["map", "job.toml", "in.jsonl", "-o", "out.jsonl"]).ended(0);
    assert_eq!((world.read("out.jsonl").lines().count(), server.log().len()), (300, 300));
}

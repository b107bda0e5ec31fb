//! Documents within an item are found by their own keys, and come and go with it.

use std::collections::BTreeSet;

use tidegate_core::item::{Aside, Failure};
use tidegate_core::{Body, Fault, FaultKind, Ledger as _, Outcome, Record, Unit, Verdict};

use super::world::{World, commit, plain, quarantined, record, stored, sweep, verdict};
use crate::{PipelineRun, RetrySelection};

/// A chunk of the document at `path` in archive `key`.
fn chunk(key: &str, (path, number): (&str, u32), ordinal: u32, text: &str) -> Record {
    let whole = record(key, 0, ordinal, text);
    let mut part = whole.part(format!("{key}!/{path}").into(), number, Body::Text(text.into()));
    part.place = whole.place.clone();
    part.set_embedded(super::world::embedded(text));
    part
}

fn aside(key: &str, path: &str) -> Aside {
    let fault = Fault::new(FaultKind::Malformed, "no such thing");
    let failure = Failure { stage: "parse".into(), fault, exhibit: Body::Empty };
    Aside { key: format!("{key}!/{path}").into(), failure }
}

/// An archive with two good documents and a bad one.
fn archive(version: &str, ordinal: u64) -> Unit {
    let mut unit = stored("a.zip", version, ordinal, &[]);
    unit.records = vec![
        chunk("a.zip", ("x/one.md", 1), 0, "granite first"),
        chunk("a.zip", ("x/one.md", 1), 1, "granite second"),
        chunk("a.zip", ("two.md", 2), 0, "granite third"),
    ];
    unit.items[0].asides = vec![aside("a.zip", "bad.pdf")];
    unit
}

fn listed(world: &World) -> Vec<String> {
    world.store.quarantine_list().unwrap().into_iter().map(|item| item.source).collect()
}

#[tokio::test]
async fn they_are_found_by_their_own_keys() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger
        .commit(&commit(vec![archive("v1", 0), stored("b.md", "v1", 1, &["granite fourth"])]))
        .await
        .unwrap();
    assert_eq!(world.found("granite"), ["a.zip!/two.md", "a.zip!/x/one.md", "b.md"]);
    assert_eq!(listed(&world), ["a.zip!/bad.pdf"]);
    assert_eq!(world.store.quarantined_parts("p", 1).unwrap(), 1);
    assert_eq!(world.store.status().unwrap().documents, 2, "an archive is one document that was listed");
    assert_eq!(verdict(&ledger, "a.zip", "v1").await, Verdict::Unchanged);
    world.assert_sound();
}

#[tokio::test]
async fn they_are_replaced_with_their_item() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![archive("v1", 0)])).await.unwrap();
    let ledger = {
        drop(ledger);
        world.run("r2").await
    };
    let mut unit = stored("a.zip", "v2", 0, &[]);
    unit.records = vec![chunk("a.zip", ("three.md", 1), 0, "granite anew")];
    unit.items[0].asides = vec![aside("a.zip", "worse.pdf")];
    ledger.commit(&commit(vec![unit])).await.unwrap();
    assert_eq!(world.found("granite"), ["a.zip!/three.md"]);
    assert_eq!(listed(&world), ["a.zip!/worse.pdf"]);
    // Put aside as a whole: what was stored stays searchable, and one row says why.
    ledger.commit(&commit(vec![quarantined("a.zip", "v3", 1)])).await.unwrap();
    assert_eq!(listed(&world), ["a.zip"]);
    assert_eq!(world.found("granite"), ["a.zip!/three.md"]);
    world.assert_sound();
}

#[tokio::test]
async fn they_go_with_their_item() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![archive("v1", 0)])).await.unwrap();
    ledger.commit(&commit(vec![plain("a.zip", "v1", 1, Outcome::Deleted)])).await.unwrap();
    assert!(world.found("granite").is_empty() && listed(&world).is_empty());
    assert_eq!(world.count("SELECT count(*) FROM source"), 0);
    ledger.commit(&commit(vec![archive("v1", 2)])).await.unwrap();
    drop(ledger);
    let ledger = world.run("r2").await;
    let swept = sweep(&ledger, "").await;
    assert_eq!((swept.known, swept.deleted), (1, 1), "only what is listed can vanish");
    assert!(world.found("granite").is_empty() && listed(&world).is_empty());
    world.assert_sound();
}

#[tokio::test]
async fn a_bad_one_is_tried_again_with_its_item() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![archive("v1", 0)])).await.unwrap();
    drop(ledger);
    let keys = |key: &str| RetrySelection::Keys(BTreeSet::from([key.to_owned()]));
    let classes = |class: &str| RetrySelection::Classes(BTreeSet::from([class.to_owned()]));
    for (retry, again) in [
        (keys("a.zip!/bad.pdf"), true),
        (keys("a.zip!/two.md"), false),
        (classes("malformed"), true),
        (classes("empty"), false),
        (RetrySelection::All, true),
    ] {
        let run = PipelineRun { retry_quarantined: retry, ..PipelineRun::new("p", "f1", "r2") };
        let ledger = world.store.ledger(run).await.unwrap();
        let expect = if again { Verdict::Go { known: None, aside: None } } else { Verdict::Unchanged };
        assert_eq!(verdict(&ledger, "a.zip", "v1").await, expect);
    }
    let ledger = world.run("r3").await;
    ledger.commit(&commit(vec![archive("v1", 0)])).await.unwrap();
    assert_eq!(world.store.quarantine_list().unwrap()[0].attempts, 2);
    let mut mended = archive("v1", 1);
    mended.items[0].asides.clear();
    ledger.commit(&commit(vec![mended])).await.unwrap();
    assert!(listed(&world).is_empty());
}

#[tokio::test]
async fn a_large_one_is_staged_and_comes_whole() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let texts: Vec<String> = (0..6).map(|at| format!("granite number{at}")).collect();
    let all: Vec<Record> = (0..6)
        .map(|at| chunk("a.zip", (["x", "y"][at as usize / 3], 1 + at / 3), at % 3, &texts[at as usize]))
        .collect();
    ledger.stage(0, &all[..4]).await.unwrap();
    assert!(world.found("granite").is_empty());
    let mut unit = stored("a.zip", "v1", 0, &[]);
    unit.staged = 4;
    unit.records = all.into_iter().skip(4).collect();
    ledger.commit(&commit(vec![unit])).await.unwrap();
    assert_eq!(world.found("granite"), ["a.zip!/x", "a.zip!/y"]);
    assert_eq!(world.count("SELECT count(*) FROM source WHERE parent IS NOT NULL AND chunks = 3"), 2);
    world.assert_sound();
}

#[tokio::test]
async fn a_file_of_the_same_name_is_another_thing() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let file = || stored("a.zip!/two.md", "v1", 7, &["granite of a file"]);
    ledger.commit(&commit(vec![archive("v1", 0)])).await.unwrap();
    assert_eq!(verdict(&ledger, "a.zip!/two.md", "v1").await, Verdict::Go { known: None, aside: None });
    ledger.commit(&commit(vec![file()])).await.unwrap();
    assert_eq!(world.found("file"), ["a.zip!/two.md"]);
    assert_eq!(world.found("third"), ["a.zip!/two.md (2)"]);
    ledger.commit(&commit(vec![archive("v2", 8)])).await.unwrap();
    assert_eq!(world.found("third"), ["a.zip!/two.md (2)"]);
    assert_eq!(world.found("file"), ["a.zip!/two.md"]);
    world.assert_sound();
}

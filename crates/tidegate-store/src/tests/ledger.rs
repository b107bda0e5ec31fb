//! The contract of the ledger, verdict by verdict.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_core::{
    Commit, ContentHash, Coverage, FaultKind, Fields, Journal as _, Ledger as _, Outcome, Position,
    SweepPolicy, Verdict,
};

use super::world::*;
use crate::{OpenMode, PipelineRun, Prune, RetrySelection, Store};

pub(super) fn go(known: Option<&str>) -> Verdict {
    Verdict::Go { known: known.map(|version| ContentHash::of(version.as_bytes())), aside: None }
}

#[tokio::test]
async fn an_item_is_work_once() {
    let world = World::new();
    let ledger = world.run("r1").await;
    assert_eq!(verdict(&ledger, "a", "v1").await, go(None));
    assert_eq!(verdict(&ledger, "a", "v1").await, Verdict::Duplicate);
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["one moon", "two seas"])])).await.unwrap();
    drop(ledger);
    let ledger = world.run("r2").await;
    assert_eq!(verdict(&ledger, "a", "v1").await, Verdict::Unchanged);
    ledger.close().await.unwrap();
    let ledger = world.run("r3").await;
    assert_eq!(verdict(&ledger, "a", "v2").await, go(Some("v1")));
    drop(ledger);
    // An empty version proves nothing.
    let ledger = world.run("r4").await;
    assert_eq!(verdict(&ledger, "a", "").await, go(Some("v1")));
    world.assert_sound();
    assert_eq!(world.store.runs(9).unwrap().len(), 4);
}

#[tokio::test]
async fn another_fingerprint_or_force_is_work_again() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    drop(ledger);
    let ledger = world.store.ledger(PipelineRun::new("p", "f2", "r2")).await.unwrap();
    assert_eq!(verdict(&ledger, "a", "v1").await, go(None));
    drop(ledger);
    let run = PipelineRun { force: true, relist: true, ..PipelineRun::new("p", "f1", "r3") };
    let ledger = world.store.ledger(run).await.unwrap();
    assert_eq!(verdict(&ledger, "a", "v1").await, go(None));
    assert_eq!(verdict(&ledger, "a", "v1").await, go(None));
}

#[tokio::test]
async fn a_document_is_replaced_whole() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon tide", "lunar sea"])])).await.unwrap();
    assert_eq!(world.found("lunar"), ["a"]);
    ledger.commit(&commit(vec![stored("a", "v2", 0, &["moon tide", "solar wind"])])).await.unwrap();
    assert!(world.found("lunar").is_empty());
    assert_eq!(world.found("solar"), ["a"]);
    world.assert_sound();
    assert_eq!(world.count("SELECT revision FROM source"), 2);
    // The vector of the text that is gone was paid for and stays.
    assert_eq!(world.store.status().unwrap().journal, 3);
    ledger.commit(&commit(vec![stored("a", "v3", 0, &[])])).await.unwrap();
    world.assert_sound();
    assert!(world.found("moon").is_empty());
    assert_eq!(world.store.prune_journal(Prune::default()).await.unwrap().vectors, 3);
}

#[tokio::test]
async fn equal_content_has_one_vector() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let units = vec![stored("a", "v1", 0, &["moon"]), stored("b", "v1", 1, &["moon", "moon"])];
    ledger.commit(&commit(units)).await.unwrap();
    let status = world.store.status().unwrap();
    assert_eq!((status.documents, status.chunks, status.vectors, status.journal), (2, 3, 1, 1));
    ledger.commit(&commit(vec![plain("a", "v1", 2, Outcome::Deleted)])).await.unwrap();
    world.assert_sound();
    assert_eq!(world.found("moon"), ["b"]);
}

#[tokio::test]
async fn the_quarantine_keeps_the_old_version_searchable() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    ledger.commit(&commit(vec![quarantined("a", "v2", 1)])).await.unwrap();
    assert_eq!(world.found("moon"), ["a"]);
    // The same commit again (its answer was lost) is the same attempt.
    ledger.commit(&commit(vec![quarantined("a", "v2", 1)])).await.unwrap();
    assert_eq!(world.store.quarantine_list().unwrap()[0].attempts, 1);
    ledger.commit(&commit(vec![quarantined("a", "v2", 2)])).await.unwrap();
    let shown = world.store.quarantine_show("a").unwrap().remove(0);
    assert_eq!((shown.attempts, shown.class.as_str(), shown.stage.as_str()), (2, "malformed", "parse"));
    assert_eq!(shown.payload.as_deref(), Some(&b"the content"[..]));
    assert_eq!(shown.chain, ["reading a", "not what it says"]);
    drop(ledger);

    let ledger = world.run("r2").await;
    assert_eq!(verdict(&ledger, "a", "v2").await, Verdict::StillQuarantined);
    drop(ledger);
    for (retry, expected) in [
        (RetrySelection::All, go(Some("v1"))),
        (RetrySelection::Keys(BTreeSet::from(["b".to_owned()])), Verdict::StillQuarantined),
        (RetrySelection::Classes(BTreeSet::from(["malformed".to_owned()])), go(Some("v1"))),
    ] {
        let run = PipelineRun { retry_quarantined: retry, ..PipelineRun::new("p", "f1", "r3") };
        let ledger = world.store.ledger(run).await.unwrap();
        assert_eq!(verdict(&ledger, "a", "v2").await, expected);
    }
    // The good version is back: the row is out of date.
    let ledger = world.run("r4").await;
    assert_eq!(verdict(&ledger, "a", "v1").await, Verdict::Unchanged);
    assert!(world.store.quarantine_list().unwrap().is_empty());
}

#[tokio::test]
async fn what_was_put_aside_is_known_by_its_content() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![quarantined("a", "v1", 0)])).await.unwrap();
    let hash = |version: &str| Some(ContentHash::of(version.as_bytes()));
    drop(ledger);
    let ledger = world.run("r2").await;
    let again = Verdict::Go { known: None, aside: hash("v1") };
    assert_eq!(verdict(&ledger, "a", "").await, again);
    let keys = ["a".into(), "b".into()];
    let version = |text: &str| Some(tidegate_core::Version(text.to_owned()));
    assert_eq!(ledger.put_aside(&keys).await.unwrap(), [version("v1"), None]);
    // Read, and found equal: the row stays as it is but for the version.
    let same = with_content(plain("a", "v2", 0, Outcome::Quarantined), "v1");
    ledger.commit(&commit(vec![same])).await.unwrap();
    let row = world.store.quarantine_list().unwrap().remove(0);
    assert_eq!((row.attempts, row.class.as_str()), (1, "malformed"));
    assert_eq!(ledger.put_aside(&keys).await.unwrap(), [version("v2"), None]);
    let other = with_content(plain("a", "v3", 1, Outcome::Quarantined), "v3");
    assert_eq!(ledger.commit(&commit(vec![other])).await.unwrap_err().kind(), FaultKind::Internal);
    drop(ledger);
    // Under another configuration, or where it is to be tried again, it says nothing.
    let ledger = world.store.ledger(PipelineRun::new("p", "f2", "r3")).await.unwrap();
    assert_eq!(verdict(&ledger, "a", "v2").await, go(None));
    assert_eq!(ledger.put_aside(&keys).await.unwrap(), [None, None]);
    drop(ledger);
    let run = PipelineRun { retry_quarantined: RetrySelection::All, ..PipelineRun::new("p", "f1", "r4") };
    let ledger = world.store.ledger(run).await.unwrap();
    assert_eq!(verdict(&ledger, "a", "").await, go(None));
    assert_eq!(ledger.put_aside(&keys).await.unwrap(), [None, None]);
}

#[tokio::test]
async fn storing_and_dropping_empty_the_quarantine() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let aside = ["a", "b", "c"].iter().zip(0..).map(|(key, at)| quarantined(key, "v1", at)).collect();
    ledger.commit(&commit(aside)).await.unwrap();
    ledger.commit(&commit(vec![stored("a", "v1", 3, &["x"])])).await.unwrap();
    assert_eq!(world.store.status().unwrap().quarantine[0].count, 2);
    assert_eq!(world.store.quarantine_drop(Some(vec!["b".into(), "x".into()])).await.unwrap(), 1);
    assert_eq!(world.store.quarantine_drop(None).await.unwrap(), 1);
}

#[tokio::test]
async fn unchanged_refreshes_the_version_of_what_is_stored_and_nothing_else() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    ledger.commit(&commit(vec![plain("a", "v2", 1, Outcome::Unchanged)])).await.unwrap();
    let lost = ledger.commit(&commit(vec![plain("b", "v1", 2, Outcome::Unchanged)])).await;
    assert_eq!(lost.unwrap_err().kind(), FaultKind::Internal);
    drop(ledger);
    let ledger = world.run("r2").await;
    assert_eq!(verdict(&ledger, "a", "v2").await, Verdict::Unchanged);
    assert_eq!(world.found("moon"), ["a"]);
}

#[tokio::test]
async fn position_and_lengths_come_with_the_commit() {
    let world = World::new();
    let ledger = world.run("r1").await;
    assert_eq!(ledger.resume().await.unwrap(), None);
    let mut units = vec![stored("a", "v1", 0, &["moon"])];
    let position = Some(Position("line 7".into()));
    let whole = Commit { units, position: position.clone(), lengths: vec![("out".into(), 42)] };
    ledger.commit(&whole).await.unwrap();
    units = vec![stored("b", "v1", 1, &["x"]), plain("c", "v1", 2, Outcome::Unchanged)];
    let failing =
        Commit { units, position: Some(Position("line 9".into())), lengths: vec![("out".into(), 43)] };
    ledger.commit(&failing).await.unwrap_err();
    assert_eq!(ledger.resume().await.unwrap(), position);
    assert_eq!(ledger.length("out").await.unwrap(), Some(42));
    assert_eq!(ledger.length("other").await.unwrap(), None);
    assert!(world.found("x").is_empty());
    world.assert_sound();
}

#[tokio::test]
async fn staged_chunks_are_invisible_until_their_unit_commits() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["old moon"])])).await.unwrap();
    ledger.stage(5, &[record("a", 5, 0, "new sun"), record("a", 5, 1, "bright star")]).await.unwrap();
    ledger.stage(6, &[record("z", 6, 0, "never committed")]).await.unwrap();
    assert!(world.found("sun").is_empty());
    let mut unit = stored("a", "v2", 5, &[]);
    unit.records.push(record("a", 5, 2, "last comet"));
    unit.staged = 2;
    let unit = commit(vec![unit]);
    ledger.commit(&unit).await.unwrap();
    // Again, as after a lost answer: the staged rows are gone, because they are in place.
    ledger.commit(&unit).await.unwrap();
    for text in ["sun", "star", "comet"] {
        assert_eq!(world.found(text), ["a"]);
    }
    assert!(world.found("old").is_empty());
    assert_eq!(world.count("SELECT count(*) FROM staging"), 1);
    let mut partial = stored("b", "v1", 7, &[]);
    partial.staged = 3;
    assert_eq!(ledger.commit(&commit(vec![partial])).await.unwrap_err().kind(), FaultKind::Internal);
    drop(ledger);
    let _ledger = world.run("r2").await;
    assert_eq!(world.count("SELECT count(*) FROM staging"), 0);
    world.assert_sound();
}

#[tokio::test]
async fn a_document_whose_first_chunk_was_left_out_keeps_its_fields() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let chunk = |ordinal, text| {
        let mut chunk = record("a", 5, ordinal, text);
        chunk.fields = Arc::new(Fields::from_iter([("title".to_owned(), "Kept".into())]));
        chunk
    };
    ledger.stage(5, &[chunk(1, "new sun"), chunk(2, "bright star")]).await.unwrap();
    let mut unit = stored("a", "v1", 5, &[]);
    unit.staged = 2;
    ledger.commit(&commit(vec![unit])).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM source WHERE title = 'Kept'"), 1);
    world.assert_sound();
}

#[tokio::test]
async fn a_second_run_of_a_pipeline_is_refused_and_another_pipeline_is_not() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let second = Store::open(&world.url(), OpenMode::Write).unwrap();
    let refused = second.ledger(PipelineRun::new("p", "f1", "r2")).await.err().unwrap();
    assert!(refused.to_string().contains("held by pid"), "{refused}");
    let other = second.ledger(PipelineRun::new("q", "f1", "r3")).await.unwrap();
    other.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    let lease = world.store.status().unwrap().pipelines[0].lease.clone().unwrap();
    assert_eq!(lease.pid, std::process::id());
    drop(ledger);
    world.store.quarantine_drop(None).await.unwrap(); // queued behind the giving back of the lease
    second.ledger(PipelineRun::new("p", "f1", "r4")).await.unwrap();
}

#[tokio::test]
async fn a_run_that_lost_its_lease_writes_nothing_more() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    let conn = rusqlite::Connection::open(world.store.path()).unwrap();
    conn.execute("UPDATE lease SET epoch = epoch + 1, owner = 'another'", []).unwrap();
    let late = ledger.commit(&commit(vec![stored("a", "v2", 1, &["sun"])])).await;
    assert_eq!(late.unwrap_err().kind(), FaultKind::Fenced);
    let late = ledger.stage(1, &[record("a", 1, 0, "sun")]).await;
    assert_eq!(late.unwrap_err().kind(), FaultKind::Fenced);
    assert_eq!(world.found("moon"), ["a"]);
    drop(ledger);
    assert_eq!(world.count("SELECT owner = 'another' FROM lease"), 1);
}

#[tokio::test]
async fn the_journal_keeps_what_is_sound_and_refuses_the_rest() {
    let world = World::new();
    let key = |text: &str| ContentHash::of(text.as_bytes());
    let entry = |text: &str| (key(text), vector(text), 3);
    world.store.append("m", vec![entry("a"), entry("b"), entry("a")]).await.unwrap();
    let found = world.store.lookup(&[key("b"), key("x"), key("a")]).await.unwrap();
    assert_eq!(found, [Some(vector("b")), None, Some(vector("a"))]);
    for bad in [vec![f32::NAN; 64], vec![f32::INFINITY; 64], vec![1.0; 63], vec![]] {
        let entries = vec![entry("c"), (key("bad"), bad.into(), 1)];
        assert_eq!(world.store.append("m", entries).await.unwrap_err().kind(), FaultKind::Validation);
    }
    assert_eq!(world.store.status().unwrap().journal, 2);
    world.store.append("other", vec![(key("short"), vec![1.0].into(), 1)]).await.unwrap();
    // A second vector for a key changes nothing.
    world.store.append("m", vec![(key("a"), vector("z"), 1)]).await.unwrap();
    assert_eq!(world.store.lookup(&[key("a")]).await.unwrap(), [Some(vector("a"))]);
}

#[tokio::test]
async fn a_record_that_cannot_be_stored_is_the_records_fault() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let mut bytes = stored("a", "v1", 0, &["x"]);
    bytes.records[0].set_body(tidegate_core::Body::Bytes(vec![0u8].into()));
    assert_eq!(ledger.commit(&commit(vec![bytes])).await.unwrap_err().kind(), FaultKind::Unsupported);
    let mut broken = stored("a", "v1", 0, &["x"]);
    let mut bad = embedded("x");
    bad.vector = vec![f32::NAN; 64].into();
    broken.records[0].set_embedded(bad);
    assert_eq!(ledger.commit(&commit(vec![broken])).await.unwrap_err().kind(), FaultKind::Validation);
    assert_eq!(world.store.status().unwrap().documents, 0);
}

#[tokio::test]
async fn a_report_is_kept() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let report = tidegate_core::report::Report { run: "r1".into(), seconds: 1.5, ..Default::default() };
    world.store.record_run("p", &report).await.unwrap();
    let run = world.store.runs(1).unwrap().remove(0);
    assert_eq!((run.state.as_str(), run.report.unwrap()["seconds"].as_f64()), ("done", Some(1.5)));
    drop(ledger);
    let _crashed = world.run("r2").await;
    assert_eq!(world.store.runs(9).unwrap()[0].state, "running");
}

#[tokio::test]
async fn a_window_files_its_chunks_under_its_first_item_and_settles_all() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("b", "v0", 9, &["old text"])])).await.unwrap();
    let mut window = stored("a", "v1", 0, &["moon", "sea"]);
    window.items.push(outcome(item("b", "v1"), 1, Outcome::Stored));
    window.records.push(record("somewhere else", 0, 2, "tide"));
    ledger.commit(&commit(vec![window])).await.unwrap();
    assert_eq!(world.found("moon sea tide"), ["a"]);
    assert!(world.found("old").is_empty());
    assert_eq!(world.count("SELECT chunks FROM source WHERE uri = 'b'"), 0);
    drop(ledger);
    let ledger = world.run("r2").await;
    assert_eq!(verdict(&ledger, "b", "v1").await, Verdict::Unchanged);
    world.assert_sound();
}

#[tokio::test]
async fn the_quarantine_keeps_large_content_by_its_beginning_and_hash() {
    let world = World::new();
    let ledger = world.run("r1").await;
    for (at, length) in [(0, 64 << 10), (1, (64 << 10) + 1)] {
        let content: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let mut unit = quarantined("a", "v1", at);
        unit.items[0].failure.as_mut().unwrap().exhibit = tidegate_core::Body::Bytes(content.clone().into());
        ledger.commit(&commit(vec![unit])).await.unwrap();
        let shown = world.store.quarantine_show("a").unwrap().remove(0);
        let kept = if at == 0 { length } else { 4 << 10 };
        assert_eq!(shown.payload.unwrap(), content[..kept]);
        assert_eq!(shown.payload_len, length as u64);
    }
}

/// Runs nothing: the store has no CPU work for the pool.
struct NoPool;

impl tidegate_core::Compute for NoPool {
    fn submit(&self, _: u64, _: Box<dyn FnOnce() + Send>) {}
    fn width(&self) -> usize {
        1
    }
}

#[tokio::test]
async fn the_sink_commits_through_the_ledger() {
    use tidegate_core::Sink as _;
    let world = World::new();
    let ledger = std::sync::Arc::new(world.run("r1").await);
    let stopped = tidegate_core::StopHandle::new().subscribe();
    let cx = tidegate_core::Cx::new("r1".into(), std::sync::Arc::new(NoPool), stopped);
    let mut sink = crate::StoreSink::new(ledger);
    assert!(sink.grouping().items > 1 && !sink.ordered());
    sink.stage(&cx, 0, &[record("a", 0, 0, "moon")]).await.unwrap();
    let mut unit = stored("a", "v1", 0, &[]);
    unit.records.push(record("a", 0, 1, "sea"));
    unit.staged = 1;
    sink.commit(&cx, &mut commit(vec![unit])).await.unwrap();
    sink.finish(&cx).await.unwrap();
    assert_eq!(world.search("moon sea").len(), 2);
}

#[tokio::test]
async fn a_run_that_keeps_only_outcomes_indexes_nothing() {
    let world = World::new();
    let run = |name: &'static str| PipelineRun { outcomes_only: true, ..PipelineRun::new("p", "f1", name) };
    let ledger = world.store.ledger(run("r1")).await.unwrap();
    let mut streamed = stored("rows#1", "v1", 1, &["solar wind"]);
    std::sync::Arc::make_mut(&mut streamed.items[0].item).position = Some(Position("1".to_owned()));
    let mut both = commit(vec![stored("a", "v1", 0, &["lunar sea"]), streamed]);
    both.position = Some(Position("1".to_owned()));
    ledger.commit(&both).await.unwrap();
    drop(ledger);
    assert!(world.found("lunar").is_empty());
    assert_eq!(world.count("SELECT count(*) FROM source"), 1, "the row of a stream leaves none of its own");
    let ledger = world.store.ledger(run("r2")).await.unwrap();
    assert_eq!(verdict(&ledger, "a", "v1").await, Verdict::Unchanged);
    assert_eq!(ledger.resume().await.unwrap(), Some(Position("1".to_owned())));
    world.assert_sound();
}

#[tokio::test]
async fn the_settings_of_each_source_are_remembered_once() {
    let world = World::new();
    let settings = |name: &str, value: &str| crate::Settings {
        pipeline: "p".to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let ledger = world.run("r1").await;
    for (name, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
        ledger.remember_settings(name, value).await.unwrap();
    }
    let mut found = world.store.settings().unwrap();
    found.sort_by(|x, y| x.name.cmp(&y.name));
    assert_eq!(found, [settings("a", "3"), settings("b", "2")]);
}

#[tokio::test]
async fn a_listing_of_a_folder_says_nothing_of_rows_made_of_its_files() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("/rw/p.jsonl#7", "v1", 0, &["lunar sea"])])).await.unwrap();
    drop(ledger);
    let covered = |prefix: &str| Coverage { covered: vec![prefix.to_owned()], unknown: Vec::new() };
    let ledger = world.run("r2").await;
    assert_eq!(ledger.sweep(&covered("/rw/"), SweepPolicy::default()).await.unwrap().deleted, 0);
    assert_eq!(ledger.sweep(&covered("/rw/p.jsonl#"), SweepPolicy::default()).await.unwrap().deleted, 1);
    world.assert_sound();
}

#[tokio::test]
async fn what_a_retry_did_not_try_stays_as_it_was_put_aside() {
    let world = World::new();
    let open = async |pipeline: &'static str| {
        let run = PipelineRun { outcomes_only: true, ..PipelineRun::new(pipeline, "f1", pipeline) };
        world.store.ledger(run).await.unwrap()
    };
    let put = |keys: &[&'static str], version: &'static str| {
        commit((0..).zip(keys).map(|(at, key)| quarantined(key, version, at)).collect())
    };
    let ledger = open("p").await;
    ledger.commit(&put(&["again", "gone", "left", "mended"], "v1")).await.unwrap();
    let before = world.store.quarantine_list().unwrap();
    let retry = open("p.retry").await;
    retry.commit(&put(&["again", "left", "new"], "v2")).await.unwrap();
    retry.close().await.unwrap();
    let untried = BTreeSet::from(["gone".to_owned(), "left".to_owned(), "new".to_owned()]);
    ledger.adopt("p.retry", &untried).await.unwrap();
    let after = world.store.quarantine_list().unwrap();
    let entry = |list: &[crate::Quarantined], key: &str| {
        list.iter().find(|entry| entry.source == key).map(|entry| (entry.attempts, entry.trace.clone()))
    };
    let keys: BTreeSet<&str> = after.iter().map(|entry| entry.source.as_str()).collect();
    assert_eq!(keys, BTreeSet::from(["again", "left", "new"]), "what is not there any more is not missing");
    assert!(after.iter().all(|entry| entry.pipeline == "p"));
    assert_eq!(entry(&after, "left"), entry(&before, "left"));
    assert_eq!(entry(&after, "again").unwrap().0, 2);
    assert_eq!(entry(&after, "new").unwrap().0, 1);
}

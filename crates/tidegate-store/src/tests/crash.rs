//! What is in the file after something went wrong half way.

use std::sync::atomic::Ordering;

use tidegate_core::{ContentHash, FaultKind, Journal as _, Ledger as _, Outcome};

use super::world::*;
use crate::{OpenMode, OpenOptions, PipelineRun, Store};

#[tokio::test]
async fn a_commit_whose_result_is_unknown_is_looked_up() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let sabotage = world.store.writer().unwrap().sabotage.clone();
    // The disk failed before the commit reached it: the caller is told, and nothing is there.
    sabotage.store(1, Ordering::SeqCst);
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap_err();
    assert!(world.found("moon").is_empty());
    // It failed after: all is there, and the caller is not bothered.
    sabotage.store(2, Ordering::SeqCst);
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    assert_eq!(world.found("moon"), ["a"]);
    assert_eq!(world.count("SELECT revision FROM source"), 1);
    ledger.commit(&commit(vec![stored("b", "v1", 1, &["moon"])])).await.unwrap();
    world.assert_sound();
}

#[tokio::test]
async fn one_failing_request_does_not_cost_those_it_shares_a_transaction_with() {
    let world = World::new();
    let ledger = world.run("r1").await;
    let good = commit(vec![stored("a", "v1", 0, &["moon"])]);
    let bad = commit(vec![stored("b", "v1", 1, &["sun"]), plain("c", "v1", 2, Outcome::Unchanged)]);
    let last = commit(vec![stored("d", "v1", 3, &["star"])]);
    let entry = (ContentHash::of(b"k"), vector("k"), 1);
    let (good, bad, append, last) = tokio::join!(
        ledger.commit(&good),
        ledger.commit(&bad),
        world.store.append("m", vec![entry]),
        ledger.commit(&last)
    );
    assert!(good.is_ok() && append.is_ok() && last.is_ok());
    assert_eq!(bad.unwrap_err().kind(), FaultKind::Internal);
    assert_eq!(world.found("moon sun star"), ["a", "d"]);
    world.assert_sound();
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_all_or_nothing() {
    let world = World::new();
    let ledger = world.run("r1").await;
    for at in 0..20u64 {
        let key = format!("k{at}");
        let unit = commit(vec![stored(&key, "v1", at, &["moon", "sea"])]);
        let mut future = Box::pin(ledger.commit(&unit));
        // Poll at most `at` times, then drop.
        for _ in 0..at % 4 {
            if std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    ledger.commit(&commit(vec![stored("last", "v1", 99, &["gate"])])).await.unwrap();
    world.assert_sound();
    assert_eq!(world.count("SELECT count(*) FROM source WHERE chunks <> 2"), 1);
}

#[tokio::test]
async fn a_run_given_up_while_it_opens_leaves_no_lease() {
    let world = World::new();
    for polls in 0..4 {
        let mut future = Box::pin(world.store.ledger(PipelineRun::new("p", "f1", "r1")));
        for _ in 0..polls {
            if std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())).await {
                break;
            }
            // What the writer was asked by then is done.
            world.store.quarantine_drop(None).await.unwrap();
        }
        drop(future);
        world.store.quarantine_drop(None).await.unwrap();
        world.run("r2").await.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_panicking_request_is_a_fault_and_the_writer_lives_on() {
    let world = World::new();
    let panic = world.store.writer().unwrap();
    let result = panic.call(crate::writer::Kind::Other, |conn| -> Result<(), _> {
        conn.execute("DELETE FROM counter", []).unwrap();
        panic!("planted")
    });
    assert_eq!(result.await.unwrap_err().kind(), FaultKind::Panic);
    assert_eq!(world.count("SELECT count(*) FROM counter"), 2);
    world.run("r1").await;
}

#[tokio::test]
async fn a_process_that_died_in_a_transaction_leaves_the_old_state() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    // Another process: some statements of a commit, then nothing more.
    let conn = rusqlite::Connection::open(world.store.path()).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE; DELETE FROM chunk; DELETE FROM source; PRAGMA cache_spill = 1;")
        .unwrap();
    assert_eq!(world.found("moon"), ["a"]);
    drop(conn);
    ledger.commit(&commit(vec![stored("b", "v1", 1, &["moon"])])).await.unwrap();
    assert_eq!(world.found("moon"), ["a", "b"]);
    // What a killed process leaves on disk, byte for byte: the file and its log, copied while open.
    let copy = world.dir.path().join("copy.db");
    std::fs::copy(world.store.path(), &copy).unwrap();
    std::fs::copy(world.dir.path().join("t.db-wal"), world.dir.path().join("copy.db-wal")).unwrap();
    let after = Store::open(copy.to_str().unwrap(), OpenMode::Write).unwrap();
    assert_eq!(after.status().unwrap().documents, 2);
}

#[tokio::test]
async fn a_full_disk_costs_nothing_that_was_there() {
    let world = World::new();
    {
        let ledger = world.run("r1").await;
        ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    }
    let url = world.url();
    let dir = world.dir;
    drop(world.store);
    let size = std::fs::metadata(dir.path().join("t.db")).unwrap().len();
    let options = OpenOptions { max_bytes: size + (64 << 10), ..OpenOptions::new(OpenMode::Write) };
    let world = World { dir, store: Store::open_with(&url, &options).unwrap() };
    let ledger = world.run("r2").await;
    let large = "a different word every time ".repeat(400);
    let mut stopped = None;
    for at in 0..200u64 {
        let unit = stored(&format!("k{at}"), "v1", at, &[&large, "small"]);
        if let Err(fault) = ledger.commit(&commit(vec![unit])).await {
            stopped = Some((at, fault));
            break;
        }
    }
    let (at, fault) = stopped.expect("200 large documents do not fit");
    assert_eq!(fault.kind(), FaultKind::StorageFull);
    world.assert_sound();
    assert_eq!(world.store.status().unwrap().documents, at + 1);
    drop(ledger);
    drop(world.store);
    // With room again, the same commit goes through.
    let store = Store::open(&url, OpenMode::Write).unwrap();
    let ledger = store.ledger(PipelineRun::new("p", "f1", "r3")).await.unwrap();
    ledger.commit(&commit(vec![stored(&format!("k{at}"), "v1", at, &[&large])])).await.unwrap();
    assert_eq!(store.status().unwrap().documents, at + 2);
}

#[tokio::test]
async fn a_closed_store_is_one_file() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["lunar sea"])])).await.unwrap();
    tidegate_core::Journal::lookup(&world.store, &[tidegate_core::ContentHash::of(b"x")]).await.unwrap();
    world.search("lunar");
    ledger.close().await.unwrap();
    let World { dir, store } = world;
    let path = store.path().to_path_buf();
    drop(store);
    let beside = |ending: &str| std::path::PathBuf::from(format!("{}{ending}", path.display()));
    assert!(std::fs::metadata(beside("-wal")).map_or(0, |meta| meta.len()) == 0, "the log was left behind");
    let copy = dir.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(Store::open(copy.to_str().unwrap(), OpenMode::Read).unwrap().status().unwrap().documents, 1);
}

#[tokio::test]
async fn the_log_of_a_store_that_was_removed_is_not_replayed_into_a_new_one() {
    let world = World::new();
    let ledger = world.run("r1").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["lunar sea"])])).await.unwrap();
    let path = world.store.path().to_path_buf();
    let log = std::path::PathBuf::from(format!("{}-wal", path.display()));
    let kept = std::fs::read(&log).unwrap();
    assert!(!kept.is_empty());
    drop(ledger);
    let World { dir: _dir, store } = world;
    drop(store);
    // As a kill and an `rm` of the main file leave it.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&log, &kept).unwrap();
    let fresh = Store::open(path.to_str().unwrap(), OpenMode::Write).unwrap();
    fresh.check().unwrap();
    assert_eq!(fresh.status().unwrap().documents, 0);
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let stale =
        names.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().contains("-wal.stale-"));
    assert!(stale, "what may be all that is left of a store is kept");
}

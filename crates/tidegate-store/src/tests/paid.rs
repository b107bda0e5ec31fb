//! What was paid for is kept, found again, and taken out only where nothing needs it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tidegate_core::{ContentHash, FaultKind, Journal as _, Kept, Ledger as _, Replies as _};

use super::world::*;
use crate::schema::{self, MIGRATIONS};
use crate::{OpenMode, Prune, Pruned, Store};

fn key(of: &str) -> ContentHash {
    ContentHash::of(of.as_bytes())
}

fn kept(reply: &str) -> Kept {
    Kept { reply: Bytes::copy_from_slice(reply.as_bytes()), input_tokens: 7, output_tokens: 3, cost: 0.25 }
}

/// Pretends that everything in the journal was written `ms` after 1970.
fn written_at(world: &World, table: &str, ms: i64) {
    let conn = Connection::open(world.store.path()).unwrap();
    conn.execute(&format!("UPDATE {table} SET created = ?1 WHERE created > 1000000"), [ms]).unwrap();
}

#[tokio::test]
async fn a_reply_is_found_again_also_by_the_next_process() {
    let world = World::new();
    let entries = vec![(key("a"), kept("one")), (key("b"), kept("two"))];
    world.store.append_replies("m", entries).await.unwrap();
    // The first reply under a key stays: what acted on it must be able to find it.
    world.store.append_replies("m", vec![(key("a"), kept("other"))]).await.unwrap();
    let World { dir, store } = world;
    drop(store);
    let store = Store::open(dir.path().join("t.db").to_str().unwrap(), OpenMode::Read).unwrap();
    let found = store.lookup_replies(&[key("b"), key("c"), key("a")]).await.unwrap();
    let found: Vec<Option<Kept>> = found.into_iter().map(|kept| kept.map(|(kept, _)| kept)).collect();
    assert_eq!(found, [Some(kept("two")), None, Some(kept("one"))]);
}

#[tokio::test]
async fn vectors_are_kept_aside_unless_somebody_is_writing() {
    let world = World::new();
    let ledger = world.run("r").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    let reader = Store::open(&world.url(), OpenMode::Read).unwrap();
    let wait = Duration::from_millis(50);
    let entry = |of: &str| [(key(of), vector(of), 5)];
    reader.append_aside("better", &entry("sun"), wait).unwrap();
    reader.append_aside("better", &entry("sun"), wait).unwrap();
    assert_eq!(reader.lookup(&[key("sun")]).await.unwrap(), [Some(vector("sun"))]);
    // It is known by its length, and no search takes it for a vector of a chunk.
    let lengths = reader.lengths().unwrap();
    assert!(
        lengths.contains(&("better".to_owned(), 64)) && reader.models().unwrap().len() == 1,
        "{lengths:?}"
    );
    world.assert_sound();
    // Whoever is writing is not waited for, and goes on undisturbed.
    let other = Connection::open(world.store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = reader.append_aside("better", &entry("stars"), wait).unwrap_err();
    assert_eq!(busy.kind(), FaultKind::StorageBusy);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.lookup(&[key("stars")]).await.unwrap(), [None]);
    ledger.commit(&commit(vec![stored("b", "v1", 1, &["sea"])])).await.unwrap();
    // All or nothing, also where one of them is no vector.
    let mixed = [(key("x"), vector("x"), 5), (key("y"), Arc::from([f32::NAN]), 5)];
    assert_eq!(reader.append_aside("better", &mixed, wait).unwrap_err().kind(), FaultKind::Validation);
    assert_eq!(reader.lookup(&[key("x")]).await.unwrap(), [None]);
    assert_eq!(
        reader.append_aside("better", &[(key("z"), Arc::from([1.0]), 1)], wait).unwrap_err().kind(),
        FaultKind::Validation
    );
    reader.append_aside("better", &[], wait).unwrap();
    // A file that cannot be opened for writing.
    std::fs::remove_file(world.store.path()).unwrap();
    reader.append_aside("better", &entry("late"), wait).unwrap_err();
}

#[tokio::test]
async fn a_reply_that_was_too_old_gives_way_to_a_new_one() {
    let world = World::new();
    world.store.append_replies("m", vec![(key("a"), kept("one"))]).await.unwrap();
    written_at(&world, "reply", 1_000_001);
    world.store.append_replies("m", vec![(key("a"), kept("two"))]).await.unwrap();
    let (found, at) = world.store.lookup_replies(&[key("a")]).await.unwrap().pop().flatten().unwrap();
    assert_eq!(found, kept("two"));
    assert!(at > 1_000_001);
}

#[tokio::test]
async fn the_journal_says_what_it_holds_and_what_of_it_is_unused() {
    let world = World::new();
    let ledger = world.run("r").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    let spare: Arc<[f32]> = vector("sun");
    world.store.append("m", vec![(key("sun"), spare, 5)]).await.unwrap();
    world.store.append_replies("chat", vec![(key("q"), kept("answer"))]).await.unwrap();
    let stats = world.store.journal_stats().unwrap();
    assert_eq!(stats.vectors.iter().map(|model| model.entries).sum::<u64>(), 2);
    assert_eq!(stats.vectors.iter().map(|model| model.unused).sum::<u64>(), 1);
    let chat = &stats.replies[0];
    assert_eq!((chat.model.as_str(), chat.entries, chat.bytes, chat.tokens), ("chat", 1, 6, 10));
    assert_eq!(chat.cost, Some(0.25));
}

#[tokio::test]
async fn pruning_takes_the_oldest_unused_entries_and_no_more_than_asked() {
    let world = World::new();
    let ledger = world.run("r").await;
    ledger.commit(&commit(vec![stored("a", "v1", 0, &["moon"])])).await.unwrap();
    written_at(&world, "journal", 1); // the oldest of all, and in use
    for (ms, name) in [(10, "old"), (20, "middle"), (30, "new")] {
        world.store.append_replies("chat", vec![(key(name), kept("12345678"))]).await.unwrap();
        written_at(&world, "reply", ms);
    }
    let prune = |prune: Prune| world.store.prune_journal(prune);
    let counted = prune(Prune { before: Some(21), dry_run: true, ..Prune::default() }).await.unwrap();
    assert_eq!(counted, Pruned { vectors: 0, replies: 2, bytes: 16 });
    let none = Prune { before: Some(21), model: Some("another".into()), ..Prune::default() };
    assert_eq!(prune(none).await.unwrap(), Pruned::default());
    // The vector takes 256 bytes, each reply 8.
    let down_to = Prune { down_to: Some(256 + 17), ..Prune::default() };
    assert_eq!(prune(down_to).await.unwrap().replies, 1);
    let found = world.store.lookup_replies(&[key("old"), key("middle"), key("new")]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, true]);
    let all = prune(Prune::default()).await.unwrap();
    assert_eq!((all.vectors, all.replies), (0, 2));
    assert_eq!(world.found("moon"), ["a"]);
    world.assert_sound();
}

#[test]
fn a_store_of_the_first_version_is_brought_forward_with_all_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let mut conn = Connection::open(&path).unwrap();
    schema::migrate(&mut conn, &MIGRATIONS[..1]).unwrap();
    conn.execute_batch(
        "INSERT INTO model(id, name, dims) VALUES (1, 'm', 1);
         INSERT INTO journal(key, model, tokens, created, vector) VALUES (x'01', 1, 1, 1, x'0000803f');",
    )
    .unwrap();
    drop(conn);
    let url = path.to_str().unwrap();
    let refused = Store::open(url, OpenMode::Read).unwrap_err();
    assert!(refused.to_string().contains("older schema version 1"), "{refused}");
    let store = Store::open(url, OpenMode::Write).unwrap();
    assert_eq!(store.status().unwrap().journal, 1);
    assert!(store.journal_stats().unwrap().replies.is_empty());
}

//! Files that are damaged, or somebody else's.

use std::path::Path;

use proptest::prelude::*;
use rusqlite::Connection;
use tidegate_core::{ContentHash, FaultKind, Ledger as _};

use super::world::*;
use crate::schema::{self, Migration};
use crate::{Mode, OpenMode, Query, Searcher, Store};

fn open(path: &Path, mode: OpenMode) -> Result<Store, tidegate_core::Fault> {
    Store::open(path.to_str().unwrap(), mode)
}

/// Every file of a folder with its content.
fn contents(dir: &Path) -> Vec<(std::ffi::OsString, ContentHash)> {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), ContentHash::of(&std::fs::read(entry.path()).unwrap())))
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

fn assert_refused_untouched(dir: &Path, file: &str, kind: FaultKind) {
    let before = contents(dir);
    for mode in [OpenMode::Read, OpenMode::Write] {
        let fault = open(&dir.join(file), mode).expect_err("it must be refused");
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.hint_text().is_some(), "{fault}");
        assert_eq!(contents(dir), before, "{mode:?}");
    }
}

#[test]
fn the_database_of_another_program_is_refused_untouched() {
    for setup in ["", "PRAGMA journal_mode = wal;", "PRAGMA application_id = 252006673;"] {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("x.db")).unwrap();
        conn.execute_batch(&format!("{setup} CREATE TABLE t(a); INSERT INTO t VALUES (1);")).unwrap();
        drop(conn);
        assert_refused_untouched(dir.path(), "x.db", FaultKind::Config);
    }
}

#[test]
fn what_is_no_database_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b"hello"[..], &[0; 4096], b"SQLite format 3\0", &[b'x'; 100]] {
        std::fs::write(dir.path().join("x.db"), content).unwrap();
        assert_refused_untouched(dir.path(), "x.db", FaultKind::Config);
    }
    assert!(open(dir.path(), OpenMode::Write).is_err());
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir.path().join("x.db"), OpenMode::Write).unwrap());
    let conn = Connection::open(dir.path().join("x.db")).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    assert_refused_untouched(dir.path(), "x.db", FaultKind::Config);
}

#[test]
fn a_missing_store_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let fault = open(&dir.path().join("x.db"), OpenMode::Read).unwrap_err();
    assert!(fault.hint_text().unwrap().contains("tidegate index PATH"));
    assert!(contents(dir.path()).is_empty());
    let fault = open(&dir.path().join("no/such/folder/x.db"), OpenMode::Write).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::StorageBroken);
    for url in ["", "sqlite:", "postgres://host/db", ":memory:"] {
        assert_eq!(Store::open(url, OpenMode::Write).unwrap_err().kind(), FaultKind::Config, "{url}");
    }
}

#[test]
fn an_empty_file_becomes_a_store_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.db"), b"").unwrap();
    drop(open(&dir.path().join("x.db"), OpenMode::Write).unwrap());
    assert_eq!(contents(dir.path()).len(), 1);
    assert_eq!(open(&dir.path().join("x.db"), OpenMode::Read).unwrap().status().unwrap().documents, 0);
}

#[test]
fn an_older_schema_is_brought_forward_in_one_step_or_not_at_all() {
    const OLD: &[Migration] = &[Migration { to: 1, sql: "CREATE TABLE a(x); INSERT INTO a VALUES (7);" }];
    let steps = |second: &'static str| {
        vec![
            Migration { to: 1, sql: OLD[0].sql },
            Migration { to: 2, sql: second },
            Migration { to: 3, sql: "ALTER TABLE a ADD COLUMN z; UPDATE a SET z = y + 1;" },
        ]
    };
    let mut conn = Connection::open_in_memory().unwrap();
    schema::migrate(&mut conn, OLD).unwrap();
    // The second step fails: the first change it made is gone too.
    schema::migrate(&mut conn, &steps("ALTER TABLE a ADD COLUMN y; SELECT nonsense;")).unwrap_err();
    assert_eq!(schema::version(&conn).unwrap(), 1);
    conn.prepare("SELECT y FROM a").unwrap_err();
    schema::migrate(&mut conn, &steps("ALTER TABLE a ADD COLUMN y DEFAULT 8;")).unwrap();
    assert_eq!(schema::version(&conn).unwrap(), 3);
    let row = conn.query_row("SELECT x, y, z FROM a", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    assert_eq!(row.unwrap(), (7, 8, 9));
}

/// A small but complete store, as bytes.
fn specimen() -> Vec<u8> {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let ledger = world.run("r1").await;
        let unit = |at: u64| {
            let text = format!("moon number {at} over the sea");
            stored(&format!("/d/{at}"), "v1", at, &[&text, "tide gate"])
        };
        ledger.commit(&commit((0..40).map(unit).collect())).await.unwrap();
        ledger.commit(&commit(vec![quarantined("/d/x", "v1", 50)])).await.unwrap();
    });
    let path = world.store.path().to_owned();
    let World { dir, store } = world;
    drop(store);
    let bytes = std::fs::read(path).unwrap();
    drop(dir);
    bytes
}

/// Uses everything that reads; damage may be a fault, never a panic or a hang.
fn use_it(path: &Path) {
    for mode in [OpenMode::Read, OpenMode::Write] {
        let Ok(store) = open(path, mode) else { continue };
        let _ = store.status();
        let _ = store.quarantine_list();
        let _ = store.check();
        let searcher = Searcher::new(store.clone());
        let _ = searcher
            .search(&Query { vector: Some(vector("moon").to_vec()), ..Query::new("moon", Mode::Hybrid) });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let Ok(store) = open(path, OpenMode::Write) else { return };
        let Ok(ledger) = store.ledger(crate::PipelineRun::new("p", "f1", "r9")).await else { return };
        let _ = ledger.assess(&[item("/d/1", "v1")]).await;
        let _ = ledger.commit(&commit(vec![stored("/d/1", "v2", 0, &["sun"])])).await;
    });
}

#[test]
fn a_file_cut_short_is_refused_with_a_way_out() {
    let whole = specimen();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    for length in [1, 50, 99, 100, 512, 4095, 4096, 5000, 8192, whole.len() / 2, whole.len() - 4096] {
        std::fs::write(&path, &whole[..length]).unwrap();
        for mode in [OpenMode::Read, OpenMode::Write] {
            let seen = open(&path, mode).and_then(|store| store.check());
            let fault = seen.expect_err("a part of a store must not pass for one");
            // Of the shortest parts nobody can tell that they were a store's.
            let expected = if length < 100 { FaultKind::Config } else { FaultKind::StorageBroken };
            assert_eq!(fault.kind(), expected, "{length}: {fault}");
            assert!(fault.hint_text().is_some(), "{length}: {fault}");
        }
        use_it(&path);
        for extra in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(dir.path().join(format!("x.db{extra}")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_are_faults_at_worst(flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..8)) {
        static WHOLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = WHOLE.get_or_init(specimen).clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        std::fs::write(&path, bytes).unwrap();
        use_it(&path);
    }
}

//! Stores of older schema versions become stores of this one, with everything in them.

use rusqlite::{Connection, params};
use tidegate_core::{FaultKind, Ledger as _, Verdict};

use super::world::*;
use crate::schema::{self, MIGRATIONS};
use crate::{Guard, Mode, NewGeneration, OpenMode, PipelineRun, Query, Searcher, Store, Switch};

/// A store as version `to` wrote it: a document with a chunk and its vector, one put aside, and the outcomes of a
/// pipeline whose records go to a file.
fn older(path: &std::path::Path, to: usize) {
    let mut conn = Connection::open(path).unwrap();
    schema::migrate(&mut conn, &MIGRATIONS[..to]).unwrap();
    let vector = vector("moon");
    let blob: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    let bits: Vec<u8> =
        crate::journal::signs(&vector).unwrap().iter().flat_map(|word| word.to_le_bytes()).collect();
    conn.execute_batch(
        "INSERT INTO pipeline VALUES (1, 'p', 5), (2, 'export', 6);
         INSERT INTO model VALUES (1, 'm', 64);
         INSERT INTO source(id, pipeline, uri, generation, version, fingerprint, chunks, meta, run, ordinal, updated)
           VALUES (1, 1, '/d/1', 3, 'v1', 'f1', 1, '{}', 'r', 0, 0), (2, 2, '/d/1', 1, 'v1', 'f1', 0, '{}', 'r', 0, 0);
         INSERT INTO output VALUES (2, 'out', 7);
         INSERT INTO settings VALUES (1, 'files', '{}', 1);
         INSERT INTO run(id, pipeline, started, state) VALUES ('r', 1, 1, 'done');
         INSERT INTO text_index(rowid, heading, text) VALUES (1, '', 'the moon');
         INSERT INTO quarantine(pipeline, uri, stage, class, attempts, message, chain, payload_len, first_seen,
           last_seen, trace, version, fingerprint, run, ordinal)
           VALUES (1, '/d/bad', 'parse', 'malformed', 1, 'm', '[]', 0, 0, 0, 't', 'v1', 'f1', 'r', 1);",
    )
    .unwrap();
    conn.execute("INSERT INTO journal VALUES (1, x'01', 1, 2, 3, ?1)", [blob]).unwrap();
    conn.execute("INSERT INTO code VALUES (4, 1, 1, ?1)", [bits]).unwrap();
    conn.execute("INSERT INTO chunk VALUES (1, 1, 0, '[]', 0, 8, NULL, 1, ?1)", params!["the moon"]).unwrap();
}

#[tokio::test]
async fn stores_of_every_older_version_are_brought_forward_whole() {
    for version in 1..MIGRATIONS.len() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        older(&path, version);
        let url = path.to_str().unwrap();
        assert_eq!(Store::open(url, OpenMode::Read).unwrap_err().kind(), FaultKind::Config);
        let store = Store::open(url, OpenMode::Write).unwrap();
        store.check().unwrap();
        let query = Query { vector: Some(vector("moon").to_vec()), ..Query::new("moon", Mode::Hybrid) };
        let searcher = Searcher::new(store.clone());
        let hits = searcher.search(&query).unwrap();
        assert_eq!((hits.len(), &*hits[0].source), (1, "/d/1"), "{version}");
        assert!(hits[0].score > 0.999);
        let listed = store.generations().unwrap();
        assert_eq!((listed.len(), &*listed[0].row.embedder, listed[0].row.dimensions), (1, "m", 64));
        assert_eq!((listed[0].row.started, listed[0].documents, listed[0].chunks), (5, 1, 1));
        assert_eq!(listed[0].settings.len(), 1);
        assert!(listed[0].bytes > 0);
        assert_eq!(store.quarantine_list().unwrap().len(), 1);
        assert_eq!(store.runs(5).unwrap().len(), 1);

        // What is stored is known as before, also by the pipeline that writes to a file.
        let ledger = store.ledger(PipelineRun::new("p", "f1", "r1")).await.unwrap();
        assert!(matches!(verdict(&ledger, "/d/1", "v1").await, Verdict::Unchanged));
        ledger.commit(&commit(vec![stored("/d/1", "v2", 0, &["the sun"])])).await.unwrap();
        drop(ledger);
        let export = PipelineRun { outcomes_only: true, ..PipelineRun::new("export", "f1", "r2") };
        let ledger = store.ledger(export).await.unwrap();
        assert_eq!(ledger.length("out").await.unwrap(), Some(7));
        assert!(matches!(verdict(&ledger, "/d/1", "v1").await, Verdict::Unchanged));

        let new = NewGeneration { embedder: String::new(), dimensions: 0, settings: "{}".to_owned() };
        let building = store.build_generation(new).await.unwrap();
        let guard = Guard { allow: true, ..Guard::default() };
        assert!(matches!(building.switch(guard, None).await.unwrap(), Switch::Done(_)));
        assert!(searcher.search(&query).unwrap().is_empty());
    }
}

#[test]
fn a_migration_that_fails_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.db");
    older(&path, 4);
    // The name that the migration needs is taken.
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE pipeline_5(x)").unwrap();
    Store::open(path.to_str().unwrap(), OpenMode::Write).unwrap_err();
    let conn = Connection::open(&path).unwrap();
    assert_eq!(schema::version(&conn).unwrap(), 4);
    assert_eq!(
        conn.query_row("SELECT max(generation) FROM source", [], |row| row.get::<_, i64>(0)).unwrap(),
        3
    );
    conn.prepare("SELECT id FROM generation").unwrap_err();
}

//! The tables, and how older files become new ones.

use rusqlite::{Connection, TransactionBehavior};
use tidegate_core::{Fault, FaultKind};

use crate::error::Doing;

/// `PRAGMA application_id` of a tidegate store: "tdgt".
pub(crate) const APPLICATION_ID: i32 = 0x7464_6774;

/// One step from a version of the schema to the next.
pub(crate) struct Migration {
    /// The version it makes.
    pub(crate) to: i32,
    /// The statements.
    pub(crate) sql: &'static str,
}

/// Every step, oldest first. A released step is never edited; a change of the schema is a new step.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { to: 1, sql: VERSION_1 },
    Migration { to: 2, sql: VERSION_2 },
    Migration { to: 3, sql: VERSION_3 },
    Migration { to: 4, sql: VERSION_4 },
    Migration { to: 5, sql: VERSION_5 },
];

/// The version this program writes.
pub(crate) fn latest() -> i32 {
    MIGRATIONS.last().map_or(0, |step| step.to)
}

/// Brings a file to the latest version in one transaction. Does nothing if it is there already.
pub(crate) fn migrate(conn: &mut Connection, steps: &[Migration]) -> Result<(), Fault> {
    let last = steps.last().map_or(0, |step| step.to);
    if version(conn)? >= last {
        return Ok(());
    }
    let doing = "migrating the store";
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
    // Another process may have migrated while this one waited for the lock.
    let from = version(&tx)?;
    for step in steps.iter().filter(|step| step.to > from) {
        tx.execute_batch(step.sql).doing(doing)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID).doing(doing)?;
    tx.pragma_update(None, "user_version", last.max(from)).doing(doing)?;
    tx.commit().doing(doing)
}

/// The version of the schema in a file.
pub(crate) fn version(conn: &Connection) -> Result<i32, Fault> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0)).doing("reading the version of the store")
}

/// The fault for a file that a later tidegate wrote.
pub(crate) fn newer(found: i32) -> Fault {
    let message = format!("the store has schema version {found}, this tidegate knows {}", latest());
    Fault::new(FaultKind::Config, message)
        .hint("use the tidegate that wrote it, or name another file with --store")
}

const VERSION_1: &str = "
-- Counters readers watch: `change` moves with every commit that search can see, `removed` with codes taken away.
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('change', 0), ('removed', 0);

CREATE TABLE pipeline(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL);

-- Who may write outcomes of a pipeline. `owner` is null once released; `epoch` only ever grows.
CREATE TABLE lease(
  pipeline INTEGER PRIMARY KEY REFERENCES pipeline(id),
  epoch INTEGER NOT NULL, owner TEXT, pid INTEGER, host TEXT, started INTEGER, expires INTEGER NOT NULL);

-- One row per stored item. `run` and `ordinal` say which commit wrote it.
CREATE TABLE source(
  id INTEGER PRIMARY KEY, pipeline INTEGER NOT NULL REFERENCES pipeline(id), uri TEXT NOT NULL,
  generation INTEGER NOT NULL, content_hash BLOB, version TEXT NOT NULL, fingerprint TEXT NOT NULL,
  chunks INTEGER NOT NULL, title TEXT, meta TEXT NOT NULL, run TEXT NOT NULL, ordinal INTEGER NOT NULL,
  updated INTEGER NOT NULL, UNIQUE(pipeline, uri));
CREATE INDEX source_content ON source(pipeline, content_hash);

CREATE TABLE model(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dims INTEGER NOT NULL);

-- Vectors as little-endian f32, paid for once and kept until pruned.
CREATE TABLE journal(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model INTEGER NOT NULL REFERENCES model(id),
  tokens INTEGER NOT NULL, created INTEGER NOT NULL, vector BLOB NOT NULL);

CREATE TABLE chunk(
  id INTEGER PRIMARY KEY, doc INTEGER NOT NULL REFERENCES source(id), ordinal INTEGER NOT NULL,
  heading TEXT NOT NULL, span_start INTEGER NOT NULL, span_end INTEGER NOT NULL, page INTEGER,
  vector INTEGER REFERENCES journal(id), text TEXT NOT NULL);
-- Both cover what search asks, so that it need not read the texts.
CREATE INDEX chunk_doc ON chunk(doc, vector);
CREATE INDEX chunk_vector ON chunk(vector, doc);

-- Sign bits of every vector a chunk points to. `seq` lets a reader fetch only what is new.
CREATE TABLE code(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL UNIQUE REFERENCES journal(id),
  model INTEGER NOT NULL, bits BLOB NOT NULL);

CREATE VIRTUAL TABLE text_index USING fts5(
  heading, text, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');

-- Chunks of units too large to hold in memory, until the unit commits.
CREATE TABLE staging(
  id INTEGER PRIMARY KEY, pipeline INTEGER NOT NULL REFERENCES pipeline(id), unit INTEGER NOT NULL,
  uri TEXT NOT NULL, ordinal INTEGER NOT NULL, heading TEXT NOT NULL, span_start INTEGER NOT NULL,
  span_end INTEGER NOT NULL, page INTEGER, vector INTEGER REFERENCES journal(id), fields TEXT,
  text TEXT NOT NULL);
CREATE INDEX staging_unit ON staging(pipeline, unit);

CREATE TABLE quarantine(
  id INTEGER PRIMARY KEY, pipeline INTEGER NOT NULL REFERENCES pipeline(id), uri TEXT NOT NULL,
  stage TEXT NOT NULL, class TEXT NOT NULL, attempts INTEGER NOT NULL, message TEXT NOT NULL,
  chain TEXT NOT NULL, payload BLOB, payload_hash BLOB, payload_len INTEGER NOT NULL,
  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, trace TEXT NOT NULL, version TEXT NOT NULL,
  fingerprint TEXT NOT NULL, run TEXT NOT NULL, ordinal INTEGER NOT NULL, UNIQUE(pipeline, uri));

CREATE TABLE run(
  id TEXT PRIMARY KEY, pipeline INTEGER NOT NULL REFERENCES pipeline(id), started INTEGER NOT NULL,
  ended INTEGER, state TEXT NOT NULL, report TEXT);

CREATE TABLE output(
  pipeline INTEGER NOT NULL REFERENCES pipeline(id), name TEXT NOT NULL, length INTEGER NOT NULL,
  PRIMARY KEY(pipeline, name)) WITHOUT ROWID;

-- What pipelines were last run with, so that a command can run them again.
CREATE TABLE settings(
  pipeline INTEGER NOT NULL REFERENCES pipeline(id), name TEXT NOT NULL, value TEXT NOT NULL, updated INTEGER NOT NULL,
  PRIMARY KEY(pipeline, name)) WITHOUT ROWID;

CREATE TABLE position(pipeline INTEGER PRIMARY KEY REFERENCES pipeline(id), value TEXT NOT NULL);

-- Ids of the latest transactions: after a commit whose result is unknown, presence here decides.
CREATE TABLE batch(n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL);
";

const VERSION_2: &str = "
-- Replies as their codecs write them, paid for once and kept until pruned.
CREATE TABLE reply(
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, model TEXT NOT NULL, input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL, cost REAL NOT NULL, created INTEGER NOT NULL, reply BLOB NOT NULL);
CREATE INDEX reply_created ON reply(created);
";

const VERSION_3: &str = "
-- Documents within an item (members of an archive, attachments of a mail) have rows of their own below the item's, so
-- that search shows and filters them by their own keys. They come and go with the item and are no items themselves.
ALTER TABLE source ADD COLUMN parent INTEGER REFERENCES source(id);
CREATE INDEX source_parent ON source(parent) WHERE parent IS NOT NULL;
-- The same for those of them that were put aside: the key of the item.
ALTER TABLE quarantine ADD COLUMN parent TEXT;
CREATE INDEX quarantine_parent ON quarantine(pipeline, parent) WHERE parent IS NOT NULL;
ALTER TABLE staging ADD COLUMN parent TEXT;
";

const VERSION_4: &str = "
-- An archive of thousands of documents is taken out of staging document by document.
DROP INDEX staging_unit;
CREATE INDEX staging_unit ON staging(pipeline, unit, uri);
";

const VERSION_5: &str = "
-- Whole indexes, each with ledger, chunks, full text and codes of its own; one of them answers searches. `state` is
-- building, active or previous. The tables of generation 1 are chunk, code and text_index; those of generation N,
-- which are made with it, have _N behind these names. Vectors and replies belong to all.
CREATE TABLE generation(
  id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, embedder TEXT NOT NULL, dims INTEGER NOT NULL,
  settings TEXT NOT NULL, started INTEGER NOT NULL, switched INTEGER);
CREATE UNIQUE INDEX generation_one ON generation(state) WHERE state <> 'previous';
INSERT INTO generation(id, state, embedder, dims, settings, started)
  SELECT 1, 'active', '', 0, '{}', ifnull(min(created), unixepoch() * 1000) FROM pipeline;

-- The versions of one item are counted under another name.
ALTER TABLE source RENAME COLUMN generation TO revision;

-- A pipeline has a row, and by it a ledger, in every generation. Those whose records go elsewhere belong to none (0).
CREATE TABLE pipeline_5(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL, generation INTEGER NOT NULL,
  UNIQUE(name, generation));
INSERT INTO pipeline_5(id, name, created, generation)
  SELECT id, name, created, NOT (
      EXISTS (SELECT 1 FROM output WHERE pipeline = p.id) OR EXISTS (SELECT 1 FROM position WHERE pipeline = p.id)
      OR EXISTS (SELECT 1 FROM source WHERE pipeline = p.id)
        AND NOT EXISTS (SELECT 1 FROM source WHERE pipeline = p.id AND chunks > 0))
  FROM pipeline p;
DROP TABLE pipeline;
ALTER TABLE pipeline_5 RENAME TO pipeline;
-- Tables of token vectors that were fitted to this store, or given to it, under the names of their vectors.
CREATE TABLE token_table(name TEXT PRIMARY KEY, created INTEGER NOT NULL, content BLOB NOT NULL);
";

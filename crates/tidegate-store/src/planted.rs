//! Bugs that the crash proof plants here, to show that it would find them. Builds without the feature `killpoints` of
//! tidegate-core contain none of this: there, [`planted`] is constantly false and the compiler removes what hangs on
//! it.

use rusqlite::{Connection, params};
use tidegate_core::Fault;
pub(crate) use tidegate_core::killpoint::planted;

use crate::error::Doing;

const DOING: &str = "planting a bug";

/// If the bug `name` is planted: commits what was written so far, as if the rest belonged to another transaction.
#[inline]
pub(crate) fn split(conn: &Connection, name: &'static str) -> Result<(), Fault> {
    if !planted(name) {
        return Ok(());
    }
    conn.execute_batch("COMMIT; BEGIN IMMEDIATE; SAVEPOINT request").doing(DOING)
}

/// A row for a document that is not stored yet, so that its chunks can be seen too early.
pub(crate) fn premature(conn: &Connection, pipeline: i64, uri: &str) -> Result<i64, Fault> {
    conn.execute(
        "INSERT OR IGNORE INTO source(pipeline, uri, revision, version, fingerprint, chunks, meta, run, ordinal,
                                      updated)
         VALUES (?1, ?2, 0, '', '', 0, '{}', '', 0, 0)",
        params![pipeline, uri],
    )
    .doing(DOING)?;
    conn.query_row("SELECT id FROM source WHERE pipeline = ?1 AND uri = ?2", params![pipeline, uri], |row| {
        row.get(0)
    })
    .doing(DOING)
}

//! Beginning a pipeline anew, and taking over what another one made.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::{Fault, FaultKind};

use super::{PipelineLedger, Terms};
use crate::error::Doing;
use crate::store::Store;
use crate::writer::Kind;

/// What is known of the items of a pipeline whose records go elsewhere.
const TABLES: [&str; 4] = ["position", "output", "quarantine", "source"];

impl PipelineLedger {
    /// Forgets what became of every item, how far the source was read and what was written, so that the run begins
    /// anew. What was paid for stays in the journal.
    ///
    /// # Errors
    /// [`FaultKind::Internal`] for a pipeline whose records are in this store; storage faults.
    pub async fn start_over(&self) -> Result<(), Fault> {
        let terms = self.terms.clone();
        let work = move |conn: &Connection| {
            terms.lease.check(conn)?;
            clear(conn, &terms, terms.lease.pipeline)
        };
        self.store.writer()?.call(Kind::Other, work).await
    }

    /// Puts what `other` came to in the place of what this pipeline had; `other` is no more. Its ledger must be closed.
    /// Where both put aside one of the keys of `untried`, the entry that this pipeline had stays as it was; under other
    /// keys that both put aside, attempts are counted on.
    ///
    /// # Errors
    /// As [`Self::start_over`].
    pub async fn adopt(&self, other: &str, untried: &BTreeSet<String>) -> Result<(), Fault> {
        let (terms, other, untried) = (self.terms.clone(), other.to_owned(), untried.clone());
        let work = move |conn: &Connection| {
            let doing = "taking over what a retry made";
            terms.lease.check(conn)?;
            let Some(from) = row_of(conn, &other)? else { return Ok(()) };
            let to = terms.lease.pipeline;
            untried.iter().try_for_each(|key| carry_over(conn, (to, from), key)).doing(doing)?;
            count_on(conn, (to, from)).doing(doing)?;
            clear(conn, &terms, to)?;
            for table in TABLES {
                conn.execute(&format!("UPDATE {table} SET pipeline = ?1 WHERE pipeline = ?2"), [to, from])
                    .doing(doing)?;
            }
            remove(conn, from, Some(to))
        };
        self.store.writer()?.call(Kind::Other, work).await
    }

    /// Forgets a pipeline altogether, if there is one of that name. Its ledger must be closed.
    ///
    /// # Errors
    /// As [`Self::start_over`].
    pub async fn forget(&self, other: &str) -> Result<(), Fault> {
        let (terms, other) = (self.terms.clone(), other.to_owned());
        let work = move |conn: &Connection| {
            terms.lease.check(conn)?;
            let Some(from) = row_of(conn, &other)? else { return Ok(()) };
            clear(conn, &terms, from)?;
            remove(conn, from, None)
        };
        self.store.writer()?.call(Kind::Other, work).await
    }
}

impl Store {
    /// What a pipeline committed to an output outside the store, in bytes, if it did.
    ///
    /// # Errors
    /// Storage faults.
    pub fn output_length(&self, pipeline: &str, output: &str) -> Result<Option<u64>, Fault> {
        self.read(|conn| {
            conn.query_row(
                "SELECT o.length FROM output o JOIN pipeline p ON p.id = o.pipeline WHERE p.name = ?1 AND p.generation = 0 AND o.name = ?2",
                params![pipeline, output],
                |row| row.get(0),
            )
            .optional()
            .doing("reading the length of an output")
        })
    }

    /// How many items of a pipeline are quarantined.
    ///
    /// # Errors
    /// Storage faults.
    pub fn quarantined_items(&self, pipeline: &str) -> Result<u64, Fault> {
        self.read(|conn| {
            conn.query_row(
                "SELECT count(*) FROM quarantine q JOIN pipeline p ON p.id = q.pipeline WHERE p.name = ?1 AND p.generation = 0",
                [pipeline],
                |row| row.get(0),
            )
            .doing("counting the quarantine")
        })
    }
}

/// Puts the entry of `old` for a key in the place of that of `new`, if both have one.
fn carry_over(conn: &Connection, (old, new): (i64, i64), key: &str) -> rusqlite::Result<()> {
    let replaced = conn
        .prepare_cached(
            "DELETE FROM quarantine WHERE pipeline = ?2 AND uri = ?3
             AND EXISTS (SELECT 1 FROM quarantine WHERE pipeline = ?1 AND uri = ?3)",
        )?
        .execute(params![old, new, key])?;
    if replaced > 0 {
        conn.prepare_cached("UPDATE quarantine SET pipeline = ?2 WHERE pipeline = ?1 AND uri = ?3")?
            .execute(params![old, new, key])?;
    }
    Ok(())
}

/// Counts the attempts of `new` on from those of `old`.
fn count_on(conn: &Connection, (old, new): (i64, i64)) -> rusqlite::Result<usize> {
    conn.execute(
        "UPDATE quarantine AS now SET attempts = now.attempts + before.attempts, first_seen = before.first_seen
         FROM quarantine AS before
         WHERE now.pipeline = ?2 AND before.pipeline = ?1 AND before.uri = now.uri",
        [old, new],
    )
}

fn row_of(conn: &Connection, name: &str) -> Result<Option<i64>, Fault> {
    conn.query_row("SELECT id FROM pipeline WHERE name = ?1 AND generation = 0", [name], |row| row.get(0))
        .optional()
        .doing("looking up the pipeline")
}

fn clear(conn: &Connection, terms: &Terms, pipeline: i64) -> Result<(), Fault> {
    let doing = "beginning anew";
    let chunks = "SELECT EXISTS (SELECT 1 FROM chunk c JOIN source s ON s.id = c.doc WHERE s.pipeline = ?1)";
    let searchable: bool = conn.query_row(chunks, [pipeline], |row| row.get(0)).doing(doing)?;
    if searchable || !terms.outcomes_only {
        return Err(Fault::new(
            FaultKind::Internal,
            "a pipeline whose documents are searchable cannot begin anew",
        ));
    }
    for table in TABLES {
        conn.execute(&format!("DELETE FROM {table} WHERE pipeline = ?1"), [pipeline]).doing(doing)?;
    }
    Ok(())
}

/// Takes the rest of a pipeline out of the store; its runs go to `heir`, if there is one.
fn remove(conn: &Connection, pipeline: i64, heir: Option<i64>) -> Result<(), Fault> {
    let doing = "forgetting a pipeline";
    match heir {
        Some(heir) => conn.execute("UPDATE run SET pipeline = ?1 WHERE pipeline = ?2", [heir, pipeline]),
        None => conn.execute("DELETE FROM run WHERE pipeline = ?1", [pipeline]),
    }
    .doing(doing)?;
    for table in ["settings", "staging", "lease"] {
        conn.execute(&format!("DELETE FROM {table} WHERE pipeline = ?1"), [pipeline]).doing(doing)?;
    }
    conn.execute("DELETE FROM pipeline WHERE id = ?1", [pipeline]).map(drop).doing(doing)
}

//! What the journal holds, and making it smaller. What it holds was paid for, so nothing goes unless somebody asks,
//! and never a vector that a chunk points to.

use std::fmt::Write as _;

use rusqlite::{Connection, params};
use serde::Serialize;
use tidegate_core::Fault;

use crate::error::Doing;
use crate::generation;
use crate::store::Store;
use crate::writer::Kind;

/// What the journal holds, by model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalStats {
    /// Models whose vectors are kept.
    pub vectors: Vec<ModelStats>,
    /// Models whose replies are kept.
    pub replies: Vec<ModelStats>,
}

/// What the journal holds of one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelStats {
    /// The model.
    pub model: String,
    /// Entries.
    pub entries: u64,
    /// Of these, entries that nothing in this store points to. Nothing ever points to a reply: outputs have copies.
    pub unused: u64,
    /// Bytes of the entries, without what the file adds.
    pub bytes: u64,
    /// Tokens paid for them, sent and answered.
    pub tokens: u64,
    /// Money paid for them, as far as prices were known; of vectors only the tokens are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// When the oldest was written, ms since 1970.
    pub oldest: i64,
}

/// What to take out of the journal: unused entries that every given condition fits, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    /// Only entries written before this, ms since 1970.
    pub before: Option<i64>,
    /// Only until the entries that remain take no more than so many bytes.
    pub down_to: Option<u64>,
    /// Only entries of this model.
    pub model: Option<String>,
    /// Count, and take nothing out.
    pub dry_run: bool,
}

/// What was taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Vectors.
    pub vectors: u64,
    /// Replies.
    pub replies: u64,
    /// Bytes of both. The file itself keeps its size; the room is used again.
    pub bytes: u64,
}

const DOING: &str = "pruning the journal";
/// Entries of one transaction: other writers must not wait for long.
const STEP: usize = 2_000;

/// The condition that no chunk of any generation points to row `j` of the journal.
pub(crate) fn unused(conn: &Connection) -> Result<String, Fault> {
    let mut sql = "NOT EXISTS (SELECT 1 FROM staging WHERE vector = j.id)".to_owned();
    for tables in generation::all(conn)? {
        let _ = write!(sql, " AND NOT EXISTS (SELECT 1 FROM {} WHERE vector = j.id)", tables.chunk());
    }
    Ok(sql)
}

/// The two tables of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Vectors,
    Replies,
}

/// One entry that may go.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    table: Table,
    id: i64,
    created: i64,
    bytes: u64,
}

impl Store {
    /// What the journal holds.
    ///
    /// # Errors
    /// Storage faults.
    pub fn journal_stats(&self) -> Result<JournalStats, Fault> {
        self.read(|conn| {
            let unused = unused(conn)?;
            let vectors = format!(
                "SELECT m.name, count(*), sum({unused}), sum(length(j.vector)), sum(j.tokens), NULL, min(j.created)
                 FROM journal j JOIN model m ON m.id = j.model GROUP BY m.id ORDER BY m.name"
            );
            let replies = "SELECT model, count(*), count(*), sum(length(reply)),
                sum(input_tokens + output_tokens), sum(cost), min(created) FROM reply GROUP BY model ORDER BY model";
            Ok(JournalStats { vectors: stats(conn, &vectors)?, replies: stats(conn, replies)? })
        })
    }

    /// Takes entries out of the journal, and says how many. What was paid for and is taken out is paid again when it
    /// is wanted again.
    ///
    /// # Errors
    /// Storage faults; what was taken out before one stays out.
    ///
    /// # Cancel safety
    /// Dropping the future leaves what was taken out so far out.
    pub async fn prune_journal(&self, prune: Prune) -> Result<Pruned, Fault> {
        let chosen = self.read(|conn| choose(conn, &prune))?;
        let mut pruned = Pruned::default();
        for step in chosen.chunks(STEP) {
            let step = step.to_vec();
            let done = if prune.dry_run {
                count(&step, |_| Ok(1))?
            } else {
                self.writer()?.call(Kind::Other, move |conn| take_out(conn, &step)).await?
            };
            pruned.vectors += done.vectors;
            pruned.replies += done.replies;
            pruned.bytes += done.bytes;
        }
        Ok(pruned)
    }
}

fn stats(conn: &Connection, sql: &str) -> Result<Vec<ModelStats>, Fault> {
    conn.prepare(sql)
        .and_then(|mut select| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(ModelStats {
                    model: row.get(0)?,
                    entries: row.get(1)?,
                    unused: row.get(2)?,
                    bytes: row.get(3)?,
                    tokens: row.get(4)?,
                    cost: row.get(5)?,
                    oldest: row.get(6)?,
                })
            };
            select.query_map([], read)?.collect()
        })
        .doing("reading the journal")
}

/// Unused entries that fit, oldest first, as many as must go.
fn choose(conn: &Connection, prune: &Prune) -> Result<Vec<Candidate>, Fault> {
    let before = prune.before.unwrap_or(i64::MAX);
    let unused = unused(conn)?;
    let mut chosen = candidates(
        conn,
        Table::Vectors,
        &format!(
            "SELECT j.id, j.created, length(j.vector) FROM journal j JOIN model m ON m.id = j.model
             WHERE j.created < ?1 AND (?2 IS NULL OR m.name = ?2) AND {unused}"
        ),
        (before, prune.model.as_deref()),
    )?;
    chosen.extend(candidates(
        conn,
        Table::Replies,
        "SELECT id, created, length(reply) FROM reply WHERE created < ?1 AND (?2 IS NULL OR model = ?2)",
        (before, prune.model.as_deref()),
    )?);
    chosen.sort_by_key(|entry| (entry.created, entry.id));
    let Some(down_to) = prune.down_to else { return Ok(chosen) };
    let total: u64 = conn
        .query_row(
            "SELECT (SELECT coalesce(sum(length(vector)), 0) FROM journal)
                  + (SELECT coalesce(sum(length(reply)), 0) FROM reply)",
            [],
            |row| row.get(0),
        )
        .doing(DOING)?;
    let mut left = total;
    let needed = chosen.iter().take_while(|entry| {
        let over = left > down_to;
        left = left.saturating_sub(entry.bytes);
        over
    });
    let needed = needed.count();
    chosen.truncate(needed);
    Ok(chosen)
}

fn candidates(
    conn: &Connection,
    table: Table,
    sql: &str,
    (before, model): (i64, Option<&str>),
) -> Result<Vec<Candidate>, Fault> {
    conn.prepare(sql)
        .and_then(|mut select| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Candidate { table, id: row.get(0)?, created: row.get(1)?, bytes: row.get(2)? })
            };
            select.query_map(params![before, model], read)?.collect()
        })
        .doing(DOING)
}

/// Deletes entries, each only if it is still unused: a run may have begun to point to it.
fn take_out(conn: &Connection, entries: &[Candidate]) -> Result<Pruned, Fault> {
    let vector = format!("DELETE FROM journal AS j WHERE j.id = ?1 AND {}", unused(conn)?);
    let mut vector = conn.prepare_cached(&vector).doing(DOING)?;
    let mut reply = conn.prepare_cached("DELETE FROM reply WHERE id = ?1").doing(DOING)?;
    count(entries, |entry| {
        let delete = if entry.table == Table::Vectors { &mut vector } else { &mut reply };
        delete.execute([entry.id]).doing(DOING)
    })
}

fn count(
    entries: &[Candidate],
    mut gone: impl FnMut(&Candidate) -> Result<usize, Fault>,
) -> Result<Pruned, Fault> {
    let mut pruned = Pruned::default();
    for entry in entries {
        let gone = gone(entry)? as u64;
        match entry.table {
            Table::Vectors => pruned.vectors += gone,
            Table::Replies => pruned.replies += gone,
        }
        pruned.bytes += gone * entry.bytes;
    }
    Ok(pruned)
}

//! The journal: vectors under content-addressed keys, kept from the moment they were paid for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tidegate_core::{ContentHash, Fault, FaultKind, Journal};

use crate::error::Doing;
use crate::open::{self, OpenMode, OpenOptions};
use crate::planted::{planted, split};
use crate::process::now_ms;
use crate::store::Store;
use crate::writer::Kind;

#[async_trait]
impl Journal for Store {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Arc<[f32]>>>, Fault> {
        let keys = keys.to_vec();
        self.lookups()?
            .call(move |conn| {
                let mut select = conn
                    .prepare_cached("SELECT vector FROM journal WHERE key = ?1")
                    .doing("reading the journal")?;
                let mut found = Vec::with_capacity(keys.len());
                for key in &keys {
                    let vector = select
                        .query_row([key.as_ref()], |row| Ok(decode(row.get_ref(0)?.as_blob()?)))
                        .optional()
                        .doing("reading the journal")?;
                    found.push(vector);
                }
                Ok(found)
            })
            .await
    }

    async fn append(&self, model: &str, entries: Vec<(ContentHash, Arc<[f32]>, u32)>) -> Result<(), Fault> {
        for (_, vector, _) in &entries {
            check(vector)?;
        }
        let model = model.to_owned();
        self.writer()?
            .call(Kind::Append, move |conn| {
                let Some((_, first, _)) = entries.first() else { return Ok(()) };
                let model = model_row(conn, &model, first.len())?;
                for (key, vector, tokens) in &entries {
                    add(conn, &model, (key, vector, *tokens))?;
                }
                Ok(())
            })
            .await
    }
}

impl Store {
    /// Keeps vectors as [`Journal::append`] does, also in a store that is open for reading, but only if that is
    /// quickly done: where another process is writing, for `wait` at most. Blocks the calling thread for as long.
    ///
    /// It is for vectors that a search made on the way, which are worth keeping and not worth waiting for.
    ///
    /// # Errors
    /// As [`Journal::append`]; a store that is busy, or cannot be written. Nothing is kept then.
    pub fn append_aside(
        &self,
        model: &str,
        entries: &[(ContentHash, Arc<[f32]>, u32)],
        wait: Duration,
    ) -> Result<(), Fault> {
        let doing = "writing to the journal";
        let Some((_, first, _)) = entries.first() else { return Ok(()) };
        entries.iter().try_for_each(|(_, vector, _)| check(vector))?;
        let mut conn = open::writing(self.path(), &OpenOptions::new(OpenMode::Write))?;
        conn.busy_timeout(wait).doing(doing)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).doing(doing)?;
        let model = model_row(&tx, model, first.len())?;
        for (key, vector, tokens) in entries {
            add(&tx, &model, (key, vector, *tokens))?;
        }
        tx.commit().doing(doing)?;
        // So that the store is one file again, unless somebody else is using it just now.
        let _ = conn.busy_timeout(Duration::ZERO);
        let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }
}

/// A model whose vectors are in the journal.
pub(crate) struct Model {
    id: i64,
    dims: usize,
    name: String,
}

/// The row of the model called `name`; its number of dimensions is pinned by its first vector.
pub(crate) fn model_row(conn: &Connection, name: &str, dims: usize) -> Result<Model, Fault> {
    let doing = "looking up the model";
    let mut select = conn.prepare_cached("SELECT id, dims FROM model WHERE name = ?1").doing(doing)?;
    let known = select.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional().doing(doing)?;
    let (id, dims) = match known {
        Some(known) => known,
        None => {
            conn.execute("INSERT INTO model(name, dims) VALUES (?1, ?2)", params![name, dims])
                .doing(doing)?;
            (conn.last_insert_rowid(), dims)
        }
    };
    Ok(Model { id, dims, name: name.to_owned() })
}

/// Keeps one vector unless its key is there already; returns the row.
pub(crate) fn add(
    conn: &Connection,
    model: &Model,
    (key, vector, tokens): (&ContentHash, &[f32], u32),
) -> Result<i64, Fault> {
    let doing = "writing to the journal";
    if vector.len() != model.dims {
        return Err(Fault::new(
            FaultKind::Validation,
            format!(
                "a vector of {} dimensions from {}, which makes {}",
                vector.len(),
                model.name,
                model.dims
            ),
        ));
    }
    if let Some((id, _)) = find(conn, key)? {
        return Ok(id);
    }
    conn.prepare_cached(
        "INSERT INTO journal(key, model, tokens, created, vector) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .and_then(|mut insert| {
        let vector = if planted("journal-torn") { Vec::new() } else { encode(vector) };
        insert.execute(params![key.as_ref(), model.id, tokens, now_ms(), vector])
    })
    .doing(doing)?;
    let row = conn.last_insert_rowid();
    if planted("journal-torn") {
        split(conn, "journal-torn")?;
        conn.execute("UPDATE journal SET vector = ?2 WHERE id = ?1", params![row, encode(vector)])
            .doing(doing)?;
    }
    Ok(row)
}

/// The row and model of a key.
pub(crate) fn find(conn: &Connection, key: &ContentHash) -> Result<Option<(i64, i64)>, Fault> {
    conn.prepare_cached("SELECT id, model FROM journal WHERE key = ?1")
        .and_then(|mut select| {
            select.query_row([key.as_ref()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .doing("reading the journal")
}

/// Refuses what no search could use.
///
/// # Errors
/// [`FaultKind::Validation`] for no dimensions, or a value that is not finite.
pub(crate) fn check(vector: &[f32]) -> Result<(), Fault> {
    if vector.is_empty() {
        return Err(Fault::new(FaultKind::Validation, "a vector without dimensions"));
    }
    match vector.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(Fault::new(FaultKind::Validation, format!("the vector has {} at dimension {at}", vector[at])))
        }
    }
}

/// A vector as it is kept: f32, little-endian.
pub(crate) fn encode(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The vector kept in `blob`; bytes beyond a multiple of four are ignored.
pub(crate) fn decode<V: FromIterator<f32>>(blob: &[u8]) -> V {
    blob.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// One bit per dimension, set where the value is positive, in little-endian words of 64. `None` for a zero vector,
/// which is as near to everything as to nothing.
pub(crate) fn signs(vector: &[f32]) -> Option<Vec<u64>> {
    if vector.iter().all(|value| *value == 0.0) {
        return None;
    }
    let word = |values: &[f32]| {
        values.iter().enumerate().fold(0u64, |word, (bit, value)| word | u64::from(*value > 0.0) << bit)
    };
    Some(vector.chunks(64).map(word).collect())
}

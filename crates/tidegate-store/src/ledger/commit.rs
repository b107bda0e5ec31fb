//! One commit: outcomes and chunks in one transaction.

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::{Fault, FaultKind, Fields, Outcome, UnitId, killpoint};

use super::document::{self, Placed};
use super::rows::{Batch, ChunkRow, ItemRow, UnitRow};
use super::{Terms, part, quarantine, staging};
use crate::error::Doing;
use crate::generation::Tables;
use crate::planted::{planted, split};
use crate::process::now_ms;
use crate::store::announce_change;

const DOING: &str = "committing outcomes";

/// Writes a commit in the open transaction.
///
/// # Errors
/// [`FaultKind::Fenced`] if the lease is another's; storage faults.
pub(super) fn write(conn: &Connection, terms: &Terms, batch: &Batch) -> Result<(), Fault> {
    killpoint::hit("store.commit.begin");
    terms.lease.check(conn)?;
    let pipeline = terms.lease.pipeline;
    for unit in &batch.units {
        write_unit(conn, terms, unit)?;
    }
    if let Some(position) = &batch.position {
        conn.prepare_cached("INSERT OR REPLACE INTO position(pipeline, value) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute(params![pipeline, position]))
            .doing(DOING)?;
    }
    for (name, length) in &batch.lengths {
        conn.prepare_cached("INSERT OR REPLACE INTO output(pipeline, name, length) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![pipeline, name, length]))
            .doing(DOING)?;
    }
    let visible = |item: &ItemRow| matches!(item.outcome, Outcome::Stored | Outcome::Deleted);
    if batch.units.iter().any(|unit| unit.items.iter().any(visible)) {
        announce_change(conn)?;
    }
    Ok(())
}

fn write_unit(conn: &Connection, terms: &Terms, unit: &UnitRow) -> Result<(), Fault> {
    let pipeline = terms.lease.pipeline;
    if unit.staged > 0 && !staged_is_complete(conn, terms, unit)? {
        return Ok(()); // an earlier attempt, whose answer was lost, wrote this unit
    }
    for (at, item) in unit.items.iter().enumerate() {
        match item.outcome {
            Outcome::Stored => store(conn, terms, unit, at)?,
            Outcome::Unchanged => refresh(conn, terms, item)?,
            Outcome::Quarantined if item.failure.is_none() => quarantine::refresh(conn, terms, item)?,
            Outcome::Quarantined => quarantine::put(conn, terms, item)?,
            Outcome::Deleted => {
                remove_source(conn, (pipeline, terms.tables), &item.key, None)?;
                quarantine::clear(conn, pipeline, &item.key)?;
                quarantine::clear_parts(conn, pipeline, &item.key)?;
            }
            Outcome::Pending => {}
        }
    }
    for item in &unit.items {
        staging::clear(conn, pipeline, item.ordinal)?;
    }
    Ok(())
}

/// Whether what was staged for `unit` is there. `false` if it is not because the unit is already committed.
///
/// # Errors
/// [`FaultKind::Internal`] if chunks are missing otherwise: rather stop than store half a document.
fn staged_is_complete(conn: &Connection, terms: &Terms, unit: &UnitRow) -> Result<bool, Fault> {
    let mut found = 0;
    for item in &unit.items {
        found += staging::count(conn, terms.lease.pipeline, item.ordinal)?;
    }
    if found == unit.staged
        || planted("staged-taken")
        || !unit.items.iter().any(|item| item.outcome == Outcome::Stored)
    {
        return Ok(true);
    }
    let mut done = true;
    for item in &unit.items {
        done &= conn
            .prepare_cached(
                "SELECT 1 FROM source
                 WHERE pipeline = ?1 AND uri = ?2 AND run = ?3 AND ordinal = ?4 AND content_hash IS ?5",
            )
            .and_then(|mut select| {
                let content = item.content.as_ref().map(AsRef::as_ref);
                select.exists(params![
                    terms.lease.pipeline,
                    item.key.as_ref(),
                    terms.run,
                    item.ordinal,
                    content as Option<&[u8]>
                ])
            })
            .doing(DOING)?;
    }
    if found == 0 && done {
        return Ok(false);
    }
    let message = format!("{found} of {} staged chunks are there", unit.staged);
    Err(Fault::new(FaultKind::Internal, message))
}

/// Replaces one item: the old chunks go and the new ones come in the same transaction, those of documents within it
/// too.
fn store(conn: &Connection, terms: &Terms, unit: &UnitRow, at: usize) -> Result<(), Fault> {
    let item = &unit.items[at];
    // Chunks of a key that is none of the unit's items are filed under the first.
    let mine = |chunk: &&ChunkRow| {
        let of = chunk.item();
        *of == item.key || (at == 0 && unit.items.iter().all(|other| other.key != *of))
    };
    let staged: Vec<UnitId> = match unit.staged {
        0 => Vec::new(),
        _ => unit.items.iter().map(|item| item.ordinal).collect(),
    };
    let (own, of_parts): (Vec<&ChunkRow>, Vec<&ChunkRow>) =
        unit.chunks.iter().filter(mine).partition(|chunk| chunk.parent.is_none());
    let own = Content { key: &item.key, staged: &staged, chunks: own };
    let fields = own.fields(conn, terms)?.unwrap_or_else(|| (*item.fields).clone());
    let (doc, title) = put_source(conn, terms, item, fields)?;
    split(conn, "ledger-first")?;
    let mut old = document::remove_chunks(conn, terms.tables, doc)?;
    old.extend(part::remove(conn, terms.tables, doc)?);
    split(conn, "commit-split")?;
    killpoint::hit("store.commit.middle");
    own.put(conn, terms, (doc, title.as_deref()))?;
    part::store(conn, terms, (item, doc), (&staged, &of_parts))?;
    document::drop_codes(conn, terms.tables, &old)?;
    quarantine::clear(conn, terms.lease.pipeline, &item.key)?;
    quarantine::put_parts(conn, terms, item)
}

/// What is to be stored under one key: what was staged for it, then what came with the unit.
pub(super) struct Content<'a> {
    pub(super) key: &'a str,
    /// Where staged chunks may be.
    pub(super) staged: &'a [UnitId],
    pub(super) chunks: Vec<&'a ChunkRow>,
}

impl Content<'_> {
    /// The fields of the document: those of its first chunk.
    pub(super) fn fields(&self, conn: &Connection, terms: &Terms) -> Result<Option<Fields>, Fault> {
        for id in self.staged {
            let fields = staging::fields(conn, (terms.lease.pipeline, *id, self.key))?;
            if fields.is_some() {
                return Ok(fields);
            }
        }
        Ok(self.chunks.first().map(|chunk| (*chunk.fields).clone()))
    }

    /// Adds the chunks to `doc`, whose title is `title`, and says how many they are.
    pub(super) fn put(
        &self,
        conn: &Connection,
        terms: &Terms,
        (doc, title): (i64, Option<&str>),
    ) -> Result<(), Fault> {
        let mut count = 0u64;
        for id in self.staged {
            staging::each(conn, (terms.lease.pipeline, *id, self.key), |placed| {
                count += 1;
                document::add_chunk(conn, terms.tables, (doc, title), &placed)
            })?;
        }
        for chunk in &self.chunks {
            count += 1;
            let placed = Placed {
                ordinal: chunk.ordinal,
                heading: &chunk.heading,
                span: chunk.span,
                page: chunk.page,
                vector: document::vector_row(conn, &terms.model, chunk)?.map(|(id, _)| id),
                text: &chunk.text,
            };
            document::add_chunk(conn, terms.tables, (doc, title), &placed)?;
        }
        conn.prepare_cached("UPDATE source SET chunks = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute(params![doc, count]))
            .map(drop)
            .doing(DOING)
    }
}

/// Parts the title from the other fields.
pub(super) fn title_of(fields: &mut Fields) -> Option<String> {
    match fields.remove("title") {
        Some(serde_json::Value::String(title)) => Some(title),
        Some(other) => {
            fields.insert("title".to_owned(), other);
            None
        }
        None => None,
    }
}

/// Writes the ledger row of a stored item; returns its id and the document's title.
fn put_source(
    conn: &Connection,
    terms: &Terms,
    item: &ItemRow,
    mut fields: Fields,
) -> Result<(i64, Option<String>), Fault> {
    part::make_way(conn, terms.lease.pipeline, &item.key)?;
    let title = title_of(&mut fields);
    let meta = serde_json::Value::Object(fields).to_string();
    let content = item.content.as_ref().map(AsRef::as_ref);
    let mut upsert = conn
        .prepare_cached(
            "INSERT INTO source(pipeline, uri, revision, content_hash, version, fingerprint, chunks, title,
                                meta, run, ordinal, updated)
             VALUES (?1, ?2, 1, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT(pipeline, uri) DO UPDATE SET
               revision = revision + 1, content_hash = ?3, version = ?4, fingerprint = ?5, title = ?6,
               meta = ?7, run = ?8, ordinal = ?9, updated = ?10
             RETURNING id",
        )
        .doing(DOING)?;
    let id = upsert
        .query_row(
            params![
                terms.lease.pipeline,
                item.key.as_ref(),
                content as Option<&[u8]>,
                item.version,
                terms.fingerprint,
                title,
                meta,
                terms.run,
                item.ordinal,
                now_ms()
            ],
            |row| row.get(0),
        )
        .doing(DOING)?;
    Ok((id, title))
}

/// The content was read and found equal: only the cheap version is new.
fn refresh(conn: &Connection, terms: &Terms, item: &ItemRow) -> Result<(), Fault> {
    let known = conn
        .prepare_cached(
            "UPDATE source SET version = ?3, run = ?4, ordinal = ?5
             WHERE pipeline = ?1 AND uri = ?2 AND fingerprint = ?6",
        )
        .and_then(|mut update| {
            update.execute(params![
                terms.lease.pipeline,
                item.key.as_ref(),
                item.version,
                terms.run,
                item.ordinal,
                terms.fingerprint
            ])
        })
        .doing(DOING)?;
    if known == 0 {
        // Saying "unchanged" of something that is not stored would lose it.
        let message = format!("{} is called unchanged but is not stored under this configuration", item.key);
        return Err(Fault::new(FaultKind::Internal, message));
    }
    quarantine::clear(conn, terms.lease.pipeline, &item.key)
}

/// Removes a stored item and its chunks, if it is there (and, where given, still in this revision). Returns
/// whether it was.
pub(crate) fn remove_source(
    conn: &Connection,
    (pipeline, tables): (i64, Tables),
    key: &str,
    revision: Option<i64>,
) -> Result<bool, Fault> {
    let doc: Option<i64> = conn
        .prepare_cached(
            "SELECT id FROM source
             WHERE pipeline = ?1 AND uri = ?2 AND (?3 IS NULL OR revision = ?3) AND parent IS NULL",
        )
        .and_then(|mut select| {
            select.query_row(params![pipeline, key, revision], |row| row.get(0)).optional()
        })
        .doing(DOING)?;
    let Some(doc) = doc else { return Ok(false) };
    let mut vectors = document::remove_chunks(conn, tables, doc)?;
    vectors.extend(part::remove(conn, tables, doc)?);
    document::drop_codes(conn, tables, &vectors)?;
    quarantine::clear_parts(conn, pipeline, key)?;
    split(conn, "sweep-split")?;
    conn.prepare_cached("DELETE FROM source WHERE id = ?1")
        .and_then(|mut delete| delete.execute([doc]))
        .doing(DOING)?;
    Ok(true)
}

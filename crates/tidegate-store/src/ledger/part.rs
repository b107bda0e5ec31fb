//! Documents within an item: rows of their own below the item's, made and removed with it.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};
use tidegate_core::{Fault, Fields, UnitId};

use super::commit::{Content, title_of};
use super::rows::{ChunkRow, ItemRow};
use super::{Terms, document, staging};
use crate::error::Doing;
use crate::generation::Tables;
use crate::process::now_ms;

const DOING: &str = "storing documents of an archive";

/// Stores the documents within an item, whose row is `doc`: those of which something was staged, and those whose
/// chunks came with the unit.
pub(super) fn store(
    conn: &Connection,
    terms: &Terms,
    (item, doc): (&ItemRow, i64),
    (staged, chunks): (&[UnitId], &[&ChunkRow]),
) -> Result<(), Fault> {
    let mut keys: Vec<String> = Vec::new();
    for id in staged {
        keys.extend(staging::parts(conn, (terms.lease.pipeline, *id, &item.key))?);
    }
    // Chunks of one document stand together.
    let groups: Vec<&[&ChunkRow]> = chunks.chunk_by(|one, other| one.key == other.key).collect();
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        places.entry(&group[0].key).or_insert(at);
    }
    for key in &keys {
        let chunks = places.get(key.as_str()).map(|at| groups[*at].to_vec()).unwrap_or_default();
        put(conn, terms, (item, doc), &Content { key, staged, chunks })?;
    }
    let staged_keys: HashSet<&str> = keys.iter().map(String::as_str).collect();
    for group in groups.iter().filter(|group| !staged_keys.contains(&*group[0].key)) {
        put(conn, terms, (item, doc), &Content { key: &group[0].key, staged: &[], chunks: group.to_vec() })?;
    }
    Ok(())
}

fn put(
    conn: &Connection,
    terms: &Terms,
    (item, parent): (&ItemRow, i64),
    content: &Content<'_>,
) -> Result<(), Fault> {
    let mut fields: Fields = content.fields(conn, terms)?.unwrap_or_default();
    let title = title_of(&mut fields);
    let key = free_key(conn, terms.lease.pipeline, content.key)?;
    let mut insert = conn
        .prepare_cached(
            "INSERT INTO source(pipeline, uri, revision, version, fingerprint, chunks, title, meta, run, ordinal,
                                updated, parent)
             VALUES (?1, ?2, 1, '', ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
        )
        .doing(DOING)?;
    let doc = insert
        .query_row(
            params![
                terms.lease.pipeline,
                key,
                terms.fingerprint,
                title,
                serde_json::Value::Object(fields).to_string(),
                terms.run,
                item.ordinal,
                now_ms(),
                parent
            ],
            |row| row.get(0),
        )
        .doing(DOING)?;
    content.put(conn, terms, (doc, title.as_deref()))
}

/// Removes every document within the item of row `doc` and returns the vectors their chunks pointed to.
pub(super) fn remove(conn: &Connection, tables: Tables, doc: i64) -> Result<Vec<i64>, Fault> {
    let parts: Vec<i64> = conn
        .prepare_cached("SELECT id FROM source WHERE parent = ?1")
        .and_then(|mut select| select.query_map([doc], |row| row.get(0))?.collect())
        .doing(DOING)?;
    let mut vectors = Vec::new();
    for part in &parts {
        vectors.extend(document::remove_chunks(conn, tables, *part)?);
    }
    if !parts.is_empty() {
        conn.prepare_cached("DELETE FROM source WHERE parent = ?1")
            .and_then(|mut delete| delete.execute([doc]))
            .doing(DOING)?;
    }
    Ok(vectors)
}

/// A folder may be called `archive.zip!`: what an archive holds must not take the place of a file, nor keep it.
pub(super) fn make_way(conn: &Connection, pipeline: i64, key: &str) -> Result<(), Fault> {
    let taken: bool = conn
        .prepare_cached("SELECT 1 FROM source WHERE pipeline = ?1 AND uri = ?2 AND parent IS NOT NULL")
        .and_then(|mut select| select.exists(params![pipeline, key]))
        .doing(DOING)?;
    if !taken {
        return Ok(());
    }
    let other = free_key(conn, pipeline, key)?;
    conn.execute(
        "UPDATE source SET uri = ?3 WHERE pipeline = ?1 AND uri = ?2 AND parent IS NOT NULL",
        params![pipeline, key, other],
    )
    .map(drop)
    .doing(DOING)
}

/// `key`, or that with a number behind it, whichever nothing else is stored under.
fn free_key(conn: &Connection, pipeline: i64, key: &str) -> Result<String, Fault> {
    let mut select =
        conn.prepare_cached("SELECT 1 FROM source WHERE pipeline = ?1 AND uri = ?2").doing(DOING)?;
    let mut free = key.to_owned();
    let mut number = 1u64;
    while select.exists(params![pipeline, free]).doing(DOING)? {
        number += 1;
        free = format!("{key} ({number})");
    }
    Ok(free)
}

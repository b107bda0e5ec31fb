//! The chunks of one document: rows, full text and codes, always all of them together.

use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::Fault;

use super::rows::ChunkRow;
use crate::error::Doing;
use crate::generation::Tables;
use crate::journal;
use crate::planted::{planted, split};

/// A chunk ready for its table.
pub(super) struct Placed<'a> {
    pub(super) ordinal: u64,
    /// Headings as a JSON array.
    pub(super) heading: &'a str,
    pub(super) span: (u64, u64),
    pub(super) page: Option<u32>,
    /// Its vector's row in the journal.
    pub(super) vector: Option<i64>,
    pub(super) text: &'a str,
}

const DOING: &str = "writing a document";

/// The journal row of a chunk's vector and that row's model, if it has one; a vector the journal does not know yet
/// is added.
pub(super) fn vector_row(
    conn: &Connection,
    model: &str,
    chunk: &ChunkRow,
) -> Result<Option<(i64, i64)>, Fault> {
    let Some(embedded) = &chunk.embedded else { return Ok(None) };
    if let Some(found) = journal::find(conn, &embedded.key)? {
        return Ok(Some(found));
    }
    let model = journal::model_row(conn, model, embedded.vector.len())?;
    journal::add(conn, &model, (&embedded.key, &embedded.vector, chunk.tokens))?;
    journal::find(conn, &embedded.key)
}

/// Removes every chunk of `doc` from its generation and returns the vectors they pointed to.
pub(super) fn remove_chunks(conn: &Connection, tables: Tables, doc: i64) -> Result<Vec<i64>, Fault> {
    if tables == Tables::NONE {
        return Ok(Vec::new());
    }
    let (chunk, text) = (tables.chunk(), tables.text());
    let mut select =
        conn.prepare_cached(&format!("SELECT id, vector FROM {chunk} WHERE doc = ?1")).doing(DOING)?;
    let chunks: Vec<(i64, Option<i64>)> = select
        .query_map([doc], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .doing(DOING)?;
    let mut unindex = conn.prepare_cached(&format!("DELETE FROM {text} WHERE rowid = ?1")).doing(DOING)?;
    for (id, _) in chunks.iter().filter(|_| !planted("text-left")) {
        unindex.execute([id]).doing(DOING)?;
    }
    split(conn, "text-apart")?;
    if planted("chunks-left") {
        return Ok(Vec::new());
    }
    conn.prepare_cached(&format!("DELETE FROM {chunk} WHERE doc = ?1"))
        .and_then(|mut delete| delete.execute([doc]))
        .doing(DOING)?;
    Ok(chunks.into_iter().filter_map(|(_, vector)| vector).collect())
}

/// Adds one chunk to `doc`, whose title is `title`, with its full text and its code.
pub(super) fn add_chunk(
    conn: &Connection,
    tables: Tables,
    (doc, title): (i64, Option<&str>),
    chunk: &Placed<'_>,
) -> Result<(), Fault> {
    conn.prepare_cached(&format!(
        "INSERT INTO {}(doc, ordinal, heading, span_start, span_end, page, vector, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        tables.chunk()
    ))
    .and_then(|mut insert| {
        insert.execute(params![
            doc,
            chunk.ordinal,
            chunk.heading,
            chunk.span.0,
            chunk.span.1,
            chunk.page,
            chunk.vector,
            chunk.text
        ])
    })
    .doing(DOING)?;
    let id = conn.last_insert_rowid();
    let words = heading_words(title, chunk.heading);
    conn.prepare_cached(&format!("INSERT INTO {}(rowid, heading, text) VALUES (?1, ?2, ?3)", tables.text()))
        .and_then(|mut insert| insert.execute(params![id, words, chunk.text]))
        .doing(DOING)?;
    match chunk.vector {
        Some(vector) => add_code(conn, tables, vector),
        None => Ok(()),
    }
}

/// What of title and headings is indexed; a title that is also the first heading counts once.
fn heading_words(title: Option<&str>, heading: &str) -> String {
    let headings: Vec<String> = serde_json::from_str(heading).unwrap_or_default();
    let title = title.filter(|title| headings.first().is_none_or(|first| first != title));
    title.into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>().join("\n")
}

/// Makes the code of a vector unless there is one.
fn add_code(conn: &Connection, tables: Tables, vector: i64) -> Result<(), Fault> {
    let code = tables.code();
    let known = conn
        .prepare_cached(&format!("SELECT 1 FROM {code} WHERE id = ?1"))
        .and_then(|mut select| select.exists([vector]))
        .doing(DOING)?;
    if known {
        return Ok(());
    }
    let found = conn
        .prepare_cached("SELECT model, vector FROM journal WHERE id = ?1")
        .and_then(|mut select| {
            select
                .query_row([vector], |row| {
                    let values: Vec<f32> = journal::decode(row.get_ref(1)?.as_blob()?);
                    Ok((row.get::<_, i64>(0)?, journal::signs(&values)))
                })
                .optional()
        })
        .doing(DOING)?;
    let Some((model, Some(signs))) = found else { return Ok(()) };
    let bits: Vec<u8> = signs.iter().flat_map(|word| word.to_le_bytes()).collect();
    conn.prepare_cached(&format!("INSERT INTO {code}(id, model, bits) VALUES (?1, ?2, ?3)"))
        .and_then(|mut insert| insert.execute(params![vector, model, bits]))
        .map(drop)
        .doing(DOING)
}

/// Removes the codes of those `vectors` no chunk of the generation points to any more. The vectors themselves stay:
/// they were paid for, and the text may come back.
pub(super) fn drop_codes(conn: &Connection, tables: Tables, vectors: &[i64]) -> Result<(), Fault> {
    if vectors.is_empty() || planted("codes-left") {
        return Ok(());
    }
    let mut delete = conn
        .prepare_cached(&format!(
            "DELETE FROM {} WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM {} WHERE vector = ?1)",
            tables.code(),
            tables.chunk()
        ))
        .doing(DOING)?;
    let mut removed = 0;
    for vector in vectors {
        removed += delete.execute([vector]).doing(DOING)?;
    }
    if removed > 0 {
        conn.prepare_cached("UPDATE counter SET value = value + ?1 WHERE name = 'removed'")
            .and_then(|mut update| update.execute([removed]))
            .doing(DOING)?;
    }
    Ok(())
}

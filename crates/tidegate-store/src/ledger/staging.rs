//! Chunks of units too large to hold in memory, until the unit commits.

use rusqlite::{Connection, params};
use tidegate_core::{Fault, UnitId};

use super::Terms;
use super::document::{self, Placed};
use super::rows::ChunkRow;
use crate::error::Doing;
use crate::planted;

/// Keeps `chunks` for `unit`.
pub(super) fn put(conn: &Connection, terms: &Terms, unit: UnitId, chunks: &[ChunkRow]) -> Result<(), Fault> {
    let doing = "staging a large item";
    let mut insert = conn
        .prepare_cached(
            "INSERT INTO staging(pipeline, unit, uri, ordinal, heading, span_start, span_end, page, vector,
                                 fields, text, parent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .doing(doing)?;
    let mut last: Option<&str> = None;
    for chunk in chunks {
        let vector = document::vector_row(conn, &terms.model, chunk)?;
        if planted::planted("staged-seen") {
            let doc = planted::premature(conn, terms.lease.pipeline, &chunk.key)?;
            let placed = Placed {
                ordinal: chunk.ordinal,
                heading: &chunk.heading,
                span: chunk.span,
                page: chunk.page,
                vector: vector.map(|(id, _)| id),
                text: &chunk.text,
            };
            document::add_chunk(conn, terms.tables, (doc, None), &placed)?;
        }
        // The fields of a document are those of its first chunk, which need not be the first that was cut.
        let first = last.replace(&chunk.key) != Some(&*chunk.key);
        let fields = first.then(|| serde_json::to_string(&*chunk.fields).unwrap_or_default());
        insert
            .execute(params![
                terms.lease.pipeline,
                unit,
                chunk.key.as_ref(),
                chunk.ordinal,
                chunk.heading,
                chunk.span.0,
                chunk.span.1,
                chunk.page,
                vector.map(|(id, _)| id),
                fields,
                chunk.text.as_ref(),
                chunk.parent.as_deref()
            ])
            .doing(doing)?;
    }
    Ok(())
}

/// How many chunks are staged for `unit`.
pub(super) fn count(conn: &Connection, pipeline: i64, unit: UnitId) -> Result<u64, Fault> {
    conn.prepare_cached("SELECT count(*) FROM staging WHERE pipeline = ?1 AND unit = ?2")
        .and_then(|mut select| select.query_row(params![pipeline, unit], |row| row.get(0)))
        .doing("counting staged chunks")
}

/// The keys of documents within item `key` that chunks are staged for in `unit`, in order.
pub(super) fn parts(
    conn: &Connection,
    (pipeline, unit, key): (i64, UnitId, &str),
) -> Result<Vec<String>, Fault> {
    conn.prepare_cached(
        "SELECT uri FROM staging WHERE pipeline = ?1 AND unit = ?2 AND parent = ?3 GROUP BY uri ORDER BY min(id)",
    )
    .and_then(|mut select| select.query_map(params![pipeline, unit, key], |row| row.get(0))?.collect())
    .doing("reading staged chunks")
}

/// Hands every chunk staged for `key` in `unit` to `take`, in order.
pub(super) fn each(
    conn: &Connection,
    (pipeline, unit, key): (i64, UnitId, &str),
    mut take: impl FnMut(Placed<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let doing = "reading staged chunks";
    let mut select = conn
        .prepare_cached(
            "SELECT ordinal, heading, span_start, span_end, page, vector, text
             FROM staging WHERE pipeline = ?1 AND unit = ?2 AND uri = ?3 ORDER BY id",
        )
        .doing(doing)?;
    let mut rows = select.query(params![pipeline, unit, key]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let placed = (|| {
            Ok(Placed {
                ordinal: row.get(0)?,
                heading: row.get_ref(1)?.as_str()?,
                span: (row.get(2)?, row.get(3)?),
                page: row.get(4)?,
                vector: row.get(5)?,
                text: row.get_ref(6)?.as_str()?,
            })
        })();
        take(placed.doing(doing)?)?;
    }
    Ok(())
}

/// The fields staged with the first chunk of `key`.
pub(super) fn fields(
    conn: &Connection,
    (pipeline, unit, key): (i64, UnitId, &str),
) -> Result<Option<tidegate_core::Fields>, Fault> {
    use rusqlite::OptionalExtension as _;
    let text: Option<String> = conn
        .prepare_cached(
            "SELECT fields FROM staging
             WHERE pipeline = ?1 AND unit = ?2 AND uri = ?3 AND fields IS NOT NULL ORDER BY id LIMIT 1",
        )
        .and_then(|mut select| select.query_row(params![pipeline, unit, key], |row| row.get(0)).optional())
        .doing("reading staged fields")?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Forgets what was staged for `unit`.
pub(super) fn clear(conn: &Connection, pipeline: i64, unit: UnitId) -> Result<(), Fault> {
    conn.prepare_cached("DELETE FROM staging WHERE pipeline = ?1 AND unit = ?2")
        .and_then(|mut delete| delete.execute(params![pipeline, unit]))
        .map(drop)
        .doing("clearing staged chunks")
}

//! What a generation holds, read back for another one to take over: documents as chunks with their headings, places
//! and values, without vectors.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use tidegate_core::{ContentHash, Fault, Fields};

use super::Tables;
use crate::error::Doing;
use crate::store::Store;

const DOING: &str = "reading stored documents";

/// Documents that were stored by one pipeline under one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentGroup {
    /// The pipeline.
    pub pipeline: String,
    /// The fingerprint of the configuration.
    pub fingerprint: String,
    /// How many.
    pub documents: u64,
}

/// A stored document, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its row, by which listing goes on.
    pub row: i64,
    /// Its key.
    pub key: String,
    /// The cheap version in which it is stored.
    pub version: String,
    /// About how many bytes its chunks take.
    pub size: u64,
}

/// The content of a stored document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredContent {
    /// The version in which it is stored.
    pub version: String,
    /// The hash of the bytes it was made of, where it is known.
    pub content: Option<ContentHash>,
    /// Its values, the title among them.
    pub fields: Fields,
    /// Its chunks in order; those of documents within it behind its own, document by document.
    pub chunks: Vec<StoredChunk>,
}

/// A stored chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredChunk {
    /// The key and values of the document within the item that it belongs to, where that is not the item itself.
    pub part: Option<(String, Fields)>,
    /// Its position in its document, from 0.
    pub ordinal: u32,
    /// Headings above it, outermost first.
    pub heading: Vec<String>,
    /// Its byte range in the document's text.
    pub span: (u64, u64),
    /// Its page, from 1.
    pub page: Option<u32>,
    /// The text.
    pub text: String,
}

impl Store {
    /// The pipelines and configurations that made the documents of a generation.
    ///
    /// # Errors
    /// Storage faults.
    pub fn stored_groups(&self, generation: i64) -> Result<Vec<DocumentGroup>, Fault> {
        self.read(|conn| {
            conn.prepare_cached(
                "SELECT p.name, s.fingerprint, count(*) FROM pipeline p JOIN source s ON s.pipeline = p.id
                 WHERE p.generation = ?1 AND s.parent IS NULL GROUP BY p.name, s.fingerprint ORDER BY 1, 2",
            )
            .and_then(|mut select| {
                let read = |row: &Row<'_>| {
                    Ok(DocumentGroup {
                        pipeline: row.get(0)?,
                        fingerprint: row.get(1)?,
                        documents: row.get(2)?,
                    })
                };
                select.query_map([generation], read)?.collect()
            })
            .doing(DOING)
        })
    }

    /// Up to `limit` documents of a group in a generation behind row `after` (0 begins).
    ///
    /// # Errors
    /// Storage faults.
    pub fn stored_documents(
        &self,
        (generation, group): (i64, &DocumentGroup),
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredDocument>, Fault> {
        self.read(|conn| {
            // A chunk of 256 tokens has about a kilobyte; what is read is weighed as it is.
            conn.prepare_cached(
                "SELECT s.id, s.uri, s.version,
                   1024 * (s.chunks + (SELECT ifnull(sum(chunks), 0) FROM source WHERE parent = s.id))
                 FROM source s
                 WHERE s.pipeline = (SELECT id FROM pipeline WHERE name = ?1 AND generation = ?2)
                   AND s.fingerprint = ?3 AND s.parent IS NULL AND s.id > ?4 ORDER BY s.id LIMIT ?5",
            )
            .and_then(|mut select| {
                let read = |row: &Row<'_>| {
                    Ok(StoredDocument {
                        row: row.get(0)?,
                        key: row.get(1)?,
                        version: row.get(2)?,
                        size: row.get(3)?,
                    })
                };
                let asked = params![group.pipeline, generation, group.fingerprint, after, limit];
                select.query_map(asked, read)?.collect()
            })
            .doing(DOING)
        })
    }

    /// What a generation holds of the document `key` of a pipeline; `None` if it is gone. All of one moment.
    ///
    /// # Errors
    /// Storage faults.
    pub fn stored_document(
        &self,
        (generation, pipeline): (i64, &str),
        key: &str,
    ) -> Result<Option<StoredContent>, Fault> {
        self.read(|conn| document(conn, (Tables(generation), pipeline), key))
    }
}

fn document(
    conn: &Connection,
    (tables, pipeline): (Tables, &str),
    key: &str,
) -> Result<Option<StoredContent>, Fault> {
    let found = conn
        .prepare_cached(
            "SELECT id, version, content_hash, title, meta FROM source
             WHERE pipeline = (SELECT id FROM pipeline WHERE name = ?1 AND generation = ?2)
               AND uri = ?3 AND parent IS NULL",
        )
        .and_then(|mut select| {
            let read = |row: &Row<'_>| {
                let hash = row.get_ref(2)?.as_blob_or_null()?.and_then(|bytes| bytes.try_into().ok());
                Ok((row.get(0)?, row.get(1)?, hash.map(ContentHash), fields(row, 3)?))
            };
            select.query_row(params![pipeline, tables.0, key], read).optional()
        })
        .doing(DOING)?;
    let Some((doc, version, content, fields)) = found else { return Ok(None) };
    let mut chunks = chunks(conn, tables, (doc, None))?;
    for (doc, key, fields) in parts(conn, doc)? {
        chunks.extend(self::chunks(conn, tables, (doc, Some((key, fields))))?);
    }
    Ok(Some(StoredContent { version, content, fields, chunks }))
}

/// The documents within an item: row, key and values.
fn parts(conn: &Connection, doc: i64) -> Result<Vec<(i64, String, Fields)>, Fault> {
    conn.prepare_cached("SELECT id, uri, title, meta FROM source WHERE parent = ?1 ORDER BY id")
        .and_then(|mut select| {
            select.query_map([doc], |row| Ok((row.get(0)?, row.get(1)?, fields(row, 2)?)))?.collect()
        })
        .doing(DOING)
}

fn chunks(
    conn: &Connection,
    tables: Tables,
    (doc, part): (i64, Option<(String, Fields)>),
) -> Result<Vec<StoredChunk>, Fault> {
    conn.prepare_cached(&format!(
        "SELECT ordinal, heading, span_start, span_end, page, text FROM {} WHERE doc = ?1 ORDER BY id",
        tables.chunk()
    ))
    .and_then(|mut select| {
        let read = |row: &Row<'_>| {
            Ok(StoredChunk {
                part: part.clone(),
                ordinal: row.get(0)?,
                heading: serde_json::from_str(row.get_ref(1)?.as_str()?).unwrap_or_default(),
                span: (row.get(2)?, row.get(3)?),
                page: row.get(4)?,
                text: row.get(5)?,
            })
        };
        select.query_map([doc], read)?.collect()
    })
    .doing(DOING)
}

/// The values of a document: its title in column `title`, the others in the one behind.
fn fields(row: &Row<'_>, title: usize) -> rusqlite::Result<Fields> {
    let mut fields: Fields = serde_json::from_str(row.get_ref(title + 1)?.as_str()?).unwrap_or_default();
    if let Some(title) = row.get::<_, Option<String>>(title)? {
        fields.insert("title".to_owned(), title.into());
    }
    Ok(fields)
}

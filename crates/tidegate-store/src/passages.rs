//! Reading all stored chunks, page by page, for work on their texts.

use std::sync::Arc;

use rusqlite::params;
use tidegate_core::Fault;

use crate::error::Doing;
use crate::generation;
use crate::store::Store;

/// The text of a stored chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The chunk's id in this store.
    pub id: i64,
    /// Headings above it, outermost first.
    pub heading: Vec<Arc<str>>,
    /// Its text.
    pub text: String,
}

impl Store {
    /// Up to `limit` chunks of the active generation that have vectors, with ids above `after`, in their order. Each page is of one moment; what
    /// is stored or removed between two of them may or may not be met.
    ///
    /// # Errors
    /// Storage faults.
    pub fn passages(&self, after: i64, limit: usize) -> Result<Vec<Passage>, Fault> {
        self.read(|conn| {
            conn.prepare_cached(&format!(
                "SELECT id, heading, text FROM {} WHERE id > ?1 AND vector IS NOT NULL ORDER BY id LIMIT ?2",
                generation::active(conn)?.chunk()
            ))
            .and_then(|mut select| {
                let read = |row: &rusqlite::Row<'_>| {
                    let heading: String = row.get(1)?;
                    let heading = serde_json::from_str(&heading).unwrap_or_default();
                    Ok(Passage { id: row.get(0)?, heading, text: row.get(2)? })
                };
                select.query_map(params![after, limit], read)?.collect()
            })
            .doing("reading the chunks")
        })
    }
}

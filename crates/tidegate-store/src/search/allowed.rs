//! What a filter lets through, found once per query.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use tidegate_core::Fault;

use super::codes::Bitset;
use super::filter::Clause;
use crate::error::Doing;
use crate::generation::Tables;

/// The documents, chunks and vectors a filter lets through.
pub(super) struct Allowed {
    pub(super) docs: Bitset,
    pub(super) vectors: Bitset,
    chunks: Arc<Bitset>,
}

impl Allowed {
    /// Applies `filter` to every document of a generation.
    pub(super) fn of((conn, tables): (&Connection, Tables), filter: &Clause) -> Result<Self, Fault> {
        let doing = "applying the filter";
        let sql = format!(
            "SELECT source.id FROM source
             WHERE pipeline IN (SELECT id FROM pipeline WHERE generation = {}) AND ({})",
            tables.0, filter.sql
        );
        let mut select = conn.prepare_cached(&sql).doing(doing)?;
        let mut passing = select.query(rusqlite::params_from_iter(&filter.values)).doing(doing)?;
        let mut chunks = conn
            .prepare_cached(&format!("SELECT id, vector FROM {} WHERE doc = ?1", tables.chunk()))
            .doing(doing)?;
        let (mut docs, mut vectors, mut ids) = (Bitset::new(), Bitset::new(), Bitset::new());
        while let Some(row) = passing.next().doing(doing)? {
            let doc: i64 = row.get(0).doing(doing)?;
            docs.insert(doc);
            let mut rows = chunks.query([doc]).doing(doing)?;
            while let Some(row) = rows.next().doing(doing)? {
                ids.insert(row.get(0).doing(doing)?);
                if let Some(vector) = row.get::<_, Option<i64>>(1).doing(doing)? {
                    vectors.insert(vector);
                }
            }
        }
        Ok(Self { docs, vectors, chunks: Arc::new(ids) })
    }

    /// Makes `chunk_allowed(id)` answer for these chunks on `conn`.
    pub(super) fn register(&self, conn: &Connection) -> Result<(), Fault> {
        let chunks = self.chunks.clone();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        conn.create_scalar_function("chunk_allowed", 1, flags, move |context| {
            Ok(chunks.contains(context.get::<i64>(0)?))
        })
        .doing("applying the filter")
    }
}

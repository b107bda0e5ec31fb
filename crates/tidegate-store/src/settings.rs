//! What pipelines were last run with, so that a command (a retry, for one) can run them again.

use rusqlite::{Connection, params};
use tidegate_core::Fault;

use crate::error::Doing;
use crate::generation::{self, Tables};
use crate::ledger::PipelineLedger;
use crate::process::now_ms;
use crate::store::Store;
use crate::writer::Kind;

/// Settings a pipeline was run with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The pipeline.
    pub pipeline: String,
    /// Tells apart the sources the pipeline was run on.
    pub name: String,
    /// The settings, as they were given.
    pub value: String,
}

impl PipelineLedger {
    /// Remembers what the pipeline is run with, in place of what was remembered under the same name.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn remember_settings(&self, name: &str, value: &str) -> Result<(), Fault> {
        let (pipeline, name, value) = (self.pipeline(), name.to_owned(), value.to_owned());
        let work = move |conn: &Connection| {
            conn.execute(
                "INSERT INTO settings(pipeline, name, value, updated) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT(pipeline, name) DO UPDATE SET value = ?3, updated = ?4",
                params![pipeline, name, value, now_ms()],
            )
            .map(drop)
            .doing("remembering the settings of a run")
        };
        self.store().writer()?.call(Kind::Other, work).await
    }
}

impl Store {
    /// What is remembered of the active generation, and of pipelines whose records go elsewhere, latest first.
    ///
    /// # Errors
    /// Storage faults.
    pub fn settings(&self) -> Result<Vec<Settings>, Fault> {
        self.read(|conn| settings_of(conn, generation::active(conn)?))
    }
}

/// What is remembered of a generation, and of pipelines whose records go elsewhere, latest first.
pub(crate) fn settings_of(conn: &Connection, tables: Tables) -> Result<Vec<Settings>, Fault> {
    conn.prepare_cached(
        "SELECT p.name, s.name, s.value FROM settings s JOIN pipeline p ON p.id = s.pipeline
         WHERE p.generation IN (0, ?1) ORDER BY s.updated DESC, s.name",
    )
    .and_then(|mut select| {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Settings { pipeline: row.get(0)?, name: row.get(1)?, value: row.get(2)? })
        };
        select.query_map([tables.0], read)?.collect()
    })
    .doing("reading the settings of earlier runs")
}

//! What pipelines were last run with, so that a command (a retry, for one) can run them again.

use rusqlite::{Connection, params};
use tidegate_core::Fault;

use crate::error::Doing;
use crate::ledger::pipeline_row;
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

impl Store {
    /// Remembers what a pipeline is run with, in place of what was remembered under the same name.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn remember_settings(&self, settings: Settings) -> Result<(), Fault> {
        let work = move |conn: &Connection| {
            let pipeline = pipeline_row(conn, &settings.pipeline)?;
            conn.execute(
                "INSERT INTO settings(pipeline, name, value, updated) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT(pipeline, name) DO UPDATE SET value = ?3, updated = ?4",
                params![pipeline, settings.name, settings.value, now_ms()],
            )
            .map(drop)
            .doing("remembering the settings of a run")
        };
        self.writer()?.call(Kind::Other, work).await
    }

    /// Everything remembered, latest first.
    ///
    /// # Errors
    /// Storage faults.
    pub fn settings(&self) -> Result<Vec<Settings>, Fault> {
        self.read(|conn| {
            conn.prepare(
                "SELECT p.name, s.name, s.value FROM settings s JOIN pipeline p ON p.id = s.pipeline
                 ORDER BY s.updated DESC, s.name",
            )
            .and_then(|mut select| {
                let read = |row: &rusqlite::Row<'_>| {
                    Ok(Settings { pipeline: row.get(0)?, name: row.get(1)?, value: row.get(2)? })
                };
                select.query_map([], read)?.collect()
            })
            .doing("reading the settings of earlier runs")
        })
    }
}

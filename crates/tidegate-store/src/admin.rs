//! What commands need to know and may change beside a run: status, runs, quarantine, pruning.
//!
//! Readings block the calling thread briefly and need no runtime; changes go through the writing thread.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use tidegate_core::{Fault, FaultKind};

use crate::error::Doing;
use crate::generation::{self, GenerationRow, Tables};
use crate::ledger::pipeline_row;
use crate::open;
use crate::process::now_ms;
use crate::prune;
use crate::store::Store;
use crate::writer::Kind;

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Stored documents.
    pub documents: u64,
    /// Their chunks.
    pub chunks: u64,
    /// Distinct vectors they point to.
    pub vectors: u64,
    /// Vectors kept, whether pointed to or not.
    pub journal: u64,
    /// Of these, vectors that no chunk of any generation points to.
    pub orphans: u64,
    /// Bytes of the file and its log.
    pub bytes: u64,
    /// Quarantined items by class.
    pub quarantine: Vec<ClassCount>,
    /// Every pipeline.
    pub pipelines: Vec<PipelineStatus>,
    /// The latest runs, newest first.
    pub runs: Vec<RunRow>,
    /// Every generation, oldest first.
    pub generations: Vec<GenerationRow>,
}

/// How many items are quarantined for one class of reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub class: String,
    /// Items.
    pub count: u64,
}

/// One pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PipelineStatus {
    /// Its name.
    pub name: String,
    /// Its stored documents.
    pub documents: u64,
    /// Who runs it now.
    pub lease: Option<LeaseStatus>,
}

/// Who holds a pipeline's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseStatus {
    /// Process id.
    pub pid: u32,
    /// How often the lease was taken.
    pub epoch: i64,
    /// When it ends unless renewed, ms since 1970.
    pub expires: i64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// Its pipeline.
    pub pipeline: String,
    /// When it began, ms since 1970.
    pub started: i64,
    /// When it ended, ms since 1970.
    pub ended: Option<i64>,
    /// `running`, `interrupted`, or the state of its report.
    pub state: String,
    /// Its report.
    pub report: Option<serde_json::Value>,
}

/// A quarantined item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Its pipeline.
    pub pipeline: String,
    /// Its key.
    pub source: String,
    /// The stage that failed.
    pub stage: String,
    /// The class of the fault.
    pub class: String,
    /// How often it was tried.
    pub attempts: u64,
    /// The fault in one line.
    pub message: String,
    /// The fault from the outside in.
    pub chain: Vec<String>,
    /// First put aside, ms since 1970.
    pub first_seen: i64,
    /// Last put aside, ms since 1970.
    pub last_seen: i64,
    /// Its identity in logs.
    pub trace: String,
    /// Length of its content, bytes.
    pub payload_len: u64,
    /// Its content, whole up to 64 KiB, else the first 4 KiB; only where asked for.
    #[serde(skip)]
    pub payload: Option<Vec<u8>>,
}

const DOING: &str = "reading the status of the store";

impl Store {
    /// What the store holds. Counts everything, so it takes milliseconds per 100,000 chunks.
    ///
    /// # Errors
    /// Storage faults.
    pub fn status(&self) -> Result<Status, Fault> {
        let size = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let bytes = size(self.path()) + size(&open::beside(self.path(), "-wal"));
        self.read(|conn| {
            let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, u64>(0)).doing(DOING);
            let active = generation::active(conn)?;
            let shown =
                format!("pipeline IN (SELECT id FROM pipeline WHERE generation IN (0, {}))", active.0);
            let orphans = format!("SELECT count(*) FROM journal j WHERE {}", prune::unused(conn)?);
            Ok(Status {
                documents: count(&format!("SELECT count(*) FROM source WHERE parent IS NULL AND {shown}"))?,
                chunks: count(&format!("SELECT count(*) FROM {}", active.chunk()))?,
                vectors: count(&format!("SELECT count(DISTINCT vector) FROM {}", active.chunk()))?,
                journal: count("SELECT count(*) FROM journal")?,
                orphans: count(&orphans)?,
                bytes,
                quarantine: classes(conn, active)?,
                pipelines: pipelines(conn, active)?,
                generations: generation::briefly(conn)?,
                runs: runs(conn, 5)?,
            })
        })
    }

    /// The models whose vectors chunks of the active generation point to, with the number of dimensions of each.
    ///
    /// # Errors
    /// Storage faults.
    pub fn models(&self) -> Result<Vec<(String, usize)>, Fault> {
        self.read(|conn| generation::models(conn, generation::active(conn)?))
    }

    /// Every model whose vectors were ever kept, also those that no chunk points to, with the number of dimensions of
    /// each.
    ///
    /// # Errors
    /// Storage faults.
    pub fn lengths(&self) -> Result<Vec<(String, usize)>, Fault> {
        self.read(|conn| {
            conn.prepare("SELECT name, dims FROM model ORDER BY name")
                .and_then(|mut select| select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
                .doing(DOING)
        })
    }

    /// The latest `limit` runs, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, Fault> {
        self.read(|conn| runs(conn, limit))
    }

    /// How many documents within stored items of a pipeline are quarantined, in one generation.
    ///
    /// # Errors
    /// Storage faults.
    pub fn quarantined_parts(&self, pipeline: &str, generation: i64) -> Result<u64, Fault> {
        self.read(|conn| {
            conn.query_row(
                "SELECT count(*) FROM quarantine q JOIN pipeline p ON p.id = q.pipeline
                 WHERE p.name = ?1 AND p.generation = ?2 AND q.parent IS NOT NULL",
                params![pipeline, generation],
                |row| row.get(0),
            )
            .doing(DOING)
        })
    }

    /// Every quarantined item, oldest first, without payloads.
    ///
    /// # Errors
    /// Storage faults.
    pub fn quarantine_list(&self) -> Result<Vec<Quarantined>, Fault> {
        self.read(|conn| {
            let active = generation::active(conn)?.0;
            conn.prepare(&format!("{QUARANTINE} ORDER BY q.first_seen, q.id"))
                .and_then(|mut select| select.query_map([active], quarantined)?.collect())
                .doing(DOING)
        })
    }

    /// One quarantined item by its key, with what is kept of its content. Several pipelines may have the key.
    ///
    /// # Errors
    /// Storage faults.
    pub fn quarantine_show(&self, source: &str) -> Result<Vec<Quarantined>, Fault> {
        self.read(|conn| {
            let read = |row: &Row<'_>| {
                let item = quarantined(row)?;
                Ok(Quarantined { payload: row.get(11)?, ..item })
            };
            let active = generation::active(conn)?.0;
            conn.prepare(&format!("{QUARANTINE} AND q.uri = ?2"))
                .and_then(|mut select| select.query_map(params![active, source], read)?.collect())
                .doing(DOING)
        })
    }

    /// Forgets quarantined items, so that the next run tries them as if they were new; all of them if no key is
    /// given. Returns how many there were.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn quarantine_drop(&self, sources: Option<Vec<String>>) -> Result<u64, Fault> {
        let doing = "dropping quarantined items";
        let work = move |conn: &Connection| {
            let active = generation::active(conn)?.0;
            let shown = "pipeline IN (SELECT id FROM pipeline WHERE generation IN (0, ?1))";
            let Some(sources) = &sources else {
                let delete = format!("DELETE FROM quarantine WHERE {shown}");
                return conn.execute(&delete, [active]).map(|count| count as u64).doing(doing);
            };
            let delete = format!("DELETE FROM quarantine WHERE {shown} AND uri = ?2");
            let mut delete = conn.prepare_cached(&delete).doing(doing)?;
            let mut dropped = 0;
            for source in sources {
                dropped += delete.execute(params![active, source]).doing(doing)? as u64;
            }
            Ok(dropped)
        };
        self.writer()?.call(Kind::Other, work).await
    }

    /// Keeps the report of a run that ended.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn record_run(
        &self,
        pipeline: &str,
        report: &tidegate_core::report::Report,
    ) -> Result<(), Fault> {
        let internal = |error| Fault::new(FaultKind::Internal, "the report is not JSON").cause(error);
        let state = serde_json::to_value(report.state).map_err(internal)?;
        let state = state.as_str().unwrap_or("done").to_owned();
        let text = serde_json::to_string(report).map_err(internal)?;
        let (pipeline, run) = (pipeline.to_owned(), report.run.clone());
        let work = move |conn: &Connection| {
            let begun = conn
                .query_row("SELECT pipeline FROM run WHERE id = ?1", [&run], |row| row.get(0))
                .optional()
                .doing("keeping the report of a run")?;
            let pipeline = match begun {
                Some(row) => row,
                None => pipeline_row(conn, (&pipeline, generation::active(conn)?))?,
            };
            conn.execute(
                "INSERT INTO run(id, pipeline, started, ended, state, report) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
                 ON CONFLICT(id) DO UPDATE SET ended = ?3, state = ?4, report = ?5",
                params![run, pipeline, now_ms(), state, text],
            )
            .map(drop)
            .doing("keeping the report of a run")
        };
        self.writer()?.call(Kind::Other, work).await
    }
}

fn classes(conn: &Connection, active: Tables) -> Result<Vec<ClassCount>, Fault> {
    conn.prepare(
        "SELECT class, count(*) FROM quarantine
         WHERE pipeline IN (SELECT id FROM pipeline WHERE generation IN (0, ?1))
         GROUP BY class ORDER BY count(*) DESC, class",
    )
    .and_then(|mut select| {
        select
            .query_map([active.0], |row| Ok(ClassCount { class: row.get(0)?, count: row.get(1)? }))?
            .collect()
    })
    .doing(DOING)
}

fn pipelines(conn: &Connection, active: Tables) -> Result<Vec<PipelineStatus>, Fault> {
    let read = |row: &Row<'_>| {
        let pid: Option<u32> = row.get(2)?;
        let lease = match pid {
            Some(pid) => Some(LeaseStatus { pid, epoch: row.get(3)?, expires: row.get(4)? }),
            None => None,
        };
        Ok(PipelineStatus { name: row.get(0)?, documents: row.get(1)?, lease })
    };
    conn.prepare(
        "SELECT p.name, (SELECT count(*) FROM source s WHERE s.pipeline = p.id AND s.parent IS NULL), l.pid, l.epoch, l.expires
         FROM pipeline p LEFT JOIN lease l ON l.pipeline = p.id WHERE p.generation IN (0, ?1) ORDER BY p.name",
    )
    .and_then(|mut select| select.query_map([active.0], read)?.collect())
    .doing(DOING)
}

fn runs(conn: &Connection, limit: usize) -> Result<Vec<RunRow>, Fault> {
    let read = |row: &Row<'_>| {
        let report: Option<String> = row.get(5)?;
        Ok(RunRow {
            id: row.get(0)?,
            pipeline: row.get(1)?,
            started: row.get(2)?,
            ended: row.get(3)?,
            state: row.get(4)?,
            report: report.and_then(|text| serde_json::from_str(&text).ok()),
        })
    };
    conn.prepare(
        "SELECT r.id, p.name, r.started, r.ended, r.state, r.report
         FROM run r JOIN pipeline p ON p.id = r.pipeline ORDER BY r.started DESC, r.rowid DESC LIMIT ?1",
    )
    .and_then(|mut select| select.query_map([limit], read)?.collect())
    .doing(DOING)
}

const QUARANTINE: &str =
    "SELECT p.name, q.uri, q.stage, q.class, q.attempts, q.message, q.chain, q.first_seen,
     q.last_seen, q.trace, q.payload_len, q.payload FROM quarantine q JOIN pipeline p ON p.id = q.pipeline
     WHERE p.generation IN (0, ?1)";

fn quarantined(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    let chain: String = row.get(6)?;
    Ok(Quarantined {
        pipeline: row.get(0)?,
        source: row.get(1)?,
        stage: row.get(2)?,
        class: row.get(3)?,
        attempts: row.get(4)?,
        message: row.get(5)?,
        chain: serde_json::from_str(&chain).unwrap_or_default(),
        first_seen: row.get(7)?,
        last_seen: row.get(8)?,
        trace: row.get(9)?,
        payload_len: row.get(10)?,
        payload: None,
    })
}

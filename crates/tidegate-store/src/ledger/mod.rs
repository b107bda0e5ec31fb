//! The ledger of one pipeline: what became of each of its items.

mod assess;
mod commit;
mod document;
mod over;
mod part;
mod quarantine;
mod rows;
mod staging;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use tidegate_core::{
    Commit, Coverage, Fault, FaultKind, Ledger, Position, Record, SourceItem, Sweep, SweepPolicy, UnitId,
    Verdict, Version,
};

use crate::error::Doing;
use crate::generation::{self, Tables};
use crate::lease::Lease;
use crate::planted::planted;
use crate::process::now_ms;
use crate::reader::Reader;
use crate::store::Store;
use crate::writer::{Grant, Kind};

pub(crate) use commit::remove_source;

/// Which quarantined items are tried again although nothing about them changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RetrySelection {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those with these keys.
    Keys(BTreeSet<String>),
    /// Those of these classes ([`tidegate_core::FaultKind::name`]).
    Classes(BTreeSet<String>),
}

impl RetrySelection {
    /// Whether an item of this key, which was put aside for this class of reason, is tried again.
    #[must_use]
    pub fn selects(&self, key: &str, class: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Keys(keys) => keys.contains(key),
            Self::Classes(classes) => classes.contains(class),
        }
    }
}

/// One run of a pipeline, as its ledger needs to know it.
#[derive(Debug, Clone)]
pub struct PipelineRun<'a> {
    /// The name of the pipeline; each has its own items, lease and position.
    pub pipeline: &'a str,
    /// Names everything that decides what an item becomes. Items stored under another one are worked on again.
    pub fingerprint: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// Names the model of vectors that arrive with records but are not in the journal yet.
    pub model: &'a str,
    /// Quarantined items to try again.
    pub retry_quarantined: RetrySelection,
    /// Work on every item, whatever is known of it.
    pub force: bool,
    /// Whether the source may list a key again to say that it changed (a folder that is watched). Otherwise a
    /// second listing is a duplicate.
    pub relist: bool,
    /// Whether only outcomes are kept: the records go elsewhere, so they are not made searchable here. Items that
    /// carry a position then leave no row of their own unless they are put aside: the position accounts for them,
    /// so that a stream of millions of rows costs a handful of writes.
    pub outcomes_only: bool,
    /// The generation it writes into; `None`: the one that is active when the run begins.
    pub generation: Option<i64>,
}

impl<'a> PipelineRun<'a> {
    /// A run with nothing special about it.
    #[must_use]
    pub fn new(pipeline: &'a str, fingerprint: &'a str, run: &'a str) -> Self {
        Self {
            pipeline,
            fingerprint,
            run,
            model: "unnamed",
            retry_quarantined: RetrySelection::None,
            force: false,
            relist: false,
            outcomes_only: false,
            generation: None,
        }
    }
}

/// What stays the same over a run.
#[derive(Debug)]
struct Terms {
    lease: Lease,
    /// Of the generation it writes into.
    tables: Tables,
    fingerprint: String,
    run: String,
    model: String,
    retry: RetrySelection,
    force: bool,
    relist: bool,
    outcomes_only: bool,
}

/// The ledger of one run of a pipeline. It holds the pipeline's lease until it is dropped or closed.
pub struct PipelineLedger {
    /// Gives the lease back when the ledger is dropped.
    _grant: Grant,
    store: Store,
    terms: Arc<Terms>,
    /// Remembers in a temporary table which keys were seen, and answers what is known of them.
    reader: Reader,
}

impl Store {
    /// Takes the lease of a pipeline, sweeps what a crashed run left, and opens the pipeline's ledger.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Guarded`] while another run holds the lease; storage faults.
    pub async fn ledger(&self, run: PipelineRun<'_>) -> Result<PipelineLedger, Fault> {
        let (name, id) = (run.pipeline.to_owned(), run.run.to_owned());
        let writer = self.writer()?;
        let grant = writer.granting();
        let into = if run.outcomes_only { Some(Tables::NONE) } else { run.generation.map(Tables) };
        let begun = move |conn: &Connection| {
            let tables = into.map_or_else(|| generation::active(conn), Ok)?;
            begin(conn, (&name, tables), &id).map(|lease| (grant(lease), tables))
        };
        let (grant, tables) = writer.call(Kind::Other, begun).await?;
        let terms = Terms {
            lease: grant.lease.clone(),
            tables,
            fingerprint: run.fingerprint.to_owned(),
            run: run.run.to_owned(),
            model: run.model.to_owned(),
            retry: run.retry_quarantined,
            force: run.force,
            relist: run.relist,
            outcomes_only: run.outcomes_only,
        };
        let reader = Reader::start("tidegate-ledger", self.path())?;
        let ledger = PipelineLedger { _grant: grant, store: self.clone(), terms: Arc::new(terms), reader };
        ledger.reader.call(assess::create_seen).await?;
        Ok(ledger)
    }
}

/// Takes the lease and clears what a crashed run of the pipeline left behind.
fn begin(conn: &Connection, (name, tables): (&str, Tables), run: &str) -> Result<Lease, Fault> {
    let doing = "opening the ledger";
    if tables != Tables::NONE && !generation::all(conn)?.contains(&tables) {
        return Err(Fault::new(FaultKind::Fenced, format!("generation {} is not there any more", tables.0))
            .hint("`tidegate generations list` shows those that are"));
    }
    let pipeline = pipeline_row(conn, (name, tables))?;
    let lease = Lease::take(conn, pipeline, &format!("pipeline {name}"))?;
    if !planted("staged-kept") && !planted("staged-taken") {
        conn.execute("DELETE FROM staging WHERE pipeline = ?1", [pipeline]).doing(doing)?;
    }
    conn.execute(
        "UPDATE run SET state = 'interrupted' WHERE pipeline = ?1 AND state = 'running'",
        [pipeline],
    )
    .doing(doing)?;
    conn.execute(
        "INSERT OR REPLACE INTO run(id, pipeline, started, state) VALUES (?1, ?2, ?3, 'running')",
        params![run, pipeline, now_ms()],
    )
    .doing(doing)?;
    Ok(lease)
}

/// The row in a generation of the pipeline called `name`, made if there is none.
pub(crate) fn pipeline_row(conn: &Connection, (name, tables): (&str, Tables)) -> Result<i64, Fault> {
    let doing = "looking up the pipeline";
    conn.execute(
        "INSERT OR IGNORE INTO pipeline(name, created, generation) VALUES (?1, ?2, ?3)",
        params![name, now_ms(), tables.0],
    )
    .doing(doing)?;
    conn.query_row(
        "SELECT id FROM pipeline WHERE name = ?1 AND generation = ?2",
        params![name, tables.0],
        |row| row.get(0),
    )
    .doing(doing)
}

impl PipelineLedger {
    /// The number of the generation it writes into; zero where records go elsewhere.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.terms.tables.0
    }

    /// The pipeline's row in that generation.
    pub(crate) fn pipeline(&self) -> i64 {
        self.terms.lease.pipeline
    }

    /// The store it belongs to.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The committed length of an output outside the store, in bytes, if one was committed.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn length(&self, output: &str) -> Result<Option<u64>, Fault> {
        let (pipeline, output) = (self.terms.lease.pipeline, output.to_owned());
        self.reader
            .call(move |conn| {
                conn.query_row(
                    "SELECT length FROM output WHERE pipeline = ?1 AND name = ?2",
                    params![pipeline, output],
                    |row| row.get(0),
                )
                .optional()
                .doing("reading the length of an output")
            })
            .await
    }

    /// Keeps part of a unit that is too large to hold, invisible until the unit commits.
    ///
    /// # Errors
    /// A record fault for what cannot be stored; storage faults.
    ///
    /// # Cancel safety
    /// Dropping the future may leave all of `records` kept, or none.
    pub async fn stage(&self, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        let chunks = rows::chunks(records)?;
        let terms = self.terms.clone();
        self.store
            .writer()?
            .call(Kind::Other, move |conn| {
                terms.lease.check(conn)?;
                staging::put(conn, &terms, unit, &chunks)
            })
            .await?;
        tidegate_core::killpoint::hit("store.stage.after");
        Ok(())
    }

    /// Gives the lease back now rather than on drop.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn close(self) -> Result<(), Fault> {
        let lease = self.terms.lease.clone();
        let writer = self.store.writer()?;
        writer.call(Kind::Other, move |conn| lease.release(conn).doing("giving the lease back")).await
    }
}

#[async_trait]
impl Ledger for PipelineLedger {
    async fn assess(&self, items: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        if self.terms.outcomes_only && items.iter().all(|item| item.position.is_some()) {
            return Ok(vec![Verdict::Go { known: None, aside: None }; items.len()]); // what was done lies before the position
        }
        let items: Vec<_> = items.iter().map(assess::Listed::of).collect();
        let terms = self.terms.clone();
        let (verdicts, stale) = self.reader.call(move |conn| assess::assess(conn, &terms, &items)).await?;
        if !stale.is_empty() {
            let terms = self.terms.clone();
            let clear = move |conn: &Connection| {
                terms.lease.check(conn)?;
                stale.iter().try_for_each(|key| quarantine::clear(conn, terms.lease.pipeline, key))
            };
            self.store.writer()?.call(Kind::Other, clear).await?;
        }
        Ok(verdicts)
    }

    async fn stored(&self, keys: &[Arc<str>]) -> Result<Vec<Option<Version>>, Fault> {
        let (keys, terms) = (keys.to_vec(), self.terms.clone());
        self.reader.call(move |conn| assess::stored(conn, &terms, &keys)).await
    }

    async fn put_aside(&self, keys: &[Arc<str>]) -> Result<Vec<Option<Version>>, Fault> {
        let (keys, terms) = (keys.to_vec(), self.terms.clone());
        self.reader.call(move |conn| assess::put_aside(conn, &terms, &keys)).await
    }

    async fn resume(&self) -> Result<Option<Position>, Fault> {
        let pipeline = self.terms.lease.pipeline;
        self.reader
            .call(move |conn| {
                conn.query_row("SELECT value FROM position WHERE pipeline = ?1", [pipeline], |row| row.get(0))
                    .optional()
                    .map(|value| value.map(Position))
                    .doing("reading where to resume")
            })
            .await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), Fault> {
        let batch = rows::batch(commit, self.terms.outcomes_only)?;
        let terms = self.terms.clone();
        self.store.writer()?.call(Kind::Commit, move |conn| commit::write(conn, &terms, &batch)).await
    }

    async fn sweep(&self, coverage: &Coverage, policy: SweepPolicy) -> Result<Sweep, Fault> {
        sweep::sweep(self, coverage, policy).await
    }
}

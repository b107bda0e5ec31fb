//! A store in a temporary folder and the items, records and vectors that tests put into it.

use std::sync::Arc;

use rusqlite::Connection;
use tidegate_core::{
    Body, Book, Budget, Commit, ContentHash, Coverage, Embedded, Fault, FaultKind, ItemOutcome, Ledger as _,
    Outcome, Place, Record, SourceItem, Sweep, SweepPolicy, Tether, TraceId, Unit, UnitId, Verdict, Version,
    item::Failure,
};

use crate::generation::Tables;
use crate::{Hit, Mode, OpenMode, PipelineLedger, PipelineRun, Query, Searcher, Store};

/// Nobody listens.
struct Deaf;

impl Book for Deaf {
    fn released(&self, _: UnitId) {}
    fn failed(&self, _: UnitId, _: &str, _: &Fault) {}
    fn joined(&self, _: &[UnitId]) {}
    fn pended(&self, _: UnitId) {}
}

pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
    pub(super) store: Store,
}

impl World {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("t.db").to_str().unwrap(), OpenMode::Write).unwrap();
        Self { dir, store }
    }

    pub(super) fn url(&self) -> String {
        format!("sqlite:{}", self.dir.path().join("t.db").display())
    }

    pub(super) async fn run(&self, run: &str) -> PipelineLedger {
        self.store.ledger(PipelineRun::new("p", "f1", run)).await.unwrap()
    }

    pub(super) fn search(&self, text: &str) -> Vec<Hit> {
        Searcher::new(self.store.clone()).search(&Query::new(text, Mode::Text)).unwrap()
    }

    /// The keys that `text` finds.
    pub(super) fn found(&self, text: &str) -> Vec<String> {
        let mut found: Vec<String> = self.search(text).into_iter().map(|hit| hit.source).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Looks into the file behind the store's back.
    pub(super) fn count(&self, sql: &str) -> i64 {
        let conn = Connection::open(self.store.path()).unwrap();
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Whether the three places a chunk is in agree, in every generation.
    pub(super) fn assert_sound(&self) {
        self.store.check().unwrap();
        for generation in self.store.generations().unwrap() {
            let tables = Tables(generation.row.id);
            let (chunk, code, text) = (tables.chunk(), tables.code(), tables.text());
            let count = |sql: String| self.count(&sql);
            let chunks = count(format!("SELECT count(*) FROM {chunk}"));
            assert_eq!(chunks, count(format!("SELECT count(*) FROM {text}_docsize")), "chunks and full text");
            let orphans =
                format!("SELECT count(*) FROM {text}_docsize WHERE id NOT IN (SELECT id FROM {chunk})");
            assert_eq!(count(orphans), 0);
            let codes = format!(
                "SELECT (SELECT count(DISTINCT vector) FROM {chunk}) - (SELECT count(*) FROM {code})"
            );
            assert_eq!(count(codes), 0, "vectors in use and codes differ");
            let mine =
                format!("source WHERE pipeline IN (SELECT id FROM pipeline WHERE generation = {})", tables.0);
            let strays = format!("SELECT count(*) FROM {chunk} WHERE doc NOT IN (SELECT id FROM {mine})");
            assert_eq!(count(strays), 0);
            assert_eq!(count(format!("SELECT ifnull(sum(chunks), 0) FROM {mine}")), chunks);
        }
    }
}

pub(super) fn item(key: &str, version: &str) -> SourceItem {
    SourceItem::new(key, Version(version.to_owned()), 10)
}

/// A unit vector that depends on `text` alone.
pub(super) fn vector(text: &str) -> Arc<[f32]> {
    let hash = ContentHash::of(text.as_bytes());
    let raw: Vec<f32> = (0..64).map(|at| f32::from(hash.0[at % 32]) - 127.0 + at as f32).collect();
    let norm = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.into_iter().map(|value| value / norm).collect()
}

pub(super) fn embedded(text: &str) -> Embedded {
    Embedded { vector: vector(text), key: ContentHash::of(text.as_bytes()) }
}

pub(super) fn record(key: &str, unit: u64, ordinal: u32, text: &str) -> Record {
    let book = Arc::new(Deaf);
    let parts = (Budget::new(1 << 30).force(0), Tether::open(unit, book));
    let mut record = Record::new(key.into(), unit, Body::Text(text.into()), parts);
    record.place = Some(Place {
        ordinal,
        heading: Arc::new(["Heading".into()]),
        span: 0..text.len() as u64,
        page: None,
    });
    record.set_embedded(embedded(text));
    record
}

pub(super) fn outcome(item: SourceItem, ordinal: u64, outcome: Outcome) -> ItemOutcome {
    let content = Some(ContentHash::of(item.version.0.as_bytes()));
    let (item, trace) = (Arc::new(item), TraceId(ordinal));
    ItemOutcome { item, ordinal, content, outcome, asides: Vec::new(), failure: None, trace }
}

/// A unit that stores `texts` as the chunks of one item.
pub(super) fn stored(key: &str, version: &str, ordinal: u64, texts: &[&str]) -> Unit {
    let records = (0..).zip(texts).map(|(at, text)| record(key, ordinal, at, text)).collect();
    Unit { items: vec![outcome(item(key, version), ordinal, Outcome::Stored)], records, staged: 0 }
}

pub(super) fn quarantined(key: &str, version: &str, ordinal: u64) -> Unit {
    let failure = Failure {
        stage: "parse".into(),
        fault: Fault::new(FaultKind::Malformed, "not what it says").during(format!("reading {key}")),
        exhibit: Body::Text("the content".into()),
    };
    let item = outcome(item(key, version), ordinal, Outcome::Quarantined);
    Unit { items: vec![ItemOutcome { failure: Some(failure), ..item }], records: Vec::new(), staged: 0 }
}

/// The unit of an item with this content.
pub(super) fn with_content(mut unit: Unit, content: &str) -> Unit {
    unit.items[0].content = Some(ContentHash::of(content.as_bytes()));
    if let Some(failure) = &mut unit.items[0].failure {
        failure.exhibit = Body::Text(content.into());
    }
    unit
}

pub(super) fn plain(key: &str, version: &str, ordinal: u64, what: Outcome) -> Unit {
    Unit { items: vec![outcome(item(key, version), ordinal, what)], records: Vec::new(), staged: 0 }
}

pub(super) fn commit(units: Vec<Unit>) -> Commit {
    Commit { units, ..Commit::default() }
}

pub(super) async fn verdict(ledger: &PipelineLedger, key: &str, version: &str) -> Verdict {
    ledger.assess(&[item(key, version)]).await.unwrap().remove(0)
}

pub(super) async fn sweep(ledger: &PipelineLedger, prefix: &str) -> Sweep {
    let coverage = Coverage { covered: vec![prefix.to_owned()], unknown: Vec::new() };
    ledger.sweep(&coverage, SweepPolicy::default()).await.unwrap()
}

//! Source, ledger and sink: documents go in, and whatever becomes of each is written down for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{
    Body, Commit, ContentHash, Coverage, Cx, Fault, FaultKind, Fetch, Fetched, Grouping, ItemOutcome, Ledger,
    Listing, Outcome, Position, Record, Sink, Source, SourceItem, Sweep, SweepPolicy, UnitId, Verdict,
    Version,
};

use super::texts::Document;
use super::traffic::Traffic;

/// What became of a document.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Row {
    /// Stage and class of the fault for which it was put aside; none if it is stored.
    pub(crate) aside: Option<(String, String)>,
    /// Which life of the process decided, and when.
    pub(crate) life: u32,
    pub(crate) at: Duration,
}

/// What is right for a document's records; a complaint otherwise.
pub(crate) type Inspect = dyn Fn(&Document, &[Record]) -> Result<(), String> + Send + Sync;

/// One call of a batch: what was asked, and between which two moments.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) lane: usize,
    pub(crate) life: u32,
    pub(crate) texts: Vec<u64>,
    pub(crate) begun: u64,
    pub(crate) over: u64,
}

/// The ledger as it is on disk, with what everybody shares.
pub(crate) struct Books {
    pub(crate) documents: Vec<Document>,
    pub(crate) rows: Mutex<BTreeMap<String, Row>>,
    pub(crate) violations: Mutex<Vec<String>>,
    pub(crate) batches: Mutex<Vec<Asked>>,
    pub(crate) traffic: Traffic,
    pub(crate) inspect: Box<Inspect>,
}

impl Books {
    pub(crate) fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn violation(&self, what: String) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn clean(&self) -> bool {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes a batch that ended.
    pub(crate) fn batch(&self, asked: Asked) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    fn settle(&self, item: &ItemOutcome, (records, life): (&[Record], u32)) {
        let key = item.item.key.to_string();
        let Some(document) = self.documents.iter().find(|document| document.key == key) else {
            return self.violation(format!("{key} was settled, and does not exist"));
        };
        let aside = match (item.outcome, &item.failure) {
            (Outcome::Stored, _) => {
                if let Err(wrong) = (self.inspect)(document, records) {
                    self.violation(format!("{key} was stored, and {wrong}"));
                }
                None
            }
            (Outcome::Quarantined, Some(failure)) => {
                Some((failure.stage.to_string(), failure.fault.kind().name().to_owned()))
            }
            (outcome, _) => return self.violation(format!("{key} was settled as {outcome:?}")),
        };
        let row = Row { aside, life, at: self.traffic.now() };
        if let Some(before) = self.rows().insert(key.clone(), row) {
            self.violation(format!("{key} was settled twice; before it was {before:?}"));
        }
    }
}

/// Lists the documents with their content.
pub(crate) struct Lister {
    pub(crate) books: Arc<Books>,
    pub(crate) next: usize,
}

#[async_trait]
impl Source for Lister {
    async fn list(&mut self, _: &Cx, max: usize) -> Result<Listing, Fault> {
        let documents = &self.books.documents;
        if self.next == documents.len() {
            return Ok(Listing::End(None));
        }
        let until = (self.next + max.clamp(1, 16)).min(documents.len());
        let item = |document: &Document| {
            let text = document.texts.join("\n");
            let mut item = SourceItem::new(document.key.clone(), Version("1".to_owned()), text.len() as u64);
            item.content = Some(ContentHash::of(text.as_bytes()));
            item.body = Some(Body::Text(text.into()));
            item
        };
        let items = documents[self.next..until].iter().map(item).collect();
        self.next = until;
        Ok(Listing::Items(items))
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(Nothing)
    }
}

/// Reads what was listed without content: nothing is.
struct Nothing;

#[async_trait]
impl Fetch for Nothing {
    async fn fetch(&self, _: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        Err(Fault::new(FaultKind::Internal, format!("sim: {} was listed with its content", item.key)))
    }
}

/// Says what is still to be done.
pub(crate) struct Reader(pub(crate) Arc<Books>);

#[async_trait]
impl Ledger for Reader {
    async fn assess(&self, items: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        let rows = self.0.rows();
        let verdict = |item: &SourceItem| match rows.get(&*item.key) {
            None => Verdict::Go { known: None, aside: None },
            Some(Row { aside: None, .. }) => Verdict::Unchanged,
            Some(_) => Verdict::StillQuarantined,
        };
        Ok(items.iter().map(verdict).collect())
    }

    async fn resume(&self) -> Result<Option<Position>, Fault> {
        Ok(None)
    }

    async fn commit(&self, _: &Commit) -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Internal, "sim: the sink commits"))
    }

    async fn sweep(&self, _: &Coverage, _: SweepPolicy) -> Result<Sweep, Fault> {
        Ok(Sweep::default())
    }
}

/// Writes outcomes down, a few at a time.
pub(crate) struct Writer {
    pub(crate) books: Arc<Books>,
    pub(crate) life: u32,
}

#[async_trait]
impl Sink for Writer {
    fn grouping(&self) -> Grouping {
        Grouping { items: 16, linger: Duration::from_millis(5), ..Grouping::default() }
    }

    async fn stage(&mut self, _: &Cx, _: UnitId, _: &[Record]) -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Internal, "sim: no document is as large as that"))
    }

    async fn commit(&mut self, _: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        for unit in &commit.units {
            unit.items.iter().for_each(|item| self.books.settle(item, (&unit.records, self.life)));
        }
        Ok(())
    }

    async fn finish(&mut self, _: &Cx) -> Result<(), Fault> {
        Ok(())
    }
}

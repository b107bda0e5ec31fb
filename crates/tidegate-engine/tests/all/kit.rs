//! Small doubles to write tests with: documents in, a shelf that survives crashes out, closures between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{
    Batch, Body, Commit, ContentHash, Coverage, Cpu, Cx, Each, Emit, Emitted, Fault, FaultKind, Fetch,
    Fetched, Fields, Grouping, Ledger, Listing, Outcome, Place, Position, Record, Sink, Source, SourceItem,
    Sweep, SweepPolicy, UnitId, Verdict, Version,
};
use tidegate_engine::{Ended, Flow, Inline, Monitor, Options, StopHandle, run};

pub(crate) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) fn text(record: &Record) -> String {
    record.body.as_text().unwrap_or_default().to_owned()
}

/// What is durable: it outlives every run.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) rows: BTreeMap<String, (Version, Outcome)>,
    pub(crate) docs: BTreeMap<String, Vec<String>>,
    pub(crate) asides: BTreeMap<String, (String, String)>,
    /// Keys in the order in which they were committed.
    pub(crate) order: Vec<String>,
    /// How many units each commit had.
    pub(crate) commits: Vec<usize>,
    pub(crate) position: Option<Position>,
    pub(crate) staged: BTreeMap<UnitId, Vec<String>>,
    pub(crate) seen: BTreeSet<String>,
}

/// A document store that takes its time, and the ledger of the same store.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    pub(crate) ordered: bool,
    pub(crate) grouping: Grouping,
    pub(crate) latency: Duration,
    /// How many commits fail before they begin to succeed.
    pub(crate) busy: Arc<Mutex<u64>>,
    /// What they fail of.
    pub(crate) trouble: FaultKind,
}

impl Default for Store {
    fn default() -> Self {
        let grouping = Grouping { items: 4, bytes: 0, tokens: 0, linger: ms(5) };
        Self {
            shelf: Arc::default(),
            ordered: false,
            grouping,
            latency: ms(1),
            busy: Arc::default(),
            trouble: FaultKind::StorageBusy,
        }
    }
}

impl Store {
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    pub(crate) fn docs(&self) -> BTreeMap<String, Vec<String>> {
        self.shelf().docs.clone()
    }

    /// What a process does first after a crash.
    pub(crate) fn recover(&self) {
        let mut shelf = self.shelf();
        shelf.staged.clear();
        shelf.seen.clear();
    }
}

impl Shelf {
    fn apply(&mut self, commit: &Commit) {
        self.commits.push(commit.units.len());
        for unit in &commit.units {
            for (index, item) in unit.items.iter().enumerate() {
                let key = item.item.key.to_string();
                self.order.push(key.clone());
                self.rows.insert(key.clone(), (item.item.version.clone(), item.outcome));
                for aside in &item.asides {
                    let class = aside.failure.fault.kind().name().to_owned();
                    self.asides.insert(aside.key.to_string(), (aside.failure.stage.to_string(), class));
                }
                let mut texts = self.staged.remove(&item.ordinal).unwrap_or_default();
                if let Some(failure) = &item.failure {
                    let class = failure.fault.kind().name().to_owned();
                    self.asides.insert(key, (failure.stage.to_string(), class));
                } else if item.outcome == Outcome::Stored {
                    // What several items made together is filed under the first.
                    texts.extend(unit.records.iter().filter(|_| index == 0).map(text));
                    self.docs.insert(key, texts);
                }
            }
        }
        if commit.position.is_some() {
            self.position.clone_from(&commit.position);
        }
    }
}

#[async_trait]
impl Sink for Store {
    fn grouping(&self) -> Grouping {
        self.grouping
    }

    fn ordered(&self) -> bool {
        self.ordered
    }

    async fn stage(&mut self, _: &Cx, unit: UnitId, records: &[Record]) -> Result<(), Fault> {
        self.shelf().staged.entry(unit).or_default().extend(records.iter().map(text));
        Ok(())
    }

    async fn commit(&mut self, _: &Cx, commit: &mut Commit) -> Result<(), Fault> {
        tokio::time::sleep(self.latency).await;
        let mut busy = self.busy.lock().unwrap();
        if *busy > 0 {
            *busy -= 1;
            return Err(Fault::new(self.trouble, "busy"));
        }
        self.shelf().apply(commit);
        Ok(())
    }

    async fn finish(&mut self, _: &Cx) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Ledger for Store {
    async fn assess(&self, items: &[SourceItem]) -> Result<Vec<Verdict>, Fault> {
        let mut shelf = self.shelf();
        let mut assess = |item: &SourceItem| {
            if !shelf.seen.insert(item.key.to_string()) {
                return Verdict::Duplicate;
            }
            match shelf.rows.get(&*item.key) {
                Some((version, Outcome::Quarantined)) if *version == item.version => {
                    Verdict::StillQuarantined
                }
                Some((version, _)) if *version == item.version => Verdict::Unchanged,
                _ => Verdict::Go { known: None, aside: None },
            }
        };
        Ok(items.iter().map(&mut assess).collect())
    }

    async fn resume(&self) -> Result<Option<Position>, Fault> {
        Ok(self.shelf().position.clone())
    }

    async fn commit(&self, _: &Commit) -> Result<(), Fault> {
        unreachable!("the sink commits")
    }

    async fn sweep(&self, _: &Coverage, _: SweepPolicy) -> Result<Sweep, Fault> {
        let mut shelf = self.shelf();
        let open: Vec<_> = shelf.seen.iter().filter(|key| !shelf.rows.contains_key(*key)).collect();
        assert!(open.is_empty(), "{open:?} are not durable yet");
        let gone: Vec<_> = shelf.rows.keys().filter(|key| !shelf.seen.contains(*key)).cloned().collect();
        for key in &gone {
            shelf.rows.remove(key);
            shelf.docs.remove(key);
        }
        Ok(Sweep { deleted: gone.len() as u64, ..Sweep::default() })
    }
}

/// Lists documents, a few at a time.
pub(crate) struct Docs {
    pub(crate) items: Vec<SourceItem>,
    pub(crate) endless: bool,
    /// Whether the listing may be used to find what vanished.
    pub(crate) covers: bool,
    /// A pause before each listing.
    pub(crate) pause: Duration,
    pub(crate) page: usize,
    pub(crate) next: usize,
}

impl Docs {
    pub(crate) fn new(items: impl IntoIterator<Item = SourceItem>) -> Self {
        Self {
            items: items.into_iter().collect(),
            endless: false,
            covers: true,
            pause: ms(0),
            page: 3,
            next: 0,
        }
    }
}

/// `count` documents of `lines` lines each, keys `d00`, `d01` … Lines read `d00.0`, `d00.1` …
pub(crate) fn docs(count: usize, lines: usize) -> Vec<SourceItem> {
    let body = |n: usize| (0..lines).map(|line| format!("d{n:02}.{line}")).collect::<Vec<_>>().join("\n");
    (0..count).map(|n| doc(&format!("d{n:02}"), &body(n))).collect()
}

pub(crate) fn doc(key: &str, body: &str) -> SourceItem {
    let mut item = SourceItem::new(key, Version("1".into()), body.len() as u64);
    item.body = Some(Body::Text(body.into()));
    item
}

/// What the shelf holds once `docs(count, lines)` went through a flow that splits lines.
pub(crate) fn whole(count: usize, lines: usize) -> BTreeMap<String, Vec<String>> {
    let doc = |n: usize| (format!("d{n:02}"), (0..lines).map(|line| format!("d{n:02}.{line}")).collect());
    (0..count).map(doc).collect()
}

#[async_trait]
impl Source for Docs {
    async fn list(&mut self, _: &Cx, _: usize) -> Result<Listing, Fault> {
        tokio::time::sleep(self.pause).await;
        if self.next < self.items.len() {
            let until = (self.next + self.page).min(self.items.len());
            let page = self.items[self.next..until].to_vec();
            self.next = until;
            return Ok(Listing::Items(page));
        }
        if self.endless {
            tokio::time::sleep(Duration::from_secs(1)).await;
            return Ok(Listing::Quiet);
        }
        Ok(Listing::End(self.covers.then(Coverage::default)))
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        Arc::new(Bytes)
    }
}

/// Reads items without a body as a page of text of their size.
struct Bytes;

#[async_trait]
impl Fetch for Bytes {
    async fn fetch(&self, _: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        tokio::time::sleep(ms(5)).await;
        let body = "x".repeat(item.size as usize);
        let hash = ContentHash::of(body.as_bytes());
        Ok(Fetched::Content { body: Body::Text(body.into()), hash, version: None, fields: Fields::new() })
    }
}

/// A CPU stage of a closure.
pub(crate) struct Does<F>(pub(crate) F);

impl<F: Fn(Record) -> Result<Emit, Fault> + Send + Sync> Cpu for Does<F> {
    fn run(&self, _: &Cx, record: Record) -> Result<Emit, Fault> {
        (self.0)(record)
    }
}

/// One record for each line.
pub(crate) fn lines() -> Arc<dyn Cpu> {
    Arc::new(Does(|record: Record| {
        let lines: Vec<String> = text(&record).split('\n').map(str::to_owned).collect();
        let chunks = lines.into_iter().enumerate().map(move |(ordinal, line)| {
            let span = 0..line.len() as u64;
            let mut chunk = record.child(Body::Text(line.into()));
            chunk.place = Some(Place { ordinal: ordinal as u32, heading: Arc::new([]), span, page: None });
            Ok(chunk)
        });
        Ok(Emit::Many(Box::new(chunks)))
    }))
}

/// An asynchronous stage that takes this long and then decides by a closure.
pub(crate) struct Slow<F>(pub(crate) Duration, pub(crate) F);

#[async_trait]
impl<F: Fn(&mut Record) -> Result<Emitted, Fault> + Send + Sync> Each for Slow<F> {
    async fn run(&self, _: &Cx, record: &mut Record) -> Result<Emitted, Fault> {
        tokio::time::sleep(self.0).await;
        (self.1)(record)
    }
}

/// An asynchronous stage that only takes time.
pub(crate) fn slow(n: u64) -> Arc<dyn Each> {
    Arc::new(Slow(ms(n), |_: &mut Record| Ok(Emitted::Keep)))
}

/// What a group comes to.
pub(crate) type Answers = Result<Vec<Result<(), Fault>>, Fault>;

/// A grouped stage that takes 10 ms and then decides by a closure.
pub(crate) struct Groups<F>(pub(crate) Grouping, pub(crate) F);

#[async_trait]
impl<F: Fn(&[String]) -> Answers + Send + Sync> Batch for Groups<F> {
    fn grouping(&self) -> Grouping {
        self.0
    }

    async fn run(&self, _: &Cx, records: &mut [Record]) -> Answers {
        tokio::time::sleep(ms(10)).await;
        let texts: Vec<String> = records.iter().map(text).collect();
        (self.1)(&texts)
    }
}

pub(crate) fn fine(texts: &[String]) -> Answers {
    Ok(texts.iter().map(|_| Ok(())).collect())
}

pub(crate) fn flow(source: Docs, store: &Store) -> Flow {
    flow_with(source, store, Options { cores: 2, ..Options::default() })
}

pub(crate) fn flow_with(source: Docs, store: &Store, options: Options) -> Flow {
    store.recover();
    Flow::new(Box::new(source), Box::new(store.clone()), Arc::new(store.clone()), options)
}

/// Runs a flow to its end.
pub(crate) async fn go(flow: Flow) -> Ended {
    go_until(flow, &StopHandle::new()).await.0
}

/// Runs a flow that can be stopped. Nothing may be left in memory afterwards.
pub(crate) async fn go_until(flow: Flow, stop: &StopHandle) -> (Ended, Arc<Monitor>) {
    let monitor = flow.monitor();
    let running = run(flow, "test".into(), (Arc::new(Inline), stop.clone(), monitor.clone()));
    let hours = Duration::from_secs(24 * 3_600);
    let ended = tokio::time::timeout(hours, running).await.expect("the run ends within a day");
    assert!(ended.report.records.add_up(), "{:?}", ended.report.records);
    assert_eq!(monitor.budget().used(), 0, "memory was never given back");
    (ended, monitor)
}

/// Runs a flow and kills it after `at`, as a crash would.
pub(crate) async fn kill_after(flow: Flow, at: Duration) {
    let monitor = flow.monitor();
    let running = run(flow, "test".into(), (Arc::new(Inline), StopHandle::new(), monitor.clone()));
    let _ = tokio::time::timeout(at, running).await;
    while monitor.budget().used() > 0 {
        tokio::task::yield_now().await; // dropped tasks go when they are next looked at
    }
}

//! Taking items in: listing, asking the ledger, waiting for memory, reading.

use std::sync::Arc;

use tidegate_core::counters::StageCounters;
use tidegate_core::{
    Advice, Body, Budget, ContentHash, Coverage, Cx, Fault, FaultKind, Fetch, Fetched, Ledger, Listing,
    Outcome, Permit, Record, Source, SourceItem, Stop, SweepPolicy, Tether, UNREAD, Verdict, advise,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::book::Settled;
use crate::each::held;
use crate::hold::Hold;
use crate::lane::Lane;
use crate::mutant::planted;
use crate::passage::Resequencer;
use crate::queue::Producer;
use crate::tasks::guarded;

/// Items asked of the source at a time.
const LIST: usize = 256;
/// Memory taken for an item whose size its source does not know.
const UNKNOWN_SIZE: u64 = 64 << 10;

/// Lists items and admits those with work to do.
pub(crate) struct Intake {
    /// The reading stage: its counters and output are the first stage's input.
    pub(crate) lane: Lane,
    pub(crate) source: Box<dyn Source>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) budget: Budget,
    /// Where items go that must be fetched.
    pub(crate) to_fetch: Producer,
    pub(crate) order: Option<Arc<Resequencer>>,
    /// Places for items in flight.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) hold: Hold,
    pub(crate) policy: SweepPolicy,
    pub(crate) next_ordinal: u64,
    /// Counters of listing itself; not shown as a stage.
    pub(crate) listing: StageCounters,
}

impl Intake {
    /// Lists to the end, or until a stop.
    pub(crate) async fn run(mut self) {
        if let Err(fault) = self.follow().await {
            match advise(&fault) {
                Advice::Hold(_) => self.lane.halt.held_too_long(&fault),
                _ => self.lane.halt.stop(&fault),
            }
        }
    }

    async fn follow(&mut self) -> Result<(), Fault> {
        loop {
            let cx = self.lane.cx.clone();
            let listing = tokio::select! {
                biased;
                () = cx.stopped(Stop::Drain) => return Ok(()),
                listing = self.list(&cx) => listing?,
            };
            match listing {
                Listing::Items(items) => self.admit(items).await?,
                Listing::Quiet => self.lane.book.send(Settled::Checkpoint),
                Listing::Covered(coverage) => self.sweep(&coverage).await?,
                Listing::End(coverage) => {
                    if let Some(coverage) = coverage {
                        self.sweep(&coverage).await?;
                    }
                    self.lane.halt.source_ended();
                    return Ok(());
                }
            }
        }
    }

    async fn list(&mut self, cx: &Cx) -> Result<Listing, Fault> {
        loop {
            match guarded(self.source.list(cx, LIST)).await {
                Ok(listing) => {
                    self.hold.lift(&self.lane.monitor);
                    return Ok(listing);
                }
                Err(fault) => self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?,
            }
        }
    }

    async fn admit(&mut self, items: Vec<SourceItem>) -> Result<(), Fault> {
        let verdicts = loop {
            match self.ledger.assess(&items).await {
                Ok(verdicts) => break verdicts,
                Err(fault) => self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?,
            }
        };
        let items = self.recall(items, &verdicts).await?;
        self.hold.lift(&self.lane.monitor);
        if verdicts.len() != items.len() {
            let message = format!("{} verdicts for {} items", verdicts.len(), items.len());
            return Err(Fault::new(FaultKind::Internal, message).during("asking the ledger"));
        }
        for (item, verdict) in items.into_iter().zip(verdicts) {
            if self.lane.cx.stop() >= Stop::Drain {
                return Ok(()); // not seen: the next run lists it again
            }
            self.admit_one(item, verdict).await;
        }
        let cx = self.lane.cx.clone();
        tokio::select! {
            biased;
            () = cx.stopped(Stop::Drain) => {}
            () = self.lane.book.heard() => {}
        }
        Ok(())
    }

    /// Fills in which version is stored of what is to be fetched, where its source may ask whether that changed.
    async fn recall(
        &mut self,
        mut items: Vec<SourceItem>,
        verdicts: &[Verdict],
    ) -> Result<Vec<SourceItem>, Fault> {
        let asks = |(item, verdict): (&mut SourceItem, &Verdict)| {
            (item.how.is_some() && matches!(verdict, Verdict::Go { .. })).then_some(item.key.clone())
        };
        let keys: Vec<Arc<str>> = items.iter_mut().zip(verdicts).filter_map(asks).collect();
        if keys.is_empty() {
            return Ok(items);
        }
        let (stored, aside) = loop {
            let found = match self.ledger.stored(&keys).await {
                Ok(stored) => self.ledger.put_aside(&keys).await.map(|aside| (stored, aside)),
                Err(fault) => Err(fault),
            };
            match found {
                Ok(found) => break found,
                Err(fault) => self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?,
            }
        };
        let asked = items.iter_mut().zip(verdicts);
        let asked =
            asked.filter(|(item, verdict)| item.how.is_some() && matches!(verdict, Verdict::Go { .. }));
        for ((item, verdict), (stored, aside)) in asked.zip(stored.into_iter().zip(aside)) {
            item.stored = stored;
            // Only what is known by its content can be found to be the same.
            item.aside = aside.filter(|_| matches!(verdict, Verdict::Go { aside: Some(_), .. }));
        }
        Ok(items)
    }

    async fn admit_one(&mut self, item: SourceItem, verdict: Verdict) {
        let monitor = self.lane.monitor.clone();
        match verdict {
            Verdict::Unchanged => {
                monitor.seen.add(1);
                monitor.unchanged.add(1);
                self.skip(item);
            }
            Verdict::StillQuarantined => {
                monitor.seen.add(1);
                monitor.quarantined.add(1);
                self.skip(item);
            }
            Verdict::Duplicate => {
                let mut item = item;
                let fault =
                    Fault::new(FaultKind::Duplicate, format!("{} was listed before in this run", item.key))
                        .hint("give every record an id of its own; the first one was kept");
                item.key = format!("{} (again, item {})", item.key, self.next_ordinal).into();
                item.fault = Some(fault);
                self.open(item, Known::default()).await;
            }
            Verdict::Go { known, aside } => self.open(item, Known { stored: known, aside }).await,
        }
    }

    fn skip(&mut self, item: SourceItem) {
        let ordinal = self.take_ordinal();
        self.lane.book.send(Settled::Skip(ordinal, item.position));
    }

    /// Waits for memory and a place in flight, then starts the item's record.
    async fn open(&mut self, mut item: SourceItem, known: Known) {
        let waiting = Instant::now();
        let size = match (&item.body, item.size) {
            (None, 0) => UNKNOWN_SIZE,
            (None, size) => size.saturating_mul(UNREAD),
            (Some(_), size) => size,
        };
        let starving = self.lane.book.starve();
        let admitted = admission(self.lane.cx.clone(), self.slots.clone(), (self.budget.clone(), size)).await;
        drop(starving);
        let Some((slot, permit)) = admitted else { return };
        self.lane.counters().wait_output.record(waiting.elapsed());
        self.lane.monitor.seen.add(1);
        let ordinal = self.take_ordinal();
        // The content travels in the record, under its permit; the item that waits for the commit does without it.
        let body = item.body.take();
        let item = Arc::new(item);
        let shown = body.as_ref().unwrap_or(&Body::Empty);
        let tether = self.lane.book.open(ordinal, item.clone(), (known, Some(slot), shown));
        if let Some(fault) = &item.fault {
            return self.lane.fail(&tether, fault);
        }
        if let Some(outcome) = item.content.and_then(|content| known.outcome_of(content)) {
            return self.lane.book.conclude(ordinal, outcome);
        }
        let mut record = Record::new(item.key.clone(), ordinal, Body::Empty, (permit, tether));
        record.fields = item.fields.clone();
        if let Some(order) = &self.order {
            record.hold_passage(order.expect(ordinal));
        }
        match body {
            Some(body) => {
                record.set_body(body);
                self.lane.monitor.read_bytes.add(item.size);
                self.lane.emit(record).await;
            }
            None => self.to_fetch.push(record, &self.listing).await,
        }
    }

    /// Removes what is gone, once everything listed so far is durable: a moved document must be stored under its
    /// new key before the old one goes. That includes the members of open windows, which are closed for it.
    async fn sweep(&mut self, coverage: &Coverage) -> Result<(), Fault> {
        let cx = self.lane.cx.clone();
        let starving = self.lane.book.starve();
        tokio::select! {
            biased;
            () = cx.stopped(Stop::Drain) => return Ok(()),
            () = async {}, if planted("swept too early") || tidegate_core::killpoint::planted("sweep-first") => {}
            () = self.lane.book.all_settled() => {}
        }
        drop(starving);
        let sweep = loop {
            match self.ledger.sweep(coverage, self.policy).await {
                Ok(sweep) => break sweep,
                Err(fault) => self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?,
            }
        };
        self.hold.lift(&self.lane.monitor);
        self.lane.monitor.seen.add(sweep.deleted);
        self.lane.monitor.deleted.add(sweep.deleted);
        self.lane.halt.swept(sweep);
        Ok(())
    }

    fn take_ordinal(&mut self) -> u64 {
        self.next_ordinal += 1;
        self.next_ordinal - 1
    }
}

/// A place in flight and memory; `None` if the run is to stop first.
async fn admission(
    cx: Cx,
    slots: Arc<Semaphore>,
    (budget, size): (Budget, u64),
) -> Option<(OwnedSemaphorePermit, Permit)> {
    let admitted = async {
        let slot = slots.acquire_owned().await.ok()?;
        if planted("memory ignored") {
            return Some((slot, budget.force(size)));
        }
        Some((slot, budget.acquire(size).await))
    };
    tokio::select! {
        biased;
        () = cx.stopped(Stop::Drain) => None,
        admitted = admitted => admitted,
    }
}

/// What the ledger has of an item's content.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// Hash of what is stored.
    pub(crate) stored: Option<ContentHash>,
    /// Hash of what was put aside.
    pub(crate) aside: Option<ContentHash>,
}

impl Known {
    /// What becomes of an item whose content is `content`, if that needs no work.
    fn outcome_of(self, content: ContentHash) -> Option<Outcome> {
        if self.stored == Some(content) || (planted("unchanged by key only") && self.stored.is_some()) {
            return Some(Outcome::Unchanged);
        }
        (self.aside == Some(content)).then_some(Outcome::Quarantined)
    }
}

/// One reader of listed items.
pub(crate) async fn fetch(lane: Lane, fetcher: Arc<dyn Fetch>, hold: Arc<Hold>) {
    while let Some(records) = lane.next(1, u64::MAX).await {
        for record in records {
            fetch_one(&lane, &*fetcher, &hold, record).await;
            lane.counters().busy.sub(1);
        }
    }
}

async fn fetch_one(lane: &Lane, fetcher: &dyn Fetch, hold: &Hold, mut record: Record) {
    let unit = record.ordinal;
    let Some((item, known)) = lane.book.item(unit) else { return };
    let fetched = match fetch_held(lane, fetcher, (hold, &item, record.tether())).await {
        Some(fetched) => fetched,
        None => return,
    };
    let (body, hash, version, mut fields) = match fetched {
        Fetched::Content { body, hash, version, fields } => (body, hash, version, fields),
        Fetched::Gone => return lane.book.conclude(unit, Outcome::Deleted),
        Fetched::Unchanged => return still(lane, record.tether(), (unit, &item, known)),
    };
    lane.book.content(unit, hash, (version, &body));
    lane.monitor.read_bytes.add(body.weight());
    if let Some(outcome) = known.outcome_of(hash) {
        return lane.book.conclude(unit, outcome);
    }
    record.set_body(body);
    if !fields.is_empty() {
        Arc::make_mut(&mut record.fields).append(&mut fields);
    }
    lane.emit(record).await;
}

/// Concludes what was not read because it is still as it was put aside, or as it is stored.
fn still(lane: &Lane, tether: &Tether, (unit, item, known): (u64, &SourceItem, Known)) {
    if let (Some(hash), Some(version)) = (known.aside, &item.aside) {
        lane.book.content(unit, hash, (Some(version.clone()), &Body::Empty));
        return lane.book.conclude(unit, Outcome::Quarantined);
    }
    let (Some(hash), Some(version)) = (known.stored, &item.stored) else {
        // Saying "unchanged" of something that is not stored would lose it.
        let message = format!("{} is called unchanged but is not stored under this configuration", item.key);
        return lane.fail(tether, &Fault::new(FaultKind::Internal, message));
    };
    lane.book.content(unit, hash, (Some(version.clone()), &Body::Empty));
    lane.book.conclude(unit, Outcome::Unchanged);
}

/// Reads an item, waiting out holds and trying once more what changed under the reader. `None` when it was put aside
/// or given up.
async fn fetch_held(
    lane: &Lane,
    fetcher: &dyn Fetch,
    (hold, item, tether): (&Hold, &SourceItem, &Tether),
) -> Option<Fetched> {
    let mut again = true;
    loop {
        if hold.is_over() {
            tether.pend();
            return None;
        }
        let started = Instant::now();
        let result = guarded(fetcher.fetch(&lane.cx, item)).await;
        lane.counters().work.record(started.elapsed());
        let fault = match result {
            Ok(fetched) => {
                hold.lift(&lane.monitor);
                return Some(fetched);
            }
            Err(fault) => fault,
        };
        match advise(&fault) {
            Advice::Hold(pause) if held(lane, hold, (&fault, pause)).await => continue,
            Advice::Again if again => {
                hold.lift(&lane.monitor);
                again = false;
                continue;
            }
            Advice::Hold(_) => tether.pend(),
            Advice::Again | Advice::Quarantine | Advice::StopRun => {
                hold.lift(&lane.monitor);
                lane.fail(tether, &fault);
            }
        }
        return None;
    }
}

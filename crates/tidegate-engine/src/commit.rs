//! The end of the flow: units are gathered and made durable together, in listing order where the sink wants that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::item::Failure;
use tidegate_core::{Advice, Body, Commit, Fault, Outcome, Position, Sink, Unit, advise};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::book::{Closed, Settled, Settlement};
use crate::flow::Options;
use crate::hold::Hold;
use crate::lane::Lane;
use crate::mutant::planted;
use crate::spans::Spans;
use crate::tasks::guarded;
use crate::water::LowWater;

/// No group waits longer than this, whatever its linger: a deadline must not overflow the clock.
const LONGEST_LINGER: Duration = Duration::from_secs(3_600);

/// Files the records that reach the sink under their units.
pub(crate) async fn collect(lane: Lane) {
    let parts = Arc::new(Semaphore::new(2));
    while let Some(records) = lane.next(256, u64::MAX).await {
        lane.counters().busy.sub(records.len() as u64);
        for record in records {
            let mut absorbed = lane.book.absorb(record);
            if let Some((unit, records)) = absorbed.part.take()
                && !planted("staged part lost")
                && let Ok(permit) = parts.clone().acquire_owned().await
            {
                lane.book.send(Settled::Part(unit, records, permit));
            }
        }
    }
}

/// The only task that talks to the sink.
pub(crate) struct Committer {
    pub(crate) lane: Lane,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) hold: Hold,
    water: LowWater,
    /// For ordered sinks.
    order: Option<Order>,
    /// The first ordinal that stays pending, before an ordered sink.
    gap: Option<u64>,
    /// Units to be committed together, and since when the first of them waits.
    group: Vec<Closed>,
    since: Option<Instant>,
    bytes: u64,
}

/// Holds units back until every earlier ordinal has been heard of.
#[derive(Default)]
struct Order {
    next: u64,
    waiting: BTreeMap<u64, Closed>,
    /// Ordinals that bring no unit of their own.
    empty: Spans<()>,
}

impl Order {
    fn put(&mut self, closed: Closed) {
        let mut ordinals = closed.unit.items.iter().map(|item| item.ordinal);
        let first = ordinals.next().unwrap_or(closed.id);
        ordinals.for_each(|ordinal| self.empty.insert(ordinal, None));
        self.waiting.insert(first, closed);
    }

    fn ready(&mut self) -> Option<Closed> {
        loop {
            if let Some(closed) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(closed);
            }
            (self.next, _) = self.empty.take(self.next)?;
        }
    }
}

impl Committer {
    pub(crate) fn new(lane: Lane, sink: Box<dyn Sink>, options: &Options) -> Self {
        let order = (sink.ordered() && !planted("order ignored")).then(Order::default);
        let hold = Hold::new("store", options.max_hold).through_drain();
        Self {
            lane,
            sink,
            hold,
            water: LowWater::default(),
            order,
            gap: None,
            group: Vec::new(),
            since: None,
            bytes: 0,
        }
    }

    pub(crate) async fn run(mut self) {
        if let Err(fault) = self.work().await {
            match advise(&fault) {
                Advice::Hold(_) => self.lane.halt.sink_held_too_long(&fault),
                _ => self.lane.halt.stop(&fault),
            }
        }
    }

    async fn work(&mut self) -> Result<(), Fault> {
        loop {
            let ended = self.book().has_ended();
            while let Some(settled) = self.book().clone().try_next() {
                self.hear(settled).await?;
                if self.is_full() {
                    self.flush().await?;
                }
            }
            if ended {
                self.flush().await?;
                self.flush_position().await?;
                let cx = self.lane.cx.clone();
                return guarded(self.sink.finish(&cx)).await;
            }
            // Lingering for company that cannot come would only hold up the run.
            if self.has_lingered() || self.book().waits_for_commit() {
                self.flush().await?;
            }
            let linger = self.sink.grouping().linger.min(LONGEST_LINGER);
            self.book().set_idle(self.group.is_empty());
            wait(self.lane.book.clone(), self.since.map(|since| since + linger)).await;
            self.book().set_idle(false);
        }
    }

    async fn hear(&mut self, settled: Settled) -> Result<(), Fault> {
        match settled {
            Settled::Unit(closed) => match &mut self.order {
                Some(order) => {
                    order.put(closed);
                    self.take_ordered();
                }
                None => self.add(closed),
            },
            Settled::Part(unit, records, permit) => {
                let started = Instant::now();
                self.stage(unit, &records).await?;
                self.lane.counters().work.record(started.elapsed());
                drop(permit);
            }
            Settled::Skip(ordinal, position) => {
                self.water.settle(ordinal, position);
                self.pass(ordinal);
            }
            Settled::Pending(ordinal) => {
                if planted("pending passes the mark") {
                    self.water.settle(ordinal, None);
                }
                self.gap = Some(self.gap.map_or(ordinal, |gap| gap.min(ordinal)));
                self.pass(ordinal);
            }
            Settled::Checkpoint => {
                self.flush().await?;
                self.flush_position().await?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, ordinal: u64) {
        if let Some(order) = &mut self.order {
            order.empty.insert(ordinal, None);
            self.take_ordered();
        }
    }

    fn take_ordered(&mut self) {
        while let Some(closed) = self.order.as_mut().and_then(Order::ready) {
            if self.is_behind_a_gap(&closed) {
                self.book().give_up(closed.unit.items.len());
            } else {
                self.add(closed);
            }
        }
    }

    /// Whether a unit of a stream comes after an item that stays pending. The next run goes on at that item and meets
    /// the unit again, so an ordered sink that took it now would have it twice.
    fn is_behind_a_gap(&self, closed: &Closed) -> bool {
        let behind = |gap: u64| closed.unit.items.iter().any(|item| item.ordinal > gap);
        let streams = closed.unit.items.iter().any(|item| item.item.position.is_some());
        streams && self.gap.is_some_and(behind)
    }

    fn add(&mut self, closed: Closed) {
        self.bytes += closed.unit.records.iter().map(tidegate_core::Record::weight).sum::<u64>();
        self.since.get_or_insert_with(Instant::now);
        self.group.push(closed);
    }

    fn is_full(&self) -> bool {
        let grouping = self.sink.grouping();
        (grouping.items > 0 && self.group.len() >= grouping.items)
            || (grouping.bytes > 0 && self.bytes >= grouping.bytes)
    }

    fn has_lingered(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= self.sink.grouping().linger.min(LONGEST_LINGER))
    }

    async fn stage(&mut self, unit: u64, records: &[tidegate_core::Record]) -> Result<(), Fault> {
        let cx = self.lane.cx.clone();
        loop {
            match guarded(self.sink.stage(&cx, unit, records)).await {
                Ok(()) => {
                    self.hold.lift(&self.lane.monitor);
                    return Ok(());
                }
                Err(fault) => self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?,
            }
        }
    }

    /// Commits what was gathered.
    async fn flush(&mut self) -> Result<(), Fault> {
        if self.group.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        (self.since, self.bytes) = (None, 0);
        let mut kept = Vec::new(); // places and memory, until the units are durable
        let mut units = Vec::with_capacity(group.len());
        for closed in group {
            for item in &closed.unit.items {
                self.water.settle(item.ordinal, item.item.position.clone());
            }
            kept.push((closed.slots, closed.memory));
            units.push(closed.unit);
        }
        let position = self.water.advance();
        let committed = self.commit(units, position).await;
        if planted("places leaked") {
            std::mem::forget(kept);
        }
        committed
    }

    /// A last position that no unit carried: everything after it was unchanged.
    async fn flush_position(&mut self) -> Result<(), Fault> {
        match self.water.advance() {
            Some(position) => self.commit(Vec::new(), Some(position)).await,
            None => Ok(()),
        }
    }

    /// All together; if one of them cannot be stored, one by one.
    async fn commit(&mut self, units: Vec<Unit>, position: Option<Position>) -> Result<(), Fault> {
        let mut commit = Commit { units, position, lengths: Vec::new() };
        if planted("counted before it is durable") {
            self.count(&commit);
            self.attempt(&mut commit).await?;
            return Ok(());
        }
        let Err(fault) = self.attempt(&mut commit).await else {
            self.count(&commit);
            return Ok(());
        };
        if !matches!(advise(&fault), Advice::Quarantine | Advice::Again) || commit.units.is_empty() {
            return Err(fault);
        }
        let last = commit.units.len() - 1;
        let mut position = commit.position.take();
        for (index, unit) in commit.units.into_iter().enumerate() {
            let position = if index == last { position.take() } else { None };
            self.commit_alone(unit, position).await?;
        }
        Ok(())
    }

    async fn commit_alone(&mut self, unit: Unit, position: Option<Position>) -> Result<(), Fault> {
        let mut commit = Commit { units: vec![unit], position, lengths: Vec::new() };
        if let Err(fault) = self.attempt(&mut commit).await {
            if !matches!(advise(&fault), Advice::Quarantine | Advice::Again) {
                return Err(fault);
            }
            self.lane.counters().failed.add(1);
            put_aside(&mut commit.units[0], &fault);
            self.attempt(&mut commit).await?;
        }
        self.count(&commit);
        Ok(())
    }

    /// Tries a commit, waiting out holds.
    async fn attempt(&mut self, commit: &mut Commit) -> Result<(), Fault> {
        let cx = self.lane.cx.clone();
        loop {
            let started = Instant::now();
            let result = guarded(self.sink.commit(&cx, commit)).await;
            self.lane.counters().work.record(started.elapsed());
            match result {
                Ok(()) => {
                    self.hold.lift(&self.lane.monitor);
                    if planted("committed twice") {
                        guarded(self.sink.commit(&cx, commit)).await?;
                    }
                    return Ok(());
                }
                Err(fault) => {
                    if !matches!(advise(&fault), Advice::Hold(_)) {
                        self.hold.lift(&self.lane.monitor);
                    }
                    self.hold.wait_or_fail(&self.lane.cx, &self.lane.monitor, fault).await?;
                }
            }
        }
    }

    /// Counts what is durable now.
    fn count(&self, commit: &Commit) {
        let monitor = &self.lane.monitor;
        for unit in &commit.units {
            for item in &unit.items {
                match item.outcome {
                    Outcome::Stored => monitor.stored.add(1),
                    Outcome::Unchanged => monitor.unchanged.add(1),
                    Outcome::Quarantined => monitor.quarantined.add(1),
                    Outcome::Deleted => monitor.deleted.add(1),
                    Outcome::Pending => {}
                }
            }
            self.book().durable(unit.items.len());
            let records = unit.records.len() as u64 + unit.staged;
            monitor.committed.add(records);
            self.lane.counters().emitted.add(records);
        }
    }

    fn book(&self) -> &Arc<Settlement> {
        &self.lane.book
    }
}

async fn wait(book: Arc<Settlement>, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::select! {
            biased;
            () = book.changed() => {}
            () = tokio::time::sleep_until(deadline) => {}
        },
        None => book.changed().await,
    }
}

/// Turns a unit that cannot be stored into one whose items are put aside.
fn put_aside(unit: &mut Unit, fault: &Fault) {
    unit.records.clear();
    for item in &mut unit.items {
        item.outcome = Outcome::Quarantined;
        item.asides.clear();
        item.failure = Some(Failure { stage: "store".into(), fault: fault.clone(), exhibit: Body::Empty });
    }
}

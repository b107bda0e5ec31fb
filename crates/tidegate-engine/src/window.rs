//! Running a window: arrivals are put back into listing order and pushed one by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Fault, Record, Stop, Tether, UnitId, Window};
use tokio::time::Instant;

use crate::lane::Lane;
use crate::mutant::planted;
use crate::passage::Resequencer;
use crate::tasks::guarded_now;

/// How often it is looked whether everything waits for the window.
const LOOK: Duration = Duration::from_millis(20);
/// The longest a window can linger: a deadline must not overflow the clock.
const LONGEST_LINGER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The task of a window.
pub(crate) struct Windowing {
    pub(crate) lane: Lane,
    pub(crate) window: Box<dyn Window>,
    /// For the first window of a flow.
    pub(crate) order: Option<Arc<Resequencer>>,
    /// Open members together may weigh this much before the window is closed early.
    pub(crate) most_bytes: u64,
    /// Items with open members, their weight, and since when the oldest waits.
    pub(crate) open: Open,
}

#[derive(Default)]
pub(crate) struct Open {
    members: BTreeMap<UnitId, Member>,
    since: Option<Instant>,
}

/// An item with records in the window.
struct Member {
    /// Keeps the item open while user code has its record: a panic in there must not settle it.
    keeper: Tether,
    bytes: u64,
}

impl Open {
    fn add(&mut self, tether: &Tether, weight: u64) {
        for (unit, keeper) in tether.split() {
            self.members.entry(unit).or_insert(Member { keeper, bytes: 0 }).bytes += weight;
        }
        self.since.get_or_insert_with(Instant::now);
    }

    fn remove(&mut self, tether: &Tether) {
        for unit in tether.units() {
            self.members.remove(&unit);
        }
        self.since = (!self.members.is_empty()).then(Instant::now);
    }

    /// Items that nothing else holds: the window dropped their records.
    fn take_lost(&mut self) -> Vec<Tether> {
        let lost = self.members.extract_if(.., |_, member| member.keeper.is_last());
        let lost = lost.map(|(_, member)| member.keeper).collect();
        self.since = self.since.filter(|_| !self.members.is_empty());
        lost
    }

    fn bytes(&self) -> u64 {
        self.members.values().map(|member| member.bytes).sum()
    }
}

enum Woken {
    Arrived(Vec<Record>),
    /// The open windows must be closed: they lingered, or everything waits for them.
    Overdue,
    Ended,
}

impl Windowing {
    pub(crate) async fn run(mut self) {
        loop {
            match self.wait().await {
                Woken::Arrived(records) => {
                    for record in records {
                        self.arrive(record).await;
                    }
                }
                Woken::Overdue => self.flush().await,
                Woken::Ended => return self.end().await,
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let lane = &self.lane;
        let linger = self.window.linger().map(|linger| linger.min(LONGEST_LINGER));
        let lingered = linger.zip(self.open.since).map(|(linger, since)| since + linger);
        let holds_some = !self.open.members.is_empty();
        loop {
            if let Some(order) = &self.order {
                let ready = order.ready();
                if !ready.is_empty() {
                    return Woken::Arrived(ready);
                }
            }
            tokio::select! {
                biased;
                records = lane.next(64, u64::MAX) => match (records, &self.order) {
                    (None, _) => return Woken::Ended,
                    (Some(records), None) => return Woken::Arrived(records),
                    (Some(records), Some(order)) => {
                        lane.counters().busy.sub(records.len() as u64);
                        records.into_iter().for_each(|record| order.arrive(record));
                    }
                },
                () = moved(self.order.as_deref()) => {}
                () = at(lingered) => return Woken::Overdue,
                () = everything_waits(lane), if holds_some => return Woken::Overdue,
            }
        }
    }

    async fn arrive(&mut self, record: Record) {
        if self.order.is_none() {
            self.lane.counters().busy.sub(1);
        }
        if record.tether().is_failed() && !planted("windows take what failed") {
            return; // put aside while it waited for its turn; it must not drag others down with it
        }
        let keeper = record.tether().clone();
        let weight = record.weight();
        keeper.units().for_each(|unit| self.lane.book.unslot(unit));
        self.open.add(&keeper, weight);
        let started = Instant::now();
        let closed = guarded_now(|| self.window.push(&self.lane.cx, record));
        self.lane.counters().work.record(started.elapsed());
        match closed {
            Ok(closed) => {
                let look = !closed.is_empty() || keeper.is_failed();
                drop(keeper);
                self.emit(closed).await;
                if look {
                    self.open.take_lost();
                }
            }
            Err(fault) => {
                self.open.remove(&keeper);
                self.lane.fail(&keeper, &fault);
                self.fail_lost(&fault);
            }
        }
        if self.open.bytes() > self.most_bytes {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        match guarded_now(|| Ok(self.window.flush(&self.lane.cx))) {
            Ok(closed) => {
                self.emit(closed).await;
                self.open = Open::default();
            }
            Err(fault) => self.fail_lost(&fault),
        }
    }

    /// Puts aside what went down with a panic.
    fn fail_lost(&mut self, fault: &Fault) {
        for keeper in self.open.take_lost() {
            self.lane.fail(&keeper, fault);
        }
    }

    async fn emit(&mut self, closed: Vec<Record>) {
        for record in closed {
            self.open.remove(record.tether());
            self.lane.emit(record).await;
        }
    }

    /// At the end of the source open windows are closed; when the run was stopped they stay pending.
    async fn end(mut self) {
        // Nothing is on its way any more, so everything has arrived.
        let arrived = self.order.as_ref().map(|order| order.take_all()).unwrap_or_default();
        for record in arrived {
            self.arrive(record).await;
        }
        if self.lane.cx.stop() == Stop::Go || planted("drain closes windows") {
            self.flush().await;
        }
        for record in self.window.take_open() {
            record.tether().pend();
        }
    }
}

/// Resolves when intake waits for items to settle and nothing in the flow moves: only closing the open windows can
/// give back what it waits for. Looked at twice, because a record is in no count for a moment between two stages. Never
/// once the run is to stop: intake waits for nothing then, and open windows stay pending.
async fn everything_waits(lane: &Lane) {
    if planted("windows starve intake") {
        return std::future::pending().await;
    }
    let mut still = 0;
    while still < 2 {
        lane.book.starved().await;
        tokio::time::sleep(LOOK).await;
        let goes_on = lane.cx.stop() == Stop::Go;
        let rests = goes_on && lane.book.is_starved() && lane.book.is_idle() && lane.monitor.rests();
        still = if rests { still + 1 } else { 0 };
    }
}

async fn moved(order: Option<&Resequencer>) {
    match order {
        Some(order) => order.moved().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

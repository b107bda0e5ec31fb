//! Running a window: arrivals are put back into listing order and pushed one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_core::{Record, Stop, Tether, UnitId, Window};
use tokio::time::Instant;

use crate::passage::Resequencer;
use crate::run::Lane;
use crate::tasks::guarded_now;

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
    members: BTreeMap<UnitId, u64>,
    since: Option<Instant>,
}

impl Open {
    fn add(&mut self, tether: &Tether, weight: u64) {
        for unit in tether.units() {
            *self.members.entry(unit).or_default() += weight;
        }
        self.since.get_or_insert_with(Instant::now);
    }

    fn remove(&mut self, tether: &Tether) {
        for unit in tether.units() {
            self.members.remove(&unit);
        }
        self.since = (!self.members.is_empty()).then(Instant::now);
    }

    fn bytes(&self) -> u64 {
        self.members.values().sum()
    }
}

enum Woken {
    Arrived(Vec<Record>),
    Lingered,
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
                Woken::Lingered => self.flush().await,
                Woken::Ended => return self.end().await,
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let lane = &self.lane;
        let lingered = self.window.linger().zip(self.open.since).map(|(linger, since)| since + linger);
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
                () = at(lingered) => return Woken::Lingered,
            }
        }
    }

    async fn arrive(&mut self, record: Record) {
        if self.order.is_none() {
            self.lane.counters().busy.sub(1);
        }
        let keeper = record.tether().clone();
        let weight = record.weight();
        keeper.units().for_each(|unit| self.lane.book.unslot(unit));
        self.open.add(&keeper, weight);
        let started = Instant::now();
        let closed = guarded_now(|| self.window.push(&self.lane.cx, record));
        self.lane.counters().work.record(started.elapsed());
        match closed {
            Ok(closed) => self.emit(closed).await,
            Err(fault) => {
                self.open.remove(&keeper);
                self.lane.fail(&keeper, &fault);
            }
        }
        if self.open.bytes() > self.most_bytes {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        match guarded_now(|| Ok(self.window.flush(&self.lane.cx))) {
            Ok(closed) => self.emit(closed).await,
            Err(fault) => self.lane.halt.stop(&fault),
        }
        self.open = Open::default();
    }

    async fn emit(&mut self, closed: Vec<Record>) {
        for record in closed {
            self.open.remove(record.tether());
            self.lane.emit(record).await;
        }
    }

    /// At the end of the source open windows are closed; when the run was stopped they stay pending.
    async fn end(mut self) {
        let arrived = self.order.as_ref().map(|order| order.ready()).unwrap_or_default();
        for record in arrived {
            self.arrive(record).await;
        }
        if self.lane.cx.stop() == Stop::Go {
            return self.flush().await;
        }
        let late = self.order.as_ref().map(|order| order.take_all()).unwrap_or_default();
        for record in self.window.take_open().into_iter().chain(late) {
            record.tether().pend();
        }
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

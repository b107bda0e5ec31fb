//! What went over the wire, as the network saw it: the checker's first witness.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How a request ended for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum How {
    /// The body was read to its end.
    Whole,
    /// It was lost on the way.
    Lost,
    /// The client went away.
    Left,
}

/// The end of a request.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct End {
    pub(crate) at: Duration,
    /// Its place in the order of everything that happened.
    pub(crate) order: u64,
    pub(crate) how: How,
}

/// One request.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Sent {
    pub(crate) lane: usize,
    /// Which life of the process sent it.
    pub(crate) life: u32,
    /// Which provider got it, and its number there; none if the connection was never made.
    pub(crate) number: Option<(u32, u64)>,
    /// Hashes of its texts, in order.
    pub(crate) texts: Vec<u64>,
    /// Whether a person waits for it.
    pub(crate) person: bool,
    /// Whether the same was being asked when it was sent.
    pub(crate) hedge: bool,
    pub(crate) at: Duration,
    pub(crate) order: u64,
    /// Requests of this lane that were under way, itself among them.
    pub(crate) open: u32,
    pub(crate) status: u16,
    /// How long the head of the answer asks to wait.
    pub(crate) hint: Option<Duration>,
    pub(crate) end: Option<End>,
}

impl Sent {
    /// Whether it reached somebody who listens.
    pub(crate) fn arrived(&self) -> bool {
        self.number.is_some()
    }
}

#[derive(Debug, Default)]
struct Inner {
    sent: Vec<Sent>,
    open: Vec<u32>,
    order: u64,
}

/// Everything that went over all wires of a seed. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    inner: Arc<Mutex<Inner>>,
    started: Instant,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self { inner: Arc::default(), started: Instant::now() }
    }

    /// The time since the seed began.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// A number for something that happens now.
    pub(crate) fn tick(&self) -> u64 {
        let mut inner = self.lock();
        inner.order += 1;
        inner.order
    }

    /// A request is sent.
    pub(crate) fn begin(&self, (lane, life): (usize, u32), texts: Vec<u64>, person: bool) -> Pending {
        let at = self.now();
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.order += 1;
        if inner.open.len() <= lane {
            inner.open.resize(lane + 1, 0);
        }
        inner.open[lane] += 1;
        let same = |sent: &&Sent| sent.lane == lane && sent.life == life && sent.texts == texts;
        let hedge =
            inner.sent.iter().rev().take(200).filter(|sent| sent.end.is_none()).any(|sent| same(&sent));
        let index = inner.sent.len();
        inner.sent.push(Sent {
            lane,
            life,
            number: None,
            texts,
            person,
            hedge,
            at,
            order: inner.order,
            open: inner.open[lane],
            status: 0,
            hint: None,
            end: None,
        });
        Pending { traffic: self.clone(), index, over: false }
    }

    /// Requests of `lane` that are under way.
    pub(crate) fn open(&self, lane: usize) -> u32 {
        self.lock().open.get(lane).copied().unwrap_or(0)
    }

    /// Everything so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way; dropping it is leaving.
pub(crate) struct Pending {
    traffic: Traffic,
    index: usize,
    over: bool,
}

impl Pending {
    /// It reached a provider, under this number.
    pub(crate) fn arrived(&self, provider: u32, number: u64) {
        self.note(|sent| sent.number = Some((provider, number)));
    }

    /// The head of its answer came.
    pub(crate) fn head(&self, status: u16, hint: Option<Duration>) {
        self.note(|sent| (sent.status, sent.hint) = (status, hint));
    }

    /// It ended.
    pub(crate) fn end(&mut self, how: How) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let at = self.traffic.now();
        let mut inner = self.traffic.lock();
        inner.order += 1;
        let order = inner.order;
        let sent = &mut inner.sent[self.index];
        sent.end = Some(End { at, order, how });
        let lane = sent.lane;
        inner.open[lane] -= 1;
    }

    fn note(&self, change: impl FnOnce(&mut Sent)) {
        change(&mut self.traffic.lock().sent[self.index]);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.end(How::Left);
    }
}

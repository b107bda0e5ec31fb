//! The queue between two stages: bounded in items and bytes, earliest item first.
//!
//! Earliest first rather than first come: a document's chunks overtake those of later documents, so early documents
//! finish early and give their memory back. A plain channel would interleave all documents in flight.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_core::Record;
use tidegate_core::counters::StageCounters;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::mutant::planted;

/// How much a queue may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) items: usize,
    pub(crate) bytes: u64,
}

/// A bounded queue with several producers and consumers.
pub(crate) struct Queue {
    state: Mutex<State>,
    bounds: Bounds,
    /// Wakes consumers: something arrived, or the last producer left.
    ready: Notify,
    /// Wakes producers: something was taken.
    room: Notify,
    /// Producers that may still push.
    producers: AtomicUsize,
    /// The consuming stage's counters.
    counters: Arc<StageCounters>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(u64, u64), Record>,
    bytes: u64,
    sequence: u64,
}

/// What [`Queue::take_if`] found.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart at once; boxing would cost an allocation per record"
)]
pub(crate) enum Took {
    /// The earliest record.
    One(Record),
    /// The earliest record is still there: it does not fit.
    TooMuch,
    /// Nothing waits.
    Nothing,
}

impl Took {
    /// The record, if there is one.
    pub(crate) fn one(self) -> Option<Record> {
        match self {
            Self::One(record) => Some(record),
            Self::TooMuch | Self::Nothing => None,
        }
    }
}

/// The right to push; the queue ends when the last one is gone.
pub(crate) struct Producer(Arc<Queue>);

impl Clone for Producer {
    fn clone(&self) -> Self {
        self.0.producer()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if self.0.producers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ready.notify_waiters();
        }
    }
}

impl Queue {
    pub(crate) fn new(bounds: Bounds, counters: Arc<StageCounters>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            bounds,
            ready: Notify::new(),
            room: Notify::new(),
            producers: AtomicUsize::new(0),
            counters,
        })
    }

    pub(crate) fn producer(self: &Arc<Self>) -> Producer {
        self.producers.fetch_add(1, Ordering::AcqRel);
        Producer(self.clone())
    }

    /// Takes the earliest record and, with it, up to `most` records of up to `bytes` in all that wait behind it.
    /// Leaves at least a fair share to `sharers` consumers. `None` once the queue has ended.
    ///
    /// # Cancel safety
    /// Nothing is taken unless the future is ready.
    pub(crate) async fn pop(&self, most: usize, bytes: u64, sharers: usize) -> Option<Vec<Record>> {
        loop {
            let mut ready = std::pin::pin!(self.ready.notified());
            ready.as_mut().enable();
            let taken = self.take(most, bytes, sharers);
            if !taken.is_empty() {
                return Some(taken);
            }
            if self.ended() {
                return None;
            }
            ready.await;
        }
    }

    /// Takes what is there now, without waiting.
    pub(crate) fn take(&self, most: usize, bytes: u64, sharers: usize) -> Vec<Record> {
        let mut state = self.lock();
        let share = state.waiting.len().div_ceil(sharers.max(1)).clamp(1, most.max(1));
        let mut taken = Vec::new();
        let mut weight = 0;
        while taken.len() < share {
            let Some(entry) = state.waiting.first_entry() else { break };
            weight += entry.get().weight();
            if weight > bytes && !taken.is_empty() {
                break;
            }
            let record = entry.remove();
            self.taken(&mut state, &record);
            taken.push(record);
        }
        drop(state);
        if !taken.is_empty() && !planted("room is not announced") {
            self.room.notify_waiters();
        }
        taken
    }

    /// Takes the earliest record if it `fits`.
    pub(crate) fn take_if(&self, fits: impl FnOnce(&Record) -> bool) -> Took {
        let mut state = self.lock();
        let record = match state.waiting.first_entry() {
            None => return Took::Nothing,
            Some(entry) if !fits(entry.get()) => return Took::TooMuch,
            Some(entry) => entry.remove(),
        };
        self.taken(&mut state, &record);
        drop(state);
        self.room.notify_waiters();
        Took::One(record)
    }

    /// Whether nothing waits and nothing more can come.
    pub(crate) fn ended(&self) -> bool {
        self.producers.load(Ordering::Acquire) == 0 && self.lock().waiting.is_empty()
    }

    /// Waits until something arrives or the queue ends.
    ///
    /// # Cancel safety
    /// Safe.
    pub(crate) async fn changed(&self) {
        let mut ready = std::pin::pin!(self.ready.notified());
        ready.as_mut().enable();
        if self.ended() || !self.lock().waiting.is_empty() {
            return;
        }
        ready.await;
    }

    #[expect(clippy::result_large_err, reason = "the record comes back by value; there is nothing to box")]
    fn try_push(&self, record: Record) -> Result<(), Record> {
        let mut state = self.lock();
        let full = state.waiting.len() >= self.bounds.items
            || (!state.waiting.is_empty() && state.bytes + record.weight() > self.bounds.bytes);
        if full {
            return Err(record);
        }
        state.bytes += record.weight();
        self.counters.queued.add(1);
        self.counters.queued_bytes.add(record.weight());
        state.sequence += 1;
        let place = (record.ordinal, state.sequence);
        state.waiting.insert(place, record);
        drop(state);
        self.ready.notify_waiters();
        Ok(())
    }

    fn taken(&self, state: &mut State, record: &Record) {
        state.bytes = state.bytes.saturating_sub(record.weight());
        self.counters.queued.sub(1);
        self.counters.queued_bytes.sub(record.weight());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held; a poisoned lock still guards a sound map.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Producer {
    /// Puts a record in, waiting for room. `blocked` is the producing stage's counters: time spent here is that
    /// stage's wait for output.
    ///
    /// # Cancel safety
    /// Dropping the future drops the record.
    pub(crate) async fn push(&self, mut record: Record, blocked: &StageCounters) {
        let mut since = None;
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            room.as_mut().enable();
            match self.0.try_push(record) {
                Ok(()) => break,
                Err(back) => record = back,
            }
            since.get_or_insert_with(Instant::now);
            room.await;
        }
        if let Some(since) = since {
            blocked.wait_output.record(since.elapsed());
        }
        blocked.emitted.add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use proptest::prelude::*;
    use tidegate_core::{Body, Budget, Tether};

    use super::*;

    const WIDE: Bounds = Bounds { items: 1_000, bytes: u64::MAX };

    fn queue(bounds: Bounds) -> (Arc<Queue>, Producer) {
        let queue = Queue::new(bounds, Arc::default());
        let producer = queue.producer();
        (queue, producer)
    }

    fn record(ordinal: u64) -> Record {
        let (permit, tether) = (Budget::new(1 << 20).force(0), Tether::none());
        Record::new(format!("k{ordinal}").into(), ordinal, Body::Empty, (permit, tether))
    }

    fn polled<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    proptest! {
        /// Takers that give up at any moment lose nothing, and whoever stays gets everything, earliest first.
        #[test]
        fn pop_may_be_dropped_at_any_moment(steps in proptest::collection::vec((0u8..4, 0u64..20), 0..60)) {
            let (queue, producer) = queue(WIDE);
            let (mut pushed, mut taken) = (Vec::new(), Vec::new());
            let mut waiting = Box::pin(queue.pop(3, u64::MAX, 1));
            for (step, ordinal) in steps {
                match step {
                    0 | 1 => {
                        prop_assert!(queue.try_push(record(ordinal)).is_ok());
                        pushed.push(ordinal);
                    }
                    2 => waiting = Box::pin(queue.pop(3, u64::MAX, 1)), // the former is dropped
                    _ => if let Some(records) = polled(waiting.as_mut()) {
                        taken.extend(records.iter().flatten().map(|record| record.ordinal));
                        waiting = Box::pin(queue.pop(3, u64::MAX, 1));
                    }
                }
            }
            drop((waiting, producer));
            let rest = queue.take(1_000, u64::MAX, 1);
            prop_assert!(rest.is_sorted_by_key(|record| record.ordinal));
            taken.extend(rest.iter().map(|record| record.ordinal));
            pushed.sort_unstable();
            taken.sort_unstable();
            prop_assert_eq!(pushed, taken);
            prop_assert!(queue.ended());
            prop_assert_eq!(queue.counters.queued.get(), 0);
        }
    }

    #[tokio::test]
    async fn a_full_queue_lets_in_as_much_as_is_taken() {
        for bounds in [Bounds { items: 1, ..WIDE }, Bounds { bytes: 1, ..WIDE }] {
            let (queue, producer) = queue(bounds);
            let (many, blocked) = (50, StageCounters::default());
            let push = async {
                for ordinal in 0..many {
                    producer.push(record(ordinal), &blocked).await;
                }
                drop(producer);
            };
            let taking = queue.clone();
            let take = async {
                let mut taken = Vec::new();
                while let Some(records) = taking.pop(8, u64::MAX, 1).await {
                    taken.extend(records.iter().map(|record| record.ordinal));
                }
                taken
            };
            let ((), taken) = tokio::join!(push, take);
            assert_eq!(taken, (0..many).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn everyone_who_waits_learns_of_the_end() {
        let (queue, producer) = queue(WIDE);
        let end = async { drop(producer) };
        let (a, b, ()) = tokio::join!(queue.pop(1, 1, 1), queue.pop(1, 1, 1), end);
        assert!(a.is_none() && b.is_none());
    }

    #[test]
    fn a_share_is_left_to_the_others() {
        let (queue, _producer) = queue(WIDE);
        (0..9).for_each(|ordinal| assert!(queue.try_push(record(ordinal)).is_ok()));
        assert_eq!(queue.take(64, u64::MAX, 3).len(), 3);
        assert_eq!(queue.take(64, 600, 1).len(), 2); // each weighs 256 bytes
        assert!(matches!(queue.take_if(|_| false), Took::TooMuch));
        assert_eq!(queue.take(64, 0, 1).len(), 1); // never none
    }
}

//! Putting arrivals back into listing order before a window.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_core::{Passage, Record};
use tokio::sync::Notify;

use crate::mutant::planted;

/// Knows which items are on their way to one point of the flow, and which have arrived there completely.
#[derive(Default)]
pub(crate) struct Resequencer {
    state: Mutex<BTreeMap<u64, Arrival>>,
    /// Wakes the window: the head may have arrived completely.
    moved: Notify,
}

#[derive(Default)]
struct Arrival {
    complete: bool,
    records: Vec<Record>,
}

struct Guard {
    ordinal: u64,
    resequencer: Arc<Resequencer>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(arrival) = self.resequencer.lock().get_mut(&self.ordinal) {
            arrival.complete = true;
        }
        self.resequencer.moved.notify_waiters();
    }
}

impl Resequencer {
    /// Expects the item `ordinal`. Must be called in listing order, before its records start.
    pub(crate) fn expect(self: &Arc<Self>, ordinal: u64) -> Passage {
        self.lock().insert(ordinal, Arrival::default());
        Passage::new(Guard { ordinal, resequencer: self.clone() })
    }

    /// Takes in a record that reached the point.
    pub(crate) fn arrive(&self, mut record: Record) {
        // The passage goes after the record is filed: it may be the last one, which completes the item.
        let passage = record.take_passage();
        self.lock().entry(record.ordinal).or_default().records.push(record);
        drop(passage);
    }

    /// The records of the earliest items, as far as these have arrived completely; within an item by place.
    pub(crate) fn ready(&self) -> Vec<Record> {
        let mut state = self.lock();
        let mut ready = Vec::new();
        while let Some(head) = state.first_entry() {
            let early = planted("windows take what came first") && !head.get().records.is_empty();
            if !head.get().complete && !early {
                break;
            }
            let mut records = head.remove().records;
            records.sort_by_key(|record| record.place.as_ref().map_or(0, |place| place.ordinal));
            ready.append(&mut records);
        }
        ready
    }

    /// Everything that arrived and was not handed out yet, in order, once nothing more can arrive.
    pub(crate) fn take_all(&self) -> Vec<Record> {
        self.lock().values_mut().for_each(|arrival| arrival.complete = true);
        self.ready()
    }

    /// Waits until an item completes.
    ///
    /// # Cancel safety
    /// Safe; call [`Self::ready`] after it and before the first wait.
    pub(crate) async fn moved(&self) {
        let mut moved = std::pin::pin!(self.moved.notified());
        moved.as_mut().enable();
        if self.lock().first_key_value().is_some_and(|(_, head)| head.complete) {
            return;
        }
        moved.await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arrival>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

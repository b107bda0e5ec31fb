//! A bounded queue from asynchronous callers to a thread.
//!
//! Callers wait for room without blocking their thread; the receiving thread can wait with a deadline, which tokio's
//! own channel does not offer to threads.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use tidegate_core::{Fault, FaultKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots beyond the permits, for messages of the store itself that must not wait (a lease given back in `Drop`).
const SPARE: usize = 64;

/// The sending half.
pub(crate) struct Queue<J> {
    sender: SyncSender<Ticket<J>>,
    /// Free slots.
    room: Arc<Semaphore>,
}

/// A queued job; dropping it frees its slot.
pub(crate) struct Ticket<J> {
    /// The job.
    pub(crate) job: J,
    /// The slot; `None` for a spare one.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl<J> Queue<J> {
    /// A queue of at most `slots` jobs.
    pub(crate) fn new(slots: usize) -> (Self, Receiver<Ticket<J>>) {
        let (sender, receiver) = sync_channel(slots + SPARE);
        (Self { sender, room: Arc::new(Semaphore::new(slots)) }, receiver)
    }

    /// Queues `job` when there is room.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready queues nothing.
    pub(crate) async fn send(&self, job: J) -> Result<(), Fault> {
        let room = self.room.clone().acquire_owned().await.map_err(|_| gone())?;
        self.sender.try_send(Ticket { job, room: Some(room) }).map_err(|error| match error {
            TrySendError::Disconnected(_) => gone(),
            TrySendError::Full(_) => Fault::new(FaultKind::StorageBusy, "the queue of the store is full"),
        })
    }

    /// Queues `job` in a spare slot, or drops it if even those are taken.
    pub(crate) fn send_spare(&self, job: J) {
        let _ = self.sender.try_send(Ticket { job, room: None });
    }
}

/// The fault of a caller whose thread has ended.
pub(crate) fn gone() -> Fault {
    Fault::new(FaultKind::Cancelled, "the store was closed")
}

//! Threads that read, so that asynchronous callers never block theirs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tidegate_core::Fault;
use tidegate_core::context::panic_fault;
use tokio::sync::oneshot;

use crate::error::Doing;
use crate::open;
use crate::queue::{Queue, gone};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// One thread with one reading connection.
pub(crate) struct Reader {
    /// Gone once dropping has begun.
    queue: Option<Queue<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts a thread called `name` on the file at `path`.
    pub(crate) fn start(name: &str, path: &Path) -> Result<Self, Fault> {
        let mut conn = open::reading(path, 16)?;
        let (queue, jobs) = Queue::<Job>::new(64);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Ok(ticket) = jobs.recv() {
                    (ticket.job)(&mut conn);
                }
            })
            .map_err(|error| {
                Fault::new(tidegate_core::FaultKind::StorageBusy, "no thread for the store").cause(error)
            })?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Runs `read` on the thread, inside one transaction: everything it reads is of one moment.
    ///
    /// # Cancel safety
    /// Dropping the future may leave the job running; its result is dropped.
    pub(crate) async fn call<T, F>(&self, read: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let result = catch_unwind(AssertUnwindSafe(|| in_transaction(conn, read)));
            let _ = reply.send(result.unwrap_or_else(|panic| Err(panic_fault(panic.as_ref()))));
        });
        self.queue.as_ref().ok_or_else(gone)?.send(job).await?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `read` in a transaction. It commits, because temporary tables written by it are to stay.
pub(crate) fn in_transaction<T>(
    conn: &mut Connection,
    read: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let tx = conn.transaction().doing("reading the store")?;
    let value = read(&tx)?;
    tx.commit().doing("reading the store")?;
    Ok(value)
}

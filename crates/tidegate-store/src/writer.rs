//! The one thread that writes, and group commit.
//!
//! Requests that are queued together share a transaction; each has its savepoint, so one that fails does not cost
//! the others. Nobody is answered before the transaction is durable.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tidegate_core::context::panic_fault;
use tidegate_core::{Fault, FaultKind, killpoint};
use tokio::sync::oneshot;

use crate::error::{Doing, fault};
use crate::lease::{self, Lease};
use crate::open::{self, OpenOptions};
use crate::queue::{Queue, Ticket, gone};

/// Most requests in one transaction: enough to share its cost, few enough to answer the first soon.
const GROUP: usize = 32;
/// Requests that may wait for the thread.
const SLOTS: usize = 64;
/// How many ids of past transactions are kept; only the latest is ever looked up.
const BATCH_IDS: i64 = 64;

/// What a request is, for the proofs that kill the process around its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Outcomes and chunks.
    Commit,
    /// Vectors.
    Append,
    /// Anything else.
    Other,
}

/// A request for the writer.
trait Work: Send {
    fn kind(&self) -> Kind;
    /// Does the work in the open transaction. May be called again if that transaction came to nothing.
    fn run(&mut self, conn: &Connection) -> Result<(), Fault>;
    /// Answers the caller.
    fn finish(self: Box<Self>, result: Result<(), Fault>);
}

struct Task<T, F> {
    kind: Kind,
    work: F,
    /// What the latest call returned.
    value: Option<T>,
    /// Where the caller waits, if it still does.
    reply: oneshot::Sender<Result<T, Fault>>,
}

impl<T: Send, F: FnMut(&Connection) -> Result<T, Fault> + Send> Work for Task<T, F> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, conn: &Connection) -> Result<(), Fault> {
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(conn)));
        self.value = Some(result.unwrap_or_else(|panic| Err(panic_fault(panic.as_ref())))?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), Fault>) {
        let Self { value, reply, .. } = *self;
        let answer = result.and_then(|()| value.ok_or_else(gone));
        let _ = reply.send(answer); // nobody there: the caller was dropped, the work is done all the same
    }
}

enum Message {
    Work(Box<dyn Work>),
    /// Keep this lease alive from now on.
    Hold(Lease),
    /// Give this lease back.
    Release(Lease),
}

/// The handle of the writing thread. Dropping it finishes what is queued, gives leases back and joins the thread.
pub(crate) struct Writer {
    /// Gone once dropping has begun.
    queue: Option<Arc<Queue<Message>>>,
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    pub(crate) sabotage: Arc<std::sync::atomic::AtomicU8>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(crate) fn start(path: PathBuf, options: OpenOptions) -> Result<Self, Fault> {
        let conn = open::writing(&path, &options)?;
        let (queue, messages) = Queue::new(SLOTS);
        #[cfg(test)]
        let sabotage = Arc::<std::sync::atomic::AtomicU8>::default();
        let thread = Thread {
            conn: Some(conn),
            path,
            options,
            leases: Vec::new(),
            renew_at: Instant::now() + lease::RENEW,
            #[cfg(test)]
            sabotage: sabotage.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("tidegate-writer".to_owned())
            .spawn(move || thread.run(&messages))
            .map_err(|error| Fault::new(FaultKind::StorageBusy, "no thread for the store").cause(error))?;
        Ok(Self {
            queue: Some(Arc::new(queue)),
            thread: Some(thread),
            #[cfg(test)]
            sabotage,
        })
    }

    /// Runs `work` in a transaction and returns once that is durable. `work` may run more than once, but takes
    /// effect once or not at all.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the work either not queued or done as a whole.
    pub(crate) async fn call<T, F>(&self, kind: Kind, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Task { kind, work, value: None, reply });
        self.queue.as_ref().ok_or_else(gone)?.send(Message::Work(task)).await?;
        answer.await.map_err(|_| gone())?
    }

    /// What makes a grant of a lease that was just taken. Usable on the writing thread, so that a lease is never
    /// without a grant, even if whoever asked for it has gone meanwhile.
    pub(crate) fn granting(&self) -> impl Fn(Lease) -> Grant + Send + use<> {
        let queue = self.queue.as_ref().map(Arc::downgrade).unwrap_or_default();
        move |lease| {
            if let Some(queue) = queue.upgrade() {
                queue.send_spare(Message::Hold(lease.clone()));
            }
            Grant { lease, queue: queue.clone() }
        }
    }
}

/// A lease that is kept alive, and given back when this is dropped.
pub(crate) struct Grant {
    pub(crate) lease: Lease,
    queue: Weak<Queue<Message>>,
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.upgrade() {
            queue.send_spare(Message::Release(self.lease.clone()));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Thread {
    /// Gone after a commit whose result was unknown, until the file could be opened again.
    conn: Option<Connection>,
    path: PathBuf,
    options: OpenOptions,
    leases: Vec<Lease>,
    renew_at: Instant,
    #[cfg(test)]
    sabotage: Arc<std::sync::atomic::AtomicU8>,
}

type Group = Vec<Ticket<Box<dyn Work>>>;

impl Thread {
    fn run(mut self, messages: &Receiver<Ticket<Message>>) {
        loop {
            match messages.recv_timeout(self.renew_at.saturating_duration_since(Instant::now())) {
                Ok(first) => self.take(first, messages),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= self.renew_at {
                self.renew();
            }
        }
        for lease in std::mem::take(&mut self.leases) {
            self.give_back(&lease);
        }
        if let Some(conn) = self.conn.take() {
            // Closing does this only where no other process has the file open.
            let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    /// Collects what is queued behind `first` into one group.
    fn take(&mut self, first: Ticket<Message>, messages: &Receiver<Ticket<Message>>) {
        let mut group = Group::new();
        let mut next = Some(first);
        while let Some(ticket) = next {
            match ticket {
                Ticket { job: Message::Work(work), room } => group.push(Ticket { job: work, room }),
                Ticket { job: Message::Hold(lease), .. } => self.leases.push(lease),
                Ticket { job: Message::Release(lease), .. } => {
                    self.commit(std::mem::take(&mut group));
                    self.leases.retain(|held| *held != lease);
                    self.give_back(&lease);
                }
            }
            next = if group.len() < GROUP { messages.try_recv().ok() } else { None };
        }
        self.commit(group);
    }

    fn commit(&mut self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        match self.transact(&mut group) {
            Ok(results) => {
                for (ticket, result) in group.into_iter().zip(results) {
                    ticket.job.finish(result);
                }
            }
            // One of several took the transaction down with it: each goes alone, so that it is the only one.
            Err(_) if group.len() > 1 => {
                for ticket in group {
                    self.commit(vec![ticket]);
                }
            }
            Err(fault) => {
                for ticket in group {
                    ticket.job.finish(Err(fault.clone()));
                }
            }
        }
    }

    /// One transaction over `group`. An error means that nothing of it is in the file.
    fn transact(&mut self, group: &mut Group) -> Result<Vec<Result<(), Fault>>, Fault> {
        if self.conn.is_none() {
            self.conn = Some(open::writing(&self.path, &self.options)?);
        }
        let conn = self.conn.as_ref().ok_or_else(gone)?;
        let id = crate::process::random_hex();
        conn.execute_batch("BEGIN IMMEDIATE").doing("beginning a transaction")?;
        let written = fill(conn, group, &id);
        let results = match written {
            Ok(results) if results.iter().any(Result::is_ok) => results,
            other => {
                roll_back(conn);
                return other;
            }
        };
        mark(group, "store.commit.before", "journal.append.before");
        match self.end() {
            Ok(()) => {}
            Err(error) => self.resolve(error, &id)?,
        }
        mark(group, "store.commit.after", "journal.append.after");
        Ok(results)
    }

    fn end(&self) -> rusqlite::Result<()> {
        let Some(conn) = &self.conn else { return Err(rusqlite::Error::InvalidQuery) };
        #[cfg(test)]
        match self.sabotage.swap(0, std::sync::atomic::Ordering::SeqCst) {
            // As if the disk had failed before, or right after, the commit reached it.
            1 => conn.execute_batch("ROLLBACK").and(Err(rusqlite::Error::InvalidQuery))?,
            2 => conn.execute_batch("COMMIT").and(Err(rusqlite::Error::InvalidQuery))?,
            _ => {}
        }
        conn.execute_batch("COMMIT")
    }

    /// Decides what became of a commit that returned an error.
    fn resolve(&mut self, error: rusqlite::Error, id: &str) -> Result<(), Fault> {
        let doing = "committing";
        let Some(conn) = self.conn.take() else { return Err(fault(error).during(doing)) };
        if !conn.is_autocommit() {
            // The transaction is still open, so it was not committed.
            roll_back(&conn);
            self.conn = Some(conn);
            return Err(fault(error).during(doing));
        }
        // Unknown: never ask the same file handle again, a failed sync is reported to it only once.
        drop(conn);
        let conn = open::writing(&self.path, &self.options)?;
        let found = conn
            .query_row("SELECT EXISTS(SELECT 1 FROM batch WHERE id = ?1)", [id], |row| row.get::<_, bool>(0))
            .doing("looking up a commit whose result was unknown")?;
        self.conn = Some(conn);
        if found { Ok(()) } else { Err(fault(error).during(doing)) }
    }

    fn renew(&mut self) {
        self.renew_at = Instant::now() + lease::RENEW;
        if self.leases.is_empty() {
            return;
        }
        if let Some(conn) = &self.conn {
            for lease in &self.leases {
                // A failure shows at the next commit, which checks the lease itself.
                let _ = lease.renew(conn);
            }
        }
    }

    fn give_back(&mut self, lease: &Lease) {
        if let Some(conn) = &self.conn {
            // If this fails, the lease ends with its time or with this process.
            let _ = lease.release(conn);
        }
    }
}

/// Runs every request of `group` under its own savepoint and files the id of the transaction.
fn fill(conn: &Connection, group: &mut Group, id: &str) -> Result<Vec<Result<(), Fault>>, Fault> {
    let doing = "writing to the store";
    let mut results = Vec::with_capacity(group.len());
    for ticket in group.iter_mut() {
        conn.execute_batch("SAVEPOINT request").doing(doing)?;
        let result = ticket.job.run(conn);
        if conn.is_autocommit() {
            // SQLite itself rolled the whole transaction back (full disk, failed read or write).
            return Err(result.err().unwrap_or_else(|| {
                Fault::new(FaultKind::Internal, "a request ended the transaction it ran in")
            }));
        }
        let end = match result {
            Ok(()) => "RELEASE request",
            Err(_) => "ROLLBACK TO request; RELEASE request",
        };
        conn.execute_batch(end).doing(doing)?;
        results.push(result);
    }
    let mut insert = conn.prepare_cached("INSERT INTO batch(id) VALUES (?1)").doing(doing)?;
    insert.execute([id]).doing(doing)?;
    let mut trim = conn.prepare_cached("DELETE FROM batch WHERE n <= ?1").doing(doing)?;
    trim.execute([conn.last_insert_rowid() - BATCH_IDS]).doing(doing)?;
    Ok(results)
}

fn roll_back(conn: &Connection) {
    if !conn.is_autocommit() {
        // If even this fails the connection rolls back when it is closed.
        let _ = conn.execute_batch("ROLLBACK");
    }
}

fn mark(group: &Group, commit: &'static str, append: &'static str) {
    for (kind, point) in [(Kind::Commit, commit), (Kind::Append, append)] {
        if group.iter().any(|ticket| ticket.job.kind() == kind) {
            killpoint::hit(point);
        }
    }
}

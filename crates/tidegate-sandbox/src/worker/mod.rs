//! Programs of the user's own that work on records: lines in, lines out, many records in the life of one process.
//!
//! A pool of processes, each held by a thread that feeds it, listens to it and ends it with everything that it started.
//! Several records are on their way to a process at once where it is fast, so that it never waits for the next; where it
//! takes milliseconds for each, one at a time is enough, and whoever dies of a record is known at once.
//!
//! A process that dies, hangs or writes what is no answer takes nothing with it but the record that it did so over. Where
//! several were on their way, each of them is given to a process of its own once more: the one that ends that process
//! too is at fault, and no other is. To blame the oldest of them was refused, because a program may read ahead.
//!
//! The programs are trusted: they see the environment, open files and connect. No limit is set for their memory and
//! their time on the processor, because they are meant to hold models and to work as long as the run does.

mod fate;
mod flight;
mod inbox;
mod process;
mod queue;
mod seat;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tidegate_core::{Fault, FaultKind};
use tokio::sync::oneshot;

use crate::parent::Program;
use queue::{Job, Queue};
use seat::Seat;

/// What is said to a program, and what its lines mean. It runs on the threads that hold the processes.
pub trait Talk: Send + Sync + 'static {
    /// A line that was read.
    type Line<'a>;
    /// What becomes of a record.
    type Answer: Send + 'static;

    /// Appends the line that hands `record` over under this number, with its line end.
    ///
    /// # Errors
    /// The record's own: it cannot be said.
    fn write(&self, number: u64, record: &str, out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Reads a line, which has no line end: the number of the record that it answers (without one, the oldest that
    /// waits for an answer), and what it says.
    ///
    /// # Errors
    /// A fragment that says what the program did instead of answering, such as "wrote what is no JSON".
    fn read<'a>(&self, line: &'a [u8]) -> Result<Seen<Self::Line<'a>>, String>;

    /// What the line makes of its record.
    ///
    /// # Errors
    /// The record's own.
    fn take(&self, record: &str, line: Self::Line<'_>) -> Result<Self::Answer, Fault>;
}

/// A line of a program.
#[derive(Debug)]
pub struct Seen<L> {
    /// The record that it answers; the oldest that waits, if it does not say.
    pub number: Option<u64>,
    /// What it says.
    pub line: L,
}

/// Which program works, and how.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// What it is called in faults.
    pub name: String,
    /// The program, as [`find_tool`](crate::find_tool) found it.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The folder in which it is started.
    pub folder: PathBuf,
    /// Most processes at once. They are started as records come.
    pub processes: usize,
    /// How long a record may take.
    pub timeout: Duration,
    /// How long a process may take until it begins to read.
    pub start: Duration,
    /// The longest line it may write, in bytes.
    pub longest: usize,
}

/// A pool of processes that run one program. Dropping it ends them, and waits until they are gone.
pub struct Workers<T: Talk> {
    shared: Arc<Shared<T>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads share.
pub(crate) struct Shared<T: Talk> {
    launcher: Program,
    options: WorkerOptions,
    talk: T,
    queue: Queue<T::Answer>,
}

/// Records that may be on their way to one process at once.
const MOST_IN_FLIGHT: usize = 256;

impl<T: Talk> Workers<T> {
    /// A pool as `options` say. `launcher` is a program that calls [`launch`](crate::launch) before all else.
    #[must_use]
    pub fn new(launcher: Program, options: WorkerOptions, talk: T) -> Self {
        let queue = Queue::new(options.processes.max(1));
        Self { shared: Arc::new(Shared { launcher, options, talk, queue }), threads: Mutex::default() }
    }

    /// How many records it keeps busy with: more that wait are the caller's to hold.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shared.options.processes.max(1).saturating_mul(MOST_IN_FLIGHT)
    }

    /// What the program makes of `record`.
    ///
    /// # Errors
    /// The record's, with the last words of the program: it died of it, took too long, or did not answer.
    /// [`FaultKind::Config`] where the program cannot be run at all, [`FaultKind::Unavailable`] where the system has
    /// no room for it.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the record back from a program that has it; what it says of it is dropped.
    pub async fn ask(&self, record: Arc<str>) -> Result<T::Answer, Fault> {
        let (tell, told) = oneshot::channel();
        if let Some(number) = self.shared.queue.submit(Job { record, tell, lone: false, spared: false })? {
            self.grow(number)?;
        }
        let over = || Fault::new(FaultKind::Cancelled, "the programs were ended");
        told.await.unwrap_or_else(|_| Err(over()))
    }

    /// Starts the thread that was promised.
    fn grow(&self, number: usize) -> Result<(), Fault> {
        let no_room = |error| {
            let fault = Fault::new(FaultKind::Unavailable, "no program can be run").cause(error);
            self.shared.queue.shrink(number, &fault);
            fault
        };
        let wake = self.shared.queue.seat(number).map_err(no_room)?;
        let shared = self.shared.clone();
        let builder = std::thread::Builder::new().name(format!("worker-{number}"));
        let thread = builder.spawn(move || Seat::new(shared, number, wake).live()).map_err(no_room)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }
}

impl<T: Talk> Drop for Workers<T> {
    fn drop(&mut self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

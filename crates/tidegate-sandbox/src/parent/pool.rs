//! The children and the threads that hold them. Nothing runs until the first document comes.

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate_core::{Fault, FaultKind};
use tokio::sync::mpsc;

use super::exchange::{Outcome, exchange};
use super::onward::Onward;
use super::process::Process;
use super::program::Program;
use crate::child::Protection;
use crate::limits::Limits;
use crate::part::Part;

/// How many children there are, and how long each lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most children at once; one for each core keeps all of them busy.
    pub children: usize,
    /// Documents a child is given before it is replaced: whatever a parser leaks or gets wrong ends with it.
    pub documents: u64,
    /// Bytes of memory a child may hold between documents before it is replaced.
    pub resident: u64,
    /// How long a child may take until it is ready.
    pub start: Duration,
}

impl Default for Options {
    /// Starting a child takes a few milliseconds, which hundreds of documents pay for.
    fn default() -> Self {
        Self {
            children: std::thread::available_parallelism().map_or(1, usize::from),
            documents: 500,
            resident: 256 << 20,
            start: Duration::from_secs(20),
        }
    }
}

/// A document to parse.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name, for its extension.
    pub name: String,
    /// The short name of its format, for messages.
    pub format: String,
    /// What the parser is to keep to, as it reads it.
    pub settings: String,
    /// The document.
    pub bytes: Bytes,
    /// What it may cost.
    pub limits: Limits,
}

/// The answers to a [`Job`]. Dropping it ends the work on it, by killing the child if it has begun.
#[derive(Debug)]
pub struct Reply {
    answers: mpsc::Receiver<Result<Part, Fault>>,
    /// Its end tells the thread.
    _cancel: Option<PipeWriter>,
}

impl Reply {
    /// The next part that was found; `None` after the last. A fault is the last answer: the file's as a whole, or what
    /// became of the child. Parts before it were whole.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn next(&mut self) -> Option<Result<Part, Fault>> {
        self.answers.recv().await
    }
}

/// A job in the queue.
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) answers: mpsc::Sender<Result<Part, Fault>>,
    /// Hangs up when nobody wants the answers any more.
    pub(super) cancel: PipeReader,
}

/// A pool of children. Dropping it kills them and waits until they are gone.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    program: Program,
    options: Options,
    state: Mutex<State>,
    /// Wakes a thread for a job, or for the end.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Queued>,
    /// Threads that wait for a job.
    idle: usize,
    closed: bool,
    protection: Option<Protection>,
}

impl Pool {
    /// A pool of children that run `program`.
    #[must_use]
    pub fn new(program: Program, options: Options) -> Self {
        let shared = Shared { program, options, state: Mutex::default(), wake: Condvar::new() };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// Most documents worked on at once.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shared.options.children.max(1)
    }

    /// How children are held by the kernel, once one was started.
    #[must_use]
    pub fn protection(&self) -> Option<Protection> {
        self.shared.lock().protection
    }

    /// Starts a child and ends it again, to see whether that works and how it is held.
    ///
    /// # Errors
    /// [`FaultKind::Config`] or [`FaultKind::Unavailable`], as a document would meet it.
    pub fn probe(&self) -> Result<Protection, Fault> {
        let shared = &self.shared;
        Process::start(&shared.program, Instant::now() + shared.options.start).map(|child| child.protection)
    }

    /// Queues a document. How many wait is the caller's to bound: each is held in memory.
    #[must_use]
    pub fn submit(&self, job: Job) -> Reply {
        let (send, answers) = mpsc::channel(4);
        let (cancel, hold) = match std::io::pipe() {
            Ok(pipe) => pipe,
            Err(error) => {
                let fault = Fault::new(FaultKind::Unavailable, "no pipe can be had").cause(error);
                let _ = send.try_send(Err(fault)); // there is room
                return Reply { answers, _cancel: None };
            }
        };
        let mut state = self.shared.lock();
        state.jobs.push_back(Queued { job, answers: send, cancel });
        let short = state.idle < state.jobs.len();
        drop(state);
        if short {
            self.grow();
        }
        self.shared.wake.notify_one();
        Reply { answers, _cancel: Some(hold) }
    }

    /// One more thread, if there may be.
    fn grow(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() >= self.width() {
            return;
        }
        let shared = self.shared.clone();
        let name = format!("parser-{}", threads.len());
        match std::thread::Builder::new().name(name).spawn(move || shared.work()) {
            Ok(thread) => threads.push(thread),
            Err(error) if threads.is_empty() => {
                let fault = Fault::new(FaultKind::Unavailable, "no thread can be had").cause(error);
                let waiting = std::mem::take(&mut self.shared.lock().jobs);
                waiting.into_iter().for_each(|job| drop(job.answers.try_send(Err(fault.clone()))));
            }
            Err(_) => {} // those there are will do it
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        drop(waiting);
        self.shared.wake.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life: one child at a time, one document at a time.
    fn work(&self) {
        let mut child = None;
        while let Some(job) = self.next() {
            if job.answers.is_closed() {
                continue;
            }
            let fault = match self.parse(&mut child, &job) {
                Outcome::Done => None,
                Outcome::Failed(fault) | Outcome::Unread(fault) => Some(fault),
                Outcome::Lost(loss) => Some(loss.fault),
                Outcome::Cancelled => continue,
            };
            if let Some(fault) = fault {
                let _ = job.answers.blocking_send(Err(fault));
            }
        }
    }

    fn next(&self) -> Option<Queued> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Has a child parse a document; a second one, if the first died before it had read it, and others for what follows
    /// a member that the first died of.
    fn parse(&self, child: &mut Option<Process>, job: &Queued) -> Outcome {
        let mut again = true;
        let mut onward = Onward::new(job.job.limits, Instant::now());
        loop {
            let mut process = match child.take().map_or_else(|| self.start(), Ok) {
                Ok(process) => process,
                Err(fault) => return Outcome::Failed(fault),
            };
            let outcome = exchange(&mut process, job, &onward.from);
            match outcome {
                Outcome::Unread(_) if again => again = false,
                Outcome::Lost(loss) => {
                    drop(process); // two children at once are more than there may be
                    match onward.after(loss, Instant::now()) {
                        Ok(None) => {}
                        Ok(Some(part)) => {
                            if job.answers.blocking_send(Ok(part)).is_err() {
                                return Outcome::Cancelled;
                            }
                        }
                        Err(fault) => return Outcome::Failed(fault),
                    }
                }
                Outcome::Done | Outcome::Failed(_) => {
                    let options = &self.options;
                    if process.documents < options.documents && process.resident() <= options.resident {
                        *child = Some(process);
                    }
                    return outcome;
                }
                outcome => return outcome,
            }
        }
    }

    fn start(&self) -> Result<Process, Fault> {
        let process = Process::start(&self.program, Instant::now() + self.options.start)?;
        let protection = process.protection;
        if self.lock().protection.replace(protection).is_none() && !protection.filtered {
            tracing::warn!(
                "parsers run without a filter of system calls: this kernel has none; they are held by limits and killed"
            );
        }
        Ok(process)
    }
}

//! The compute pool: one thread per core, most urgent job first.
//!
//! A pool of our own rather than the runtime's blocking threads, which cannot be prioritised or skipped, or rayon,
//! which has no priorities: without them chunking would run ahead of embedding and memory would fill with chunks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tidegate_core::Compute;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads that run jobs by urgency, then by age. Dropping it finishes the jobs being run, drops
/// those waiting, and joins the threads.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes a thread for a new job or the end.
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: BinaryHeap<Reverse<Queued>>,
    sequence: u64,
    closed: bool,
}

struct Queued {
    rank: (u64, u64),
    job: Job,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Pool {
    /// Starts `width` threads (at least one).
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(width: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new() });
        let mut pool = Self { shared, threads: Vec::new() };
        for index in 0..width.max(1) {
            let shared = pool.shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("compute-{index}"))
                .stack_size(8 << 20)
                .spawn(move || shared.work())?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// One thread per core this process may use.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn per_core() -> std::io::Result<Self> {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            // Jobs catch their own panics to report them; this one only keeps the thread.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(Reverse(queued)) = state.jobs.pop() {
                return Some(queued.job);
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compute for Pool {
    fn submit(&self, urgency: u64, job: Job) {
        let mut state = self.shared.lock();
        state.sequence += 1;
        let rank = (urgency, state.sequence);
        state.jobs.push(Reverse(Queued { rank, job }));
        drop(state);
        self.shared.wake.notify_one();
    }

    fn width(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        drop(waiting); // outside the lock: dropping a job drops records, which settle items
        self.shared.wake.notify_all();
        let this = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // The last handle to the pool may be dropped by one of its own jobs.
            if thread.thread().id() != this {
                let _ = thread.join();
            }
        }
    }
}

/// Runs every job at once on the caller's thread: for tests and simulations, where time must not pass.
#[derive(Debug, Default, Clone, Copy)]
pub struct Inline;

impl Compute for Inline {
    fn submit(&self, _urgency: u64, job: Job) {
        job();
    }

    fn width(&self) -> usize {
        1
    }
}

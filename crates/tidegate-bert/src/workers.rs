//! Threads that compute, each by itself.
//!
//! Whoever calls has a thread for each core already. Products that spread over all cores as well would make those wait
//! for each other, which costs a sixth of the speed; but the library spreads them unless the thread it is called on
//! belongs to a pool of one. So each call lends itself such a thread and waits for it. Making the caller's own thread a
//! pool of one was refused: it could never leave it again, and what belongs to it would never be freed.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tidegate_core::{Fault, FaultKind};

/// The threads of one model: as many as were ever wanted at once, all ended with it.
#[derive(Default)]
pub(crate) struct Workers {
    /// Those that nobody uses just now.
    idle: Mutex<Vec<ThreadPool>>,
}

impl Workers {
    /// Runs `work` on a thread where products stay, and waits for it. A panic of it is the caller's.
    ///
    /// # Errors
    /// [`FaultKind::Unavailable`], if the system refuses a thread.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let worker = match idle {
            Some(worker) => worker,
            None => ThreadPoolBuilder::new()
                .num_threads(1)
                .thread_name(|_| "embed".to_owned())
                .build()
                .map_err(|error| {
                    Fault::new(FaultKind::Unavailable, "this system refuses to start a thread").cause(error)
                })?,
        };
        let made = worker.install(work);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        Ok(made)
    }
}

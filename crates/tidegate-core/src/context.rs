//! What every stage, source and sink is handed: the run, the compute pool, and word of a stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::fault::{Fault, FaultKind};
use crate::stop::{Stop, StopSignal};

/// Runs CPU work off the event loop.
pub trait Compute: Send + Sync {
    /// Queues `job`; jobs with a smaller `urgency` run first. A job must not block on other jobs.
    fn submit(&self, urgency: u64, job: Box<dyn FnOnce() + Send>);
    /// How many jobs run at once.
    fn width(&self) -> usize;
}

/// The context of a run.
#[derive(Clone)]
pub struct Cx {
    /// The run's id.
    pub run: Arc<str>,
    /// Where CPU work goes.
    pub compute: Arc<dyn Compute>,
    stop: StopSignal,
    /// Microseconds that whoever works under this context waited for a limit since it was last asked.
    waited: Arc<AtomicU64>,
}

impl Cx {
    /// A context for `run`, whose stop is announced on `stop`.
    #[must_use]
    pub fn new(run: Arc<str>, compute: Arc<dyn Compute>, stop: StopSignal) -> Self {
        Self { run, compute, stop, waited: Arc::default() }
    }

    /// The same context with a count of waits of its own, for one worker.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Self { waited: Arc::default(), ..self.clone() }
    }

    /// Says that of the work in progress `wait` was spent waiting for a limit: of a lane, not of this machine.
    pub fn note_wait(&self, wait: Duration) {
        let us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        self.waited.fetch_add(us, Ordering::Relaxed);
    }

    /// What was noted since this was last asked.
    #[must_use]
    pub fn take_waited(&self) -> Duration {
        Duration::from_micros(self.waited.swap(0, Ordering::Relaxed))
    }

    /// Where word of a stop arrives, for whoever waits beside the run.
    #[must_use]
    pub fn stop_signal(&self) -> StopSignal {
        self.stop.clone()
    }

    /// How far a stop has gone.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.level()
    }

    /// Waits until a stop has gone at least as far as `level`.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn stopped(&self, level: Stop) {
        self.stop.reached(level).await;
    }

    /// Runs `work` on the compute pool and waits for its result.
    ///
    /// # Errors
    /// [`FaultKind::Panic`] if `work` panics, [`FaultKind::Cancelled`] if the pool shut down first.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop work that has begun; its result is dropped.
    pub async fn compute<T, F>(&self, urgency: u64, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (send, receive) = oneshot::channel();
        let job = move || {
            if send.is_closed() {
                return; // whoever asked has gone
            }
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let _ = send.send(result.map_err(|panic| panic_fault(panic.as_ref())));
        };
        self.compute.submit(urgency, Box::new(job));
        match receive.await {
            Ok(result) => result,
            Err(_) => Err(Fault::new(FaultKind::Cancelled, "the compute pool shut down")),
        }
    }
}

/// Makes a fault of what `catch_unwind` caught.
#[must_use]
pub fn panic_fault(panic: &(dyn std::any::Any + Send)) -> Fault {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    Fault::new(FaultKind::Panic, text)
        .hint("this is a defect in a parser or stage; please report it with the file")
}

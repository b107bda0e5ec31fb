//! The only place that spawns tasks. Every task is joined; one that panics stops the run instead of vanishing.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use tidegate_core::context::panic_fault;
use tidegate_core::{Fault, FaultKind};
use tokio::task::JoinSet;

/// The tasks of one run.
#[derive(Default)]
pub(crate) struct Tasks(JoinSet<()>);

impl Tasks {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Waits for every task, or for the first that panics: others may wait for it for ever.
    pub(crate) async fn join(&mut self) -> Result<(), Fault> {
        while let Some(ended) = self.0.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                let fault = internal(error.into_panic().as_ref());
                tracing::error!(%fault, "a task of the engine panicked");
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Stops every task where it stands and waits until all are gone.
    pub(crate) async fn abort(&mut self) {
        self.0.shutdown().await;
    }
}

fn internal(panic: &(dyn Any + Send)) -> Fault {
    Fault::new(FaultKind::Internal, panic_fault(panic).message()).during("running the engine")
}

/// Runs a future and turns its panic into a fault, so that user code costs its own record only.
pub(crate) async fn guarded<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(result)) => Poll::Ready(result),
        Err(panic) => Poll::Ready(Err(panic_fault(panic.as_ref()))),
    })
    .await
}

/// Runs synchronous user code and turns its panic into a fault.
pub(crate) fn guarded_now<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_fault(panic.as_ref())))
}

//! What tests of sources and sinks put in place of the engine: a compute pool that works at once.

use std::sync::Arc;

use tidegate_core::context::Compute;
use tidegate_core::{Coverage, Cx, Listing, Source, SourceItem, StopHandle};

struct Inline;

impl Compute for Inline {
    fn submit(&self, _urgency: u64, job: Box<dyn FnOnce() + Send>) {
        job();
    }
    fn width(&self) -> usize {
        1
    }
}

/// The context of a run that nobody stops.
#[must_use]
pub fn cx() -> Cx {
    stoppable().0
}

/// The context of a run, and what stops it.
#[must_use]
pub fn stoppable() -> (Cx, StopHandle) {
    let stop = StopHandle::new();
    (Cx::new("test".into(), Arc::new(Inline), stop.subscribe()), stop)
}

/// Lists a source to its end.
///
/// # Panics
/// If it fails, or has no end.
pub async fn list_all(source: &mut dyn Source, max: usize) -> (Vec<SourceItem>, Option<Coverage>) {
    let cx = cx();
    let mut all = Vec::new();
    loop {
        match source.list(&cx, max).await.expect("lists") {
            Listing::Items(items) => all.extend(items),
            Listing::Quiet => {}
            Listing::Covered(_) => panic!("not an endless source"),
            Listing::End(coverage) => return (all, coverage),
        }
    }
}

/// Runs a future in a test that is not async itself.
///
/// # Panics
/// Where no runtime can be made.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(future)
}

//! Keeping a product to the thread that asked for it.
//!
//! Whoever calls has a thread for each core already; products that spread over all cores as well would make them wait
//! for each other, which costs a sixth of the speed, and a first call would start threads nobody knows of.

use std::cell::OnceCell;

use rayon::{ThreadPool, ThreadPoolBuilder};

thread_local! {
    /// The pool that consists of this thread. A thread cannot leave a pool again, so it is made once.
    static ALONE: OnceCell<Option<ThreadPool>> = const { OnceCell::new() };
}

/// Sees to it that products of this thread are computed on it. A thread of somebody's own pool stays in that.
pub(crate) fn alone() {
    ALONE.with(|pool| {
        pool.get_or_init(|| ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok());
    });
}

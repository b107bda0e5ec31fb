//! The same calls, made one after the other, by threads, or all on one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tidegate_core::{Fault, FaultKind};
use tokio::runtime::{Builder, Runtime};

use super::target::Target;
use super::trial::Tally;

/// The calls that are left to be made, whoever makes them.
pub(super) struct Turns {
    next: AtomicU64,
    calls: u64,
    until: Option<Instant>,
    over: AtomicBool,
}

impl Turns {
    /// `calls` of them, none begun after `patience`.
    pub(super) fn new(calls: u64, patience: Option<Duration>) -> Self {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        Self { next: AtomicU64::new(0), calls, until, over: AtomicBool::new(false) }
    }

    fn next(&self) -> Option<u64> {
        if self.over.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.calls).then_some(number)
    }
}

/// All on this thread, at most `at_once` in flight; one after the other where that is one.
pub(super) fn together(target: &Target, turns: &Turns, at_once: usize) -> Result<Tally, Fault> {
    Ok(runtime()?.block_on(one_thread(target, turns, at_once)))
}

async fn one_thread(target: &Target, turns: &Turns, at_once: usize) -> Tally {
    let mut tally = Tally::default();
    let numbers = std::iter::from_fn(|| turns.next());
    let calls = futures_util::stream::iter(numbers).map(|number| target.call(number));
    let mut ended = std::pin::pin!(calls.buffer_unordered(at_once.max(1)));
    while let Some(ended) = ended.next().await {
        tally.add(ended);
        if tally.fatal.is_some() {
            turns.over.store(true, Ordering::Relaxed);
        }
    }
    tally
}

/// Each of `targets` in a thread of its own, which waits for every call it makes.
pub(super) fn threads(targets: &[Target], turns: &Arc<Turns>) -> Result<Tally, Fault> {
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let started: Vec<_> = targets
            .iter()
            .enumerate()
            .map(|(at, target)| {
                let thread = std::thread::Builder::new().name(format!("bench-{at}"));
                thread.spawn_scoped(scope, || together(target, turns, 1)).map_err(|error| {
                    Fault::new(FaultKind::Unavailable, "no more threads can be started").cause(error)
                })
            })
            .collect();
        for thread in started {
            match thread?.join() {
                Ok(part) => tally.merge(part?),
                Err(panic) => return Err(tidegate_core::context::panic_fault(panic.as_ref())),
            }
        }
        Ok(tally)
    })
}

fn runtime() -> Result<Runtime, Fault> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::new(FaultKind::Unavailable, "the runtime cannot be started").cause(error))
}

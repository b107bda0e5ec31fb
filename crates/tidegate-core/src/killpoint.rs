//! Places where a proof may kill the process, to show that nothing is lost there.
//!
//! Without the `killpoints` feature, [`hit`] is empty. With it, `TIDEGATE_KILL_AT=NAME:N` sends this process SIGKILL
//! at the N-th passage (from 1) of the point called NAME.

/// Every kill point there is. A proof walks this list; a test checks that each is passed in an ordinary run.
pub const POINTS: &[&str] = &[
    "store.commit.begin",
    "store.commit.middle",
    "store.commit.before",
    "store.commit.after",
    "store.stage.after",
    "store.sweep.before",
    "journal.append.before",
    "journal.append.after",
    "jsonl.append.middle",
    "jsonl.append.synced",
    "jsonl.commit.after",
    "merge.rename.before",
    "merge.rename.after",
    "engine.drain",
];

/// Marks a point.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
pub fn hit(_point: &'static str) {}

/// Marks a point.
#[cfg(feature = "killpoints")]
pub fn hit(point: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    // Process-wide on purpose: a proof counts passages through the whole process, and only proofs compile this.
    static PLAN: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    debug_assert!(POINTS.contains(&point), "{point} is not in POINTS");
    let plan = PLAN.get_or_init(|| {
        let plan = std::env::var("TIDEGATE_KILL_AT").ok()?;
        let (name, nth) = plan.rsplit_once(':')?;
        Some((name.to_owned(), nth.parse().ok()?))
    });
    if let Some((name, nth)) = plan
        && name == point
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

//! Places where a proof may stop or kill the process, to show that nothing is lost there, and bugs it may plant, to
//! show that it would notice.
//!
//! Without the `killpoints` feature, [`hit`] is empty and [`planted`] is constantly false. With it,
//! `TIDEGATE_KILL_AT=NAME:N` sends this process SIGKILL at the N-th passage (from 1) of the point called NAME;
//! `NAME:N:TERM` and `NAME:N:STOP` send another signal, and several such words are separated by commas.
//! `TIDEGATE_MUTANT=NAME` plants the bug called NAME. `TIDEGATE_PART_ROWS=N` makes the parts of tables so small that a
//! proof need not write half a million rows to see one end ([`smaller`]).

/// Every kill point there is. A proof walks this list; a test checks that each is passed in an ordinary run.
pub const POINTS: &[&str] = &[
    "store.commit.begin",
    "store.commit.middle",
    "store.commit.before",
    "store.commit.after",
    "store.stage.after",
    "store.sweep.before",
    "generation.begin.after",
    "generation.switch.before",
    "generation.switch.middle",
    "generation.switch.after",
    "journal.append.before",
    "journal.append.after",
    "jsonl.append.middle",
    "jsonl.append.synced",
    "jsonl.commit.after",
    "table.tail.middle",
    "table.tail.synced",
    "table.commit.after",
    "table.part.written",
    "table.part.named",
    "table.tail.begun",
    "table.manifest.written",
    "table.manifest.named",
    "table.swap.intended",
    "table.swap.parts",
    "table.swap.state",
    "whole.written",
    "whole.intended",
    "whole.renamed",
    "whole.settled",
    "retry.made",
    "retry.replaced",
    "retry.adopted",
    "engine.drain",
    "call.keep.before",
    "call.keep.after",
];

/// Marks a point.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
pub fn hit(_point: &'static str) {}

/// Whether the bug `name` is planted.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
#[must_use]
pub fn planted(_name: &'static str) -> bool {
    false
}

/// How many rows a proof gives a part of a table instead of `usual`.
#[cfg(not(feature = "killpoints"))]
#[inline(always)]
#[must_use]
pub fn smaller(usual: u64) -> u64 {
    usual
}

#[cfg(feature = "killpoints")]
pub use with::{hit, planted, smaller};

#[cfg(feature = "killpoints")]
mod with {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    /// What is to happen at a passage of a point.
    struct Strike {
        point: String,
        nth: u64,
        signal: Signal,
        passed: AtomicU64,
    }

    impl Strike {
        fn read(word: &str) -> Option<Self> {
            let mut parts = word.split(':');
            let point = parts.next()?.to_owned();
            let nth = parts.next()?.parse().ok()?;
            let signal = match parts.next() {
                None => Signal::KILL,
                Some("TERM") => Signal::TERM,
                Some("STOP") => Signal::STOP,
                Some(_) => return None,
            };
            Some(Self { point, nth, signal, passed: AtomicU64::new(0) })
        }
    }

    /// Marks a point.
    pub fn hit(point: &'static str) {
        // Process-wide on purpose: a proof counts passages through the whole process, and only proofs compile this.
        static PLAN: OnceLock<Vec<Strike>> = OnceLock::new();

        debug_assert!(super::POINTS.contains(&point), "{point} is not in POINTS");
        let plan = PLAN.get_or_init(|| {
            let plan = std::env::var("TIDEGATE_KILL_AT").unwrap_or_default();
            plan.split(',').filter_map(Strike::read).collect()
        });
        for strike in plan.iter().filter(|strike| strike.point == point) {
            if strike.passed.fetch_add(1, Ordering::SeqCst) + 1 == strike.nth {
                let _ = kill_process(getpid(), strike.signal);
            }
        }
    }

    /// Whether the bug `name` is planted.
    #[must_use]
    pub fn planted(name: &'static str) -> bool {
        static PLANTED: OnceLock<Option<String>> = OnceLock::new();
        PLANTED.get_or_init(|| std::env::var("TIDEGATE_MUTANT").ok()).as_deref() == Some(name)
    }

    /// How many rows a proof gives a part of a table instead of `usual`.
    #[must_use]
    pub fn smaller(usual: u64) -> u64 {
        static ROWS: OnceLock<Option<u64>> = OnceLock::new();
        ROWS.get_or_init(|| std::env::var("TIDEGATE_PART_ROWS").ok()?.parse().ok()).unwrap_or(usual)
    }
}

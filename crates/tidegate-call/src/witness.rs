//! Whether others were answered while one was not: what tells a bad record from a bad service.

use std::sync::atomic::{AtomicU64, Ordering};

/// Fewer answers say nothing of a service.
const WELL: u64 = 8;
/// How many answers to one failure a service gives that is well.
const WELL_SHARE: u64 = 4;

/// How many tries of a caller were answered, and how many were not.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    answered: AtomicU64,
    failed: AtomicU64,
}

/// The counts at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    answered: u64,
    failed: u64,
}

/// What happened to others between two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// At least one was answered.
    Answered,
    /// Some were sent, and none was answered.
    Failed,
    /// None ended.
    Silent,
}

impl Witness {
    /// A try ended.
    pub(crate) fn note(&self, answered: bool) {
        let count = if answered { &self.answered } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub(crate) fn now(&self) -> Seen {
        Seen { answered: self.answered.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) }
    }

    /// What happened to others since `before`, of whose failures `own` were one's own.
    pub(crate) fn others(&self, before: Seen, own: u64) -> Others {
        let now = self.now();
        if now.answered > before.answered {
            Others::Answered
        } else if now.failed > before.failed + own {
            Others::Failed
        } else {
            Others::Silent
        }
    }

    /// Whether nearly all others were answered since `before`, of whose failures `own` were one's own: then one
    /// failed alone.
    pub(crate) fn is_well(&self, before: Seen, own: u64) -> bool {
        let now = self.now();
        let answered = now.answered - before.answered;
        let failed = (now.failed - before.failed).saturating_sub(own);
        answered >= WELL && answered >= WELL_SHARE * failed
    }
}

//! What became of each source item, durably.

use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::Fault;
use crate::hash::ContentHash;
use crate::item::{Position, SourceItem, Version};
use crate::sink::Commit;

/// What the ledger knows of a listed item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Stored in this very version under this configuration: nothing to do.
    Unchanged,
    /// Put aside earlier in this very version: trying again would fail again. Retried on request.
    StillQuarantined,
    /// Work to do. `known` is the content hash stored under this configuration, if any: when the content read is
    /// equal, only the version is refreshed.
    Go {
        /// Hash of the content that is stored now.
        known: Option<ContentHash>,
        /// Hash of the content that was put aside under this configuration, unless it is to be tried again: when the
        /// content read is equal it would be put aside again, for the same reason.
        aside: Option<ContentHash>,
    },
    /// The same key was already listed in this run, by a source that lists each key once. Working on it would
    /// silently overwrite the first; it is put aside as [`crate::FaultKind::Duplicate`] instead.
    Duplicate,
}

/// Which keys a complete listing speaks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Key prefixes listed to their end: what the ledger has there and the listing had not is gone.
    pub covered: Vec<String>,
    /// Prefixes within them that could not be listed; nothing is known about what lies there.
    pub unknown: Vec<String>,
}

/// How removal of vanished items is guarded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepPolicy {
    /// Remove however many are gone.
    pub allow_delete: bool,
    /// Without `allow_delete`, at most this share of the known items …
    pub max_share: f64,
    /// … or this many, whichever is more.
    pub max_count: u64,
}

impl Default for SweepPolicy {
    /// More than 10 % and more than 100 items gone at once is more often an unmounted disk than an intention.
    fn default() -> Self {
        Self { allow_delete: false, max_share: 0.10, max_count: 100 }
    }
}

/// What removal of vanished items did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Items removed because they are gone from the source (moved ones included).
    pub deleted: u64,
    /// Of these, items whose content this run stored under another key.
    pub moved: u64,
    /// Items that are gone but were kept, because the guard refused to remove so many.
    pub refused: u64,
    /// Items known before the sweep in the covered part.
    pub known: u64,
}

/// The durable account of a pipeline. One per run; it knows its pipeline, fingerprint and lease.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Says for each item whether there is work to do, and remembers that it was seen.
    ///
    /// # Errors
    /// Storage faults.
    async fn assess(&self, items: &[SourceItem]) -> Result<Vec<Verdict>, Fault>;

    /// The version in which each key is stored, as [`SourceItem::stored`] wants it. A ledger that does not say has them
    /// all read anew.
    ///
    /// # Errors
    /// Storage faults.
    async fn stored(&self, keys: &[Arc<str>]) -> Result<Vec<Option<Version>>, Fault> {
        Ok(vec![None; keys.len()])
    }

    /// The version in which each key was put aside, as [`SourceItem::aside`] wants it, for those whose verdict has the
    /// hash of what was put aside. A ledger that does not say has them all read anew.
    ///
    /// # Errors
    /// Storage faults.
    async fn put_aside(&self, keys: &[Arc<str>]) -> Result<Vec<Option<Version>>, Fault> {
        Ok(vec![None; keys.len()])
    }

    /// Where a stream source should resume.
    ///
    /// # Errors
    /// Storage faults.
    async fn resume(&self) -> Result<Option<Position>, Fault>;

    /// Writes outcomes, and for a transactional store the records themselves, in one transaction. When it returns
    /// `Ok` all of it is durable; when it returns a fault none of it is. Calling it again with the same commit
    /// after a fault whose result is unknown is safe.
    ///
    /// # Errors
    /// A record fault names a unit at fault only if the commit held one unit; storage faults otherwise.
    async fn commit(&self, commit: &Commit) -> Result<(), Fault>;

    /// Removes items that a complete listing no longer had.
    ///
    /// # Errors
    /// Storage faults.
    async fn sweep(&self, coverage: &Coverage, policy: SweepPolicy) -> Result<Sweep, Fault>;
}

//! Source items: what a source lists, and what became of each.

use std::any::Any;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::hash::ContentHash;
use crate::record::{Body, Fields, Record, TraceId};

/// A cheap fingerprint by which an unchanged item is recognised without reading it: an etag, or size, modification
/// time and inode. Equal and non-empty means unchanged; empty means unknown, so the content must be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Version(pub String);

impl Version {
    /// Whether this and `other` prove that nothing changed.
    #[must_use]
    pub fn proves_unchanged(&self, other: &Self) -> bool {
        !self.0.is_empty() && self == other
    }
}

/// How far a stream was read: opaque to all but its source. Only positions whose every earlier record has a durable
/// outcome are ever stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub String);

/// What a source lists: the unit of accounting and of atomic visibility.
#[derive(Debug, Clone)]
pub struct SourceItem {
    /// Stable and unique within the pipeline: a path, a URL, a row id. Non-UTF-8 bytes are percent-encoded.
    pub key: Arc<str>,
    /// The cheap version.
    pub version: Version,
    /// Bytes that reading it will take, as far as known; memory is reserved by this before it is read.
    pub size: u64,
    /// The content, where listing already had it (a row of a file); otherwise it is fetched.
    pub body: Option<Body>,
    /// Hash of the content, where listing already had the content; what is fetched is hashed by the fetcher.
    pub content: Option<ContentHash>,
    /// Values known from listing.
    pub fields: Arc<Fields>,
    /// Why it cannot be read, where listing already knows (a FIFO, a malformed line).
    pub fault: Option<Fault>,
    /// For streams: where to resume once this and everything before it is settled.
    pub position: Option<Position>,
    /// How its source fetches it, where the key alone does not say; understood by nobody else, and kept nowhere.
    pub how: Option<Arc<dyn Any + Send + Sync>>,
    /// The version in which it is stored, filled in after listing for items that say `how` they are fetched: a fetcher
    /// may ask whether anything changed since. Empty if it is stored, but would be worked on again whatever the
    /// answer; `None` if it is not stored.
    pub stored: Option<Version>,
    /// The version in which it was put aside, filled in likewise: a fetcher may ask whether it is still as it was.
    pub aside: Option<Version>,
}

impl SourceItem {
    /// An item to be fetched.
    #[must_use]
    pub fn new(key: impl Into<Arc<str>>, version: Version, size: u64) -> Self {
        Self {
            key: key.into(),
            version,
            size,
            body: None,
            content: None,
            fields: Arc::default(),
            fault: None,
            position: None,
            how: None,
            stored: None,
            aside: None,
        }
    }
}

/// What became of a source item. Exactly one, for every item a run saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Processed and committed.
    Stored,
    /// Already stored in this version under this configuration.
    Unchanged,
    /// Put aside with a reason.
    Quarantined,
    /// Gone from the source and removed.
    Deleted,
    /// No durable outcome yet; the next run takes it up.
    Pending,
}

/// An item on its way to the ledger.
#[derive(Debug, Clone)]
pub struct ItemOutcome {
    /// The item.
    pub item: Arc<SourceItem>,
    /// Position in listing order within this run.
    pub ordinal: u64,
    /// Hash of its content, once read.
    pub content: Option<ContentHash>,
    /// What became of it. `Unchanged` here means: read, found equal, only the cheap version is new.
    pub outcome: Outcome,
    /// Where and why it was put aside; `None` for what was put aside before, was read, and found equal: only its cheap
    /// version is new.
    pub failure: Option<Failure>,
    /// Documents in it that were put aside although the item was not; empty where it was put aside itself.
    pub asides: Vec<Aside>,
    /// Its identity in logs.
    pub trace: TraceId,
}

/// Why an item was put aside, as it is kept in the quarantine.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The stage that failed.
    pub stage: Arc<str>,
    /// The reason.
    pub fault: Fault,
    /// The item's content as it was read, where it had been.
    pub exhibit: Body,
}

/// A document within an item (a member of an archive, an attachment of a mail) that was put aside alone.
#[derive(Debug, Clone)]
pub struct Aside {
    /// Its key, such as `archive.zip!/dir/report.pdf`.
    pub key: Arc<str>,
    /// Where and why.
    pub failure: Failure,
}

/// Items that settle together, and what came of them. One item in most flows; several where a window joined them.
#[derive(Debug)]
pub struct Unit {
    /// The items, by ordinal.
    pub items: Vec<ItemOutcome>,
    /// The records that reached the sink, item by item and in order of their place; empty when anything failed.
    pub records: Vec<Record>,
    /// How many earlier records of this unit the sink already took through [`crate::Sink::stage`].
    pub staged: u64,
}

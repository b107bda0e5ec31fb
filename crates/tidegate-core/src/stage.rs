//! What happens to records on the way: three kinds of stage, told apart by where they run.
//!
//! The refused alternative was one async trait for all: a CPU-bound stage behind an async interface blocks the
//! event loop the day somebody forgets to offload it. Here the type decides.

use std::time::Duration;

use async_trait::async_trait;

use crate::context::Cx;
use crate::fault::Fault;
use crate::record::Record;

/// What a stage makes of one record.
#[expect(
    clippy::large_enum_variant,
    reason = "the large variant is the common one; boxing it would cost an allocation per record"
)]
pub enum Emit {
    /// Nothing: the record is dropped on purpose.
    None,
    /// One record.
    One(Record),
    /// Many, made one by one as there is room for them downstream. The iterator runs on the compute pool and is
    /// dropped when a record of it fails.
    Many(Box<dyn Iterator<Item = Result<Record, Fault>> + Send>),
}

/// CPU work on one record, on the compute pool. Cannot await.
pub trait Cpu: Send + Sync {
    /// Handles one record. A panic in here is that record's quarantine.
    ///
    /// # Errors
    /// A fault of the record or of the run.
    fn run(&self, cx: &Cx, record: Record) -> Result<Emit, Fault>;
}

/// What an [`Each`] stage decided about the record it was lent.
#[derive(Debug)]
pub enum Emitted {
    /// It goes on, as it was changed in place.
    Keep,
    /// It is dropped on purpose.
    Drop,
    /// These go on in its place.
    Replace(Vec<Record>),
}

/// Asynchronous work on one record.
#[async_trait]
pub trait Each: Send + Sync {
    /// Handles one record in place. The record stays the engine's, so that a held lane or a panic does not cost it.
    ///
    /// # Errors
    /// A fault of the record, the lane (the record is held and tried again) or the run.
    ///
    /// # Cancel safety
    /// The future is dropped on abort only; whatever it has in flight must then be worth nothing.
    async fn run(&self, cx: &Cx, record: &mut Record) -> Result<Emitted, Fault>;
}

/// One remote or grouped request for many records.
#[async_trait]
pub trait Batch: Send + Sync {
    /// How records are grouped.
    fn grouping(&self) -> Grouping;

    /// Handles a group in place. Answer `i` belongs to record `i`. The records stay the engine's, so that a panic
    /// or a fault of the whole call costs none of them.
    ///
    /// # Errors
    /// A fault of the call as a whole (every record is held and tried again, or the run stops). A record's own
    /// fault goes into its answer.
    async fn run(&self, cx: &Cx, records: &mut [Record]) -> Result<Vec<Result<(), Fault>>, Fault>;
}

/// Makes one record of several: tumbling windows and aggregates. Runs in listing order, one call at a time.
///
/// Members of a window settle together. A member that is still open when the source ends is flushed; when a drain is
/// asked for, it stays pending, so that the next run builds the same window it would have built without the drain.
pub trait Window: Send {
    /// Takes a record; returns the records of windows that this closes, made with [`Record::merge`].
    ///
    /// # Errors
    /// A fault of the record.
    fn push(&mut self, cx: &Cx, record: Record) -> Result<Vec<Record>, Fault>;

    /// Closes every open window: at the end of the source, after [`Window::linger`], or when the members would
    /// outgrow the memory budget.
    fn flush(&mut self, cx: &Cx) -> Vec<Record>;

    /// Hands back the members of open windows unmerged.
    fn take_open(&mut self) -> Vec<Record>;

    /// How long a window may stay open after its first member.
    fn linger(&self) -> Option<Duration> {
        None
    }
}

/// When a group is full. Zero means no limit; a group always holds at least one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Most records.
    pub items: usize,
    /// Most bytes ([`Record::weight`]).
    pub bytes: u64,
    /// Most tokens ([`Record::tokens`]).
    pub tokens: u64,
    /// How long to wait for more after the first.
    pub linger: Duration,
}

impl Default for Grouping {
    fn default() -> Self {
        Self { items: 64, bytes: 4 << 20, tokens: 0, linger: Duration::from_millis(20) }
    }
}

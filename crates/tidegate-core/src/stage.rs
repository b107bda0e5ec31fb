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

/// Asynchronous work on one record.
#[async_trait]
pub trait Each: Send + Sync {
    /// Handles one record.
    ///
    /// # Errors
    /// A fault of the record, the lane or the run.
    ///
    /// # Cancel safety
    /// The future is dropped on abort only; whatever it has in flight must then be worth nothing.
    async fn run(&self, cx: &Cx, record: Record) -> Result<Emit, Fault>;
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

/// Makes one record of several: tumbling windows and aggregates. Runs in order of arrival, one call at a time.
///
/// Members of a window settle together. A member that is still open when the source ends, or when a drain is asked
/// for, is flushed (end) or stays pending (drain).
pub trait Window: Send {
    /// Takes a record; returns the records of windows that this closes. Use [`Record::merge`] to make them.
    ///
    /// # Errors
    /// A fault of the record.
    fn push(&mut self, cx: &Cx, record: Record) -> Result<Vec<Record>, Fault>;

    /// Closes every open window at the end of the source.
    fn flush(&mut self, cx: &Cx) -> Vec<Record>;

    /// Whether records should reach the window in listing order.
    fn ordered(&self) -> bool {
        true
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

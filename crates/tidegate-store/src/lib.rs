//! Ledger, journal and index of tidegate in one SQLite file, and the search over them.
//!
//! This crate must not contain parsing, chunking, embedding, HTTP or the logic of a flow: it keeps what it is
//! handed, in whole transactions, and finds it again.
//!
//! One thread per process owns the only writing connection; whoever wants something written queues for it, and
//! requests that queue together share a transaction. Readers have their own connections and never wait for the
//! writer. The refused alternative was a pool of writing connections: SQLite admits one writer at a time, so a pool
//! buys lock conflicts and no speed.

#![deny(unsafe_code)] // `search::hamming` alone is allowed it, for popcount instructions.

mod admin;
mod error;
mod generation;
mod journal;
mod lease;
mod ledger;
mod open;
mod passages;
mod planted;
mod process;
mod prune;
mod queue;
mod reader;
mod replies;
mod schema;
pub mod search;
mod settings;
mod sink;
mod store;
mod tables;
mod writer;

pub use admin::{ClassCount, LeaseStatus, PipelineStatus, Quarantined, RunRow, Status};
pub use generation::{
    ActiveSettings, Building, DocumentGroup, Dropped, Generation, GenerationRow, GenerationState, Guard,
    NewGeneration, StoredChunk, StoredContent, StoredDocument, Switch, Switched,
};
pub use ledger::{PipelineLedger, PipelineRun, RetrySelection};
pub use open::{Durability, OpenMode, OpenOptions};
pub use passages::Passage;
pub use prune::{JournalStats, ModelStats, Prune, Pruned};
pub use search::{Filter, Hit, Mode, Parts, Query, Searcher, Weights, rescored, snippet};
pub use settings::Settings;
pub use sink::StoreSink;
pub use store::Store;

#[cfg(test)]
mod tests;

//! The nouns of tidegate: records, source items, faults and their advice, the traits that sources, stages,
//! sinks, ledgers and embedders implement, the memory budget, and plain atomic counters.
//!
//! This crate must not contain I/O, threads, timers, formats, SQL or HTTP: it says what things are, and other
//! crates do them.

#![forbid(unsafe_code)]

pub mod budget;
pub mod calendar;
pub mod codec;
pub mod context;
pub mod counters;
pub mod document;
pub mod draws;
pub mod embed;
pub mod fault;
mod fields;
pub mod hash;
pub mod item;
pub mod journal;
pub mod killpoint;
pub mod ledger;
pub mod record;
pub mod report;
pub mod sink;
pub mod source;
pub mod stage;
pub mod stop;
pub mod tether;
pub mod wire;

pub use budget::{Budget, Permit};
pub use codec::{
    Charge, Codec, Listener, Quota, QuotaUnit, Refusal, RefusalKind, Reply, Shape, StreamCodec, Taker, Usage,
};
pub use context::{Compute, Cx};
pub use document::{Block, BlockKind, Document, Page, Place};
pub use embed::{Embedder, Task, Tokenizer};
pub use fault::{Advice, Fault, FaultKind, advise};
pub use fields::{NameSeed, each_field};
pub use hash::ContentHash;
pub use item::{ItemOutcome, Outcome, Position, SourceItem, Unit, Version};
pub use journal::{Journal, Kept, Replies};
pub use ledger::{Coverage, Ledger, Sweep, SweepPolicy, Verdict};
pub use record::{Body, Embedded, Fields, PartOf, Passage, Record, TraceId, UNREAD};
pub use sink::{Commit, Sink};
pub use source::{Fetch, Fetched, Listing, Source};
pub use stage::{Batch, Cpu, Each, Emit, Emitted, Grouping, Window};
pub use stop::{Stop, StopHandle, StopSignal};
pub use tether::{Book, Tether, UnitId};
pub use wire::{Answer, Head, HttpRequest, Incoming, Pieces, Transport, WireFault, WireFaultKind};

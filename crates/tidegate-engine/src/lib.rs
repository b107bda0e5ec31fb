//! Runs a flow of stages between a source and a sink: bounded queues under one memory budget, grouping into
//! batches, the compute pool, settlement, hold, drain and abort.
//!
//! This crate must not know any connector, format, HTTP or SQL: it sees only the traits of `tidegate-core`.

#![forbid(unsafe_code)]

mod batch;
mod book;
mod commit;
mod cpu;
mod each;
mod flow;
mod halt;
mod hold;
mod intake;
mod lane;
mod monitor;
mod mutant;
mod passage;
mod pool;
mod queue;
mod run;
mod spans;
mod tasks;
mod tumbling;
mod water;
mod window;

pub use flow::{Flow, Options};
pub use monitor::{Monitor, StageView};
#[cfg(feature = "mutants")]
pub use mutant::plant;
pub use pool::{Inline, Pool};
pub use run::{Ended, run};
pub use tidegate_core::StopHandle;
pub use tumbling::{Merge, Tumbling};

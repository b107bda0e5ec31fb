//! tidegate as a library: the typed configuration of a pipeline and, on it, whole runs and searches.
//!
//! This crate must not contain parsing, embedding, storage or rendering: it says which of them are put together
//! and with which settings. It does not print; [`tidegate_core::Fault`] carries what went wrong and what to do next.
//!
//! ```
//! use tidegate::config::{Layers, Overrides, resolve};
//!
//! let overrides = Overrides { max_tokens: Some(128), ..Overrides::default() };
//! let resolved = resolve(Layers { overrides, ..Layers::default() })?;
//! assert_eq!(resolved.config.chunk().map(|chunk| chunk.max_tokens), Some(128));
//! assert_eq!(resolved.origins.of("stage.chunk.max_tokens").to_string(), "--chunk-tokens");
//! # Ok::<(), tidegate_core::Fault>(())
//! ```

#![forbid(unsafe_code)]

pub mod adapt;
mod address;
mod apart;
mod ask;
pub mod bench;
pub mod config;
mod doctor;
mod embedding;
pub mod eval;
mod form;
mod generations;
mod index;
mod job;
mod lazy;
mod map;
pub mod models;
mod output;
mod parquet;
mod parser;
mod pipeline;
mod plan;
mod questions;
mod readers;
mod recent;
mod regenerate;
mod remembered;
mod rescore;
mod row_count;
pub mod services;
mod source;
pub mod stages;
mod sweep;
mod tables;
mod takeover;
mod tape;
mod terms;
mod unswept;

pub use ask::{Asked, Asker};
pub use doctor::{Checked, doctor};
pub use generations::{chunking, cut_before};
pub use index::{Found, Index, SearchOptions};
pub use job::{Finished, Job, JobOptions};
pub use map::{Preview, preview};
pub use parser::parser_child;
pub use plan::{Allowance, Faults, Faulty, Plan, PlanOptions, PlannedRows, PlannedStep, plan};
pub use regenerate::{Regeneration, Settled, Step};
pub use remembered::remembered_configs;
pub use row_count::{RowCount, RowsSoFar};
pub use source::watch;
pub use tape::Tape;
pub use tidegate_connect::{Place, Watch};
pub use tidegate_core as core;
pub use tidegate_engine::{Monitor, StopHandle};
pub use tidegate_expr::Template;
pub use tidegate_sandbox::Program;
pub use tidegate_store::RetrySelection;
pub use tidegate_store::search::{Filter, Hit, Mode, Parts, Weights, snippet};
pub use tidegate_store::{
    Dropped, Generation, GenerationRow, GenerationState, Guard, JournalStats, ModelStats, OpenMode,
    PipelineStatus, Prune, Pruned, Quarantined, RunRow, Status, Store, Switch, Switched,
};

//! Renders what tidegate did and does for a person: progress, reports, search hits, tables, logs.
//!
//! This crate must not count, measure policy or decide: it is handed numbers and texts and turns them into lines.
//! Everything that came from a document, a path or a service is stripped of control characters on the way, so that
//! none of them can write escape codes to a terminal.

#![forbid(unsafe_code)]

mod bench;
mod clean;
mod color;
mod columns;
mod counting;
mod evaluation;
mod generations;
mod journal;
mod logs;
mod memory;
mod passages;
mod plan;
mod progress;
mod quarantine;
mod report;
mod search;
mod status;
mod stderr;
mod table;
mod units;

pub use bench::{BenchView, TrialView, bench};
pub use clean::{clean, clean_block};
pub use color::{ColorMode, Paint};
pub use columns::columns;
pub use counting::Counting;
pub use evaluation::{EvaluationView, MeasuredView, evaluation};
pub use generations::{GenerationView, generations};
pub use journal::{JournalRow, journal, money};
pub use logs::{LogOptions, init_logs};
pub use memory::peak_memory_bytes;
pub use passages::passages;
pub use plan::{PlanView, PlannedView, plan};
pub use progress::{CallsView, Progress, ProgressMode, RowsView};
pub use quarantine::{QuarantineView, quarantine_item, quarantine_list};
pub use report::{Summary, left_out, summary};
pub use search::{HitView, Page, render_hits};
pub use status::{PipelineView, RunView, StatusView, status};
pub use stderr::Stderr;
pub use units::{ago, bytes, count, seconds};

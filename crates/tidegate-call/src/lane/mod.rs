//! A lane: provider, model and key. The unit of limits, breaker, adaptive concurrency and priority.

mod admission;
mod settings;

pub use admission::{Admission, Denied, FailureKind, Outcome, Priority};
pub use settings::{Concurrency, LaneName, LaneSettings, Limit};

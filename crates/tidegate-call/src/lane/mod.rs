//! A lane: provider, model and key. The unit of limits, breaker, adaptive concurrency and priority.
//!
//! Every decision is a small machine that is told the time and does no waiting (`bucket`, `limiter`, `breaker`,
//! `concurrency`, …); `state` puts them in order behind one lock, and only `lane` waits. A semaphore per limit was
//! refused: it cannot be paid back, corrected or explained, and takes its permits one after another instead of all
//! or none.

mod admission;
mod backoff;
mod breaker;
mod bucket;
mod causes;
mod cohort;
mod concurrency;
mod context;
mod counters;
mod dice;
mod extra;
mod gate;
#[expect(clippy::module_inception, reason = "the noun of the folder has its own file")]
mod lane;
mod latency;
mod learned;
mod limiter;
mod line;
mod pause;
mod rule;
mod search;
mod settings;
mod settle;
mod signals;
mod spend;
mod state;
mod ticket;
mod view;
mod window;

#[cfg(test)]
mod tests;

pub use admission::{Admission, Denied, Extra, FailureKind, Outcome, Priority};
pub use breaker::BreakerState;
pub use causes::Cause;
pub use context::CallCx;
pub use counters::{LaneCounters, Money};
pub use lane::Lane;
pub use rule::LimitView;
pub use settings::{Concurrency, LaneName, LaneSettings, Limit};
pub use spend::Spend;
pub use ticket::Ticket;
pub use view::LaneView;

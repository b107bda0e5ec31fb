//! Outbound calls: the one place that paces, retries, bisects, breaks, hedges and journals them.
//!
//! This crate must not contain wire formats, providers or prices (codecs know those), nor SQL, nor anything of the
//! engine: it is handed a codec, a transport and a journal, and calls.

#![forbid(unsafe_code)]

mod flights;
pub mod lane;
mod paid;
mod settings;
mod timeouts;
pub mod transport;
mod treat;

pub use lane::{
    Admission, BreakerState, CallCx, Cause, Concurrency, Denied, Extra, FailureKind, Lane, LaneCounters,
    LaneName, LaneSettings, LaneView, Limit, LimitView, Money, Outcome, Priority, Spend, Ticket,
};
pub use paid::{Bought, Found, Paid, Replied, Unpaid, Vectors};
pub use settings::{CallCx, CallSettings};
pub use timeouts::Timeouts;
pub use transport::{Connections, Http, HttpSettings};

//! Outbound calls: the one place that paces, retries, bisects, breaks, hedges and journals them.
//!
//! This crate must not contain wire formats, providers or prices (codecs know those), nor SQL, nor anything of the
//! engine: it is handed a codec, a transport and a journal, and calls.

#![forbid(unsafe_code)]

mod alone;
mod attempt;
mod bisect;
mod caller;
mod fallback;
mod flights;
mod halt;
mod hedge;
mod keep;
pub mod lane;
mod mutant;
mod paid;
mod part;
mod retry;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod timeouts;
mod told;
pub mod transport;
mod treat;
mod witness;

pub use caller::{Caller, Parts};
pub use fallback::AnyCaller;
pub use lane::{
    Admission, BreakerState, CallCx, Cause, Concurrency, Denied, Extra, FailureKind, Lane, LaneCounters,
    LaneName, LaneSettings, LaneView, Limit, LimitView, Money, Outcome, Priority, Spend, Ticket,
};
#[cfg(feature = "mutants")]
pub use mutant::plant;
pub use paid::{Bought, Found, Paid, Replied, Unpaid, Vectors};
pub use settings::CallSettings;
pub use stream::Streamed;
pub use timeouts::Timeouts;
pub use told::{Answers, Told};
pub use transport::{Connections, Http, HttpSettings, Proxies, Proxy, Resolve, SystemNames};

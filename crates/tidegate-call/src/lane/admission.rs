//! What a call tells its lane before it is sent and after it ended.

use std::time::Duration;

use tidegate_core::{Charge, Fault, Quota, QuotaUnit, Usage, WireFaultKind};
use tokio::time::Instant;

/// Who is waiting for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// A person: goes first, and fails at once where bulk work would wait out an outage.
    Interactive,
    /// A run: waits as long as it takes.
    #[default]
    Bulk,
}

/// A call asking to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// What it will probably count.
    pub charge: Charge,
    /// Who waits for it.
    pub priority: Priority,
    /// When its answer is worth nothing any more.
    pub deadline: Option<Instant>,
    /// Whether this is a repeat or a hedge, which the lane's budget of extra calls pays for.
    pub extra: Extra,
    /// What it will probably cost, in the currency of the price table; `None` where no price is known. What is known to
    /// cost nothing passes also where nothing may be spent.
    pub cost: Option<f64>,
}

/// Whether a call is one more than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Extra {
    /// The first try.
    #[default]
    No,
    /// A repeat after a failure. A bulk call waits until the budget of extra calls pays for it.
    Retry,
    /// A repeat after a refusal for want of room (429, 503, 529): weighs less.
    Throttled,
    /// A second try while the first still runs. It goes to the front of the line, and is never sent if its own
    /// budget, one call in twenty, is used up.
    Hedge,
}

/// Why a call was not let in.
#[derive(Debug, Clone)]
pub enum Denied {
    /// Larger than the limit lets anything be, at any time: the record's fault.
    TooLarge {
        /// Which limit.
        unit: QuotaUnit,
        /// What the request counts.
        wanted: u64,
        /// The most that a request can count.
        most: u64,
    },
    /// Nothing will be answered until somebody acts.
    Blocked(Fault),
    /// The breaker is open and an interactive call does not wait; in how long it may be tried again.
    Open(Duration),
    /// The lane answered nobody for longer than bulk work waits.
    HeldTooLong(Fault),
    /// The deadline passes before its turn comes.
    Deadline,
    /// Money or tokens are used up, or this call would use more than is left.
    Budget(Fault),
    /// The budget of extra calls is empty: a bulk call waits, an interactive one gives up.
    NoExtra,
    /// The run was told to stop, and this call would have waited on.
    Stopped(Fault),
}

/// How a sent call ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A good answer, its body ended.
    Answered {
        /// What it used; the estimate stands where the service does not say.
        usage: Option<Usage>,
        /// What it cost.
        cost: f64,
        /// What its head says of the limits.
        quotas: Vec<Quota>,
    },
    /// No good answer.
    Failed {
        /// How.
        kind: FailureKind,
        /// How long the service asks to wait.
        wait: Option<Duration>,
        /// What its head says of the limits, if there was one.
        quotas: Vec<Quota>,
        /// The reason, where it is the lane's and no record's; with its hint, if somebody has to act.
        fault: Option<Fault>,
    },
}

/// How a call failed, as far as its lane cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// 429.
    RateLimited,
    /// 503, 529: the service has no room.
    Overloaded,
    /// Another 5xx.
    Unavailable,
    /// Lost on the way.
    Wire(WireFaultKind),
    /// A good status without a good answer.
    BadResponse,
    /// The service refused what was asked: it is well, the record is not.
    Refused,
    /// The lane is blocked: key, model, money.
    Blocked,
}

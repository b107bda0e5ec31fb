//! Tests of the lane as a whole, in paused time.

mod admit;
mod breaker;
mod dropped;
mod limits;
mod quota;
mod toys;

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Charge, TraceId};

use super::*;

pub(super) fn name() -> LaneName {
    LaneName { provider: "p".into(), model: "m".into(), key: String::new() }
}

pub(super) fn ask(tokens: u64) -> Admission {
    Admission {
        charge: Charge { inputs: 1, input_tokens: tokens, output_tokens: 0 },
        priority: Priority::Bulk,
        deadline: None,
        extra: Extra::No,
        cost: None,
    }
}

pub(super) fn person(tokens: u64) -> Admission {
    Admission { priority: Priority::Interactive, ..ask(tokens) }
}

pub(super) fn cx() -> CallCx {
    CallCx::new(Priority::Bulk, TraceId(1))
}

pub(super) fn fixed(n: u32) -> LaneSettings {
    LaneSettings { concurrency: Concurrency::Fixed(n), ..LaneSettings::default() }
}

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn good() -> Outcome {
    Outcome::Answered { usage: None, cost: 0.0, quotas: Vec::new() }
}

pub(super) fn bad(kind: FailureKind) -> Outcome {
    Outcome::Failed { kind, wait: None, quotas: Vec::new(), fault: None }
}

/// Lets a call in and sends it.
pub(super) async fn send(lane: &Arc<Lane>, ask: Admission) -> Result<Ticket, Denied> {
    let mut ticket = lane.admit(&ask, &cx()).await?;
    ticket.sent();
    Ok(ticket)
}

//! What a call did, for reports.

use std::time::Duration;

use tidegate_core::{Fault, Usage};

use crate::lane::FailureKind;
use crate::treat::{Failure, treat};

/// The answers to a call.
#[derive(Debug, Clone)]
pub struct Answers<A> {
    /// One result per item, in the order of the items. A fault is that item's own.
    pub results: Vec<Result<A, Fault>>,
    /// What it took.
    pub told: Told,
}

/// What a call took. The lane's counters have the same summed over all calls, those that failed included.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Told {
    /// Items answered from what was kept.
    pub from_journal: u64,
    /// Items answered by a request that somebody else sent at the same time, or that was sent for an equal item.
    pub shared: u64,
    /// Items whose answer is older than it should be, because the service answered nobody.
    pub stale: u64,
    /// Items that another service answered instead.
    pub elsewhere: u64,
    /// Requests sent, repeats and hedges included.
    pub sent: u64,
    /// Of these, repeats after a failure.
    pub retried: u64,
    /// Of these, second tries beside a slow first one.
    pub hedged: u64,
    /// Hedges that answered first.
    pub hedges_won: u64,
    /// Requests refused for want of room or quota.
    pub throttled: u64,
    /// Requests that failed in any other way.
    pub failed: u64,
    /// Time spent waiting for a turn, and between tries; of all requests together.
    pub waited: Duration,
    /// Tokens of the good answers.
    pub usage: Usage,
    /// What the good answers cost, in the currency of the price table.
    pub cost: f64,
}

impl Told {
    /// Adds what another part of the call took.
    pub fn add(&mut self, other: &Self) {
        self.from_journal += other.from_journal;
        self.shared += other.shared;
        self.stale += other.stale;
        self.elsewhere += other.elsewhere;
        self.sent += other.sent;
        self.retried += other.retried;
        self.hedged += other.hedged;
        self.hedges_won += other.hedges_won;
        self.throttled += other.throttled;
        self.failed += other.failed;
        self.waited += other.waited;
        self.pay(other.usage, other.cost);
    }

    /// Adds a request that failed.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        match treat(failure.cause).0 {
            FailureKind::RateLimited | FailureKind::Overloaded => self.throttled += 1,
            _ => self.failed += 1,
        }
    }

    /// Adds what an answer used and cost.
    pub(crate) fn pay(&mut self, usage: Usage, cost: f64) {
        self.usage.input_tokens += usage.input_tokens;
        self.usage.cached_tokens += usage.cached_tokens;
        self.usage.output_tokens += usage.output_tokens;
        self.cost += cost;
    }
}

//! What calls wait for: a clock per cause for the whole line, from which every waiter reads its own share.

use std::time::Duration;

use tidegate_core::QuotaUnit;
use tokio::time::Instant;

/// What holds up the head of a line, and with it all behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A limit of requests or of items.
    Requests,
    /// A limit of tokens.
    Tokens,
    /// As many are in flight as may be.
    Concurrency,
    /// The lane as a whole was told to wait.
    Pause,
    /// The breaker is not closed.
    Breaker,
    /// The budget of extra calls.
    Extra,
    /// Calls in flight have reserved what is left of the money or the tokens.
    Budget,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Requests,
        Self::Tokens,
        Self::Concurrency,
        Self::Pause,
        Self::Breaker,
        Self::Extra,
        Self::Budget,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Concurrency => "concurrency",
            Self::Pause => "pause",
            Self::Breaker => "breaker",
            Self::Extra => "extra",
            Self::Budget => "budget",
        }
    }

    pub(super) fn of(unit: QuotaUnit) -> Self {
        match unit {
            QuotaUnit::Requests | QuotaUnit::Inputs => Self::Requests,
            QuotaUnit::Tokens | QuotaUnit::InputTokens | QuotaUnit::OutputTokens => Self::Tokens,
        }
    }
}

/// What the clocks showed when a waiter joined.
pub(super) type Mark = [Duration; 7];

/// One clock per cause; one of them runs while anybody waits.
#[derive(Debug)]
pub(super) struct Clocks {
    spent: Mark,
    running: Option<Cause>,
    since: Instant,
}

impl Clocks {
    pub(super) fn new(now: Instant) -> Self {
        Self { spent: Mark::default(), running: None, since: now }
    }

    pub(super) fn running(&self) -> Option<Cause> {
        self.running
    }

    /// From now on the line waits for `cause`, or for nothing.
    pub(super) fn run(&mut self, now: Instant, cause: Option<Cause>) {
        if let Some(before) = self.running {
            self.spent[before as usize] += now.saturating_duration_since(self.since);
        }
        self.since = now;
        self.running = cause;
    }

    pub(super) fn mark(&mut self, now: Instant) -> Mark {
        let running = self.running;
        self.run(now, running);
        self.spent
    }
}

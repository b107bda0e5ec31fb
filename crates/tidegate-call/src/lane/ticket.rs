//! What a call that was let in holds until it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Lane;
use super::admission::Outcome;
use super::settle::Ended;
use super::state::Grant;

/// Leave to send one call. Dropping it without [`Ticket::settle`] gives the call up: its tokens come back, its
/// request stays counted if it was sent, and its place in flight and the breaker's probe are free again.
#[derive(Debug)]
#[must_use = "dropping a ticket gives the call up"]
pub struct Ticket {
    lane: Arc<Lane>,
    grant: Option<Grant>,
    sent: Option<Instant>,
}

impl Ticket {
    pub(super) fn new(lane: Arc<Lane>, grant: Grant) -> Self {
        Self { lane, grant: Some(grant), sent: None }
    }

    /// The request is on its way: from here on it counts, and its latency is measured.
    pub fn sent(&mut self) {
        if self.sent.is_none() {
            self.sent = Some(Instant::now());
            if let Some(grant) = &self.grant {
                self.lane.count_sent(grant);
            }
        }
    }

    /// The call ended. For a body that streams, at the end of the body: until then it is in flight.
    pub fn settle(mut self, outcome: Outcome) {
        if let Some(grant) = self.grant.take() {
            let (chance, slow) = (self.lane.dice.unit(), self.lane.settings.slow);
            self.lane.count_end(&outcome, &grant);
            let ended = Ended { outcome, sent: self.sent, chance, slow };
            self.lane.with(|state, now| state.settle(now, &grant, &ended));
        }
    }

    /// How long the call waited for its lane.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let waited = |grant: &Grant| grant.at.saturating_duration_since(grant.joined);
        self.grant.as_ref().map(waited).unwrap_or_default()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            let sent = self.sent.is_some();
            if sent {
                self.lane.counters.cancelled.add(1);
            }
            self.lane.with(|state, now| state.cancel(now, &grant, sent));
        }
    }
}

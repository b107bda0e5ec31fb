//! A pause of the lane as a whole: the service said to everybody that it wants to be left alone.

use std::time::Duration;

use tokio::time::Instant;

use crate::mutant::planted;

/// A hint longer than a day is cut: it is a mistake, or another day's work.
const MOST: Duration = Duration::from_secs(86_400);

/// Until when nothing leaves the lane.
#[derive(Debug, Default)]
pub(super) struct Pause {
    until: Option<Instant>,
}

impl Pause {
    /// Nothing leaves for `wait`; a pause is never shortened.
    pub(super) fn extend(&mut self, now: Instant, wait: Duration) {
        self.until = self.until.max(Some(now + wait.min(MOST)));
    }

    /// When it ends, if one is on.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now && !planted("pauses are ignored"))
    }
}

//! The requests a provider is working on at one moment.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::limit::Sharer;
use super::script::Scope;

/// Who is being worked on. Work ends at its planned time, whether or not the client is still there; work that hangs
/// ends when the client leaves.
#[derive(Debug, Default)]
pub(super) struct Active {
    /// Who sent it, by the request's number.
    busy: HashMap<u64, (Sharer, Option<Duration>)>,
    /// Planned ends, soonest first.
    ends: BTreeSet<(Duration, u64)>,
}

impl Active {
    /// Work on request `number` begins; `until` is its planned end, nothing if it hangs.
    pub(super) fn begin(&mut self, number: u64, sharer: Sharer, until: Option<Duration>) {
        self.busy.insert(number, (sharer, until));
        if let Some(until) = until {
            self.ends.insert((until, number));
        }
    }

    /// The client of request `number` has left or has everything.
    pub(super) fn leave(&mut self, number: u64) {
        if matches!(self.busy.get(&number), Some((_, None))) {
            self.busy.remove(&number);
        }
    }

    /// Forgets what has ended by `now`.
    pub(super) fn advance(&mut self, now: Duration) {
        while let Some((until, number)) = self.ends.first().copied() {
            if until > now {
                return;
            }
            self.ends.pop_first();
            self.busy.remove(&number);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.busy.len()
    }

    /// How many there are of those who share a limit with `sharer`.
    pub(super) fn sharing(&self, sharer: Sharer, scope: Scope) -> u64 {
        if scope == Scope::All {
            return self.busy.len() as u64;
        }
        let wanted = sharer.within(scope);
        self.busy.values().filter(|(other, _)| other.within(scope) == wanted).count() as u64
    }
}

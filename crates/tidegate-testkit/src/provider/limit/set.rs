//! All limits of a provider: a request passes if every one of them has room, and then counts in all.

use std::collections::HashMap;
use std::time::Duration;

use super::{Gate, Left};
use crate::provider::script::{Limit, Scope, Unit};

/// Who sends a request, as far as limits can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sharer {
    /// Hash of the key.
    pub(crate) key: u64,
    /// Hash of the model's name.
    pub(crate) model: u64,
}

impl Sharer {
    /// The part of it that `scope` tells apart.
    pub(crate) fn within(self, scope: Scope) -> Self {
        let (key, model) = match scope {
            Scope::All => (0, 0),
            Scope::Key => (self.key, 0),
            Scope::Model => (0, self.model),
            Scope::KeyAndModel => (self.key, self.model),
        };
        Self { key, model }
    }
}

/// What a request counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cost {
    /// Texts.
    pub(crate) inputs: u64,
    /// Tokens of the question.
    pub(crate) input_tokens: u64,
    /// Tokens of the answer.
    pub(crate) output_tokens: u64,
}

impl Cost {
    /// What it counts for in a limit on `unit`.
    pub(crate) fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests | Unit::Concurrent => 1,
            Unit::Inputs => self.inputs,
            Unit::InputTokens => self.input_tokens,
            Unit::OutputTokens => self.output_tokens,
            Unit::Tokens => self.input_tokens + self.output_tokens,
        }
    }
}

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Denied {
    /// The limit that has no room; of several, the one that takes longest.
    pub(crate) limit: Limit,
    /// What the request would have counted for.
    pub(crate) requested: u64,
    /// What was left.
    pub(crate) remaining: u64,
    /// How long until it fits; nothing if it never will.
    pub(crate) wait: Option<Duration>,
}

/// All limits with what they have counted.
#[derive(Debug)]
pub(crate) struct LimitSet {
    limits: Vec<Limit>,
    count_refused: bool,
    /// Bounded by limits × keys × models that were seen.
    gates: HashMap<(usize, Sharer), Gate>,
}

impl LimitSet {
    pub(crate) fn new(limits: &[Limit], count_refused: bool) -> Self {
        Self { limits: limits.to_vec(), count_refused, gates: HashMap::new() }
    }

    /// Counts `cost` in every limit if all have room. `busy` says how many requests of those who share a limit are
    /// being worked on.
    pub(crate) fn admit(
        &mut self,
        now: Duration,
        sharer: Sharer,
        cost: Cost,
        busy: impl Fn(Scope) -> u64,
    ) -> Result<(), Denied> {
        let mut denied: Option<Denied> = None;
        for n in 0..self.limits.len() {
            let limit = self.limits[n];
            let found = if limit.unit == Unit::Concurrent {
                crowded(limit, busy(limit.scope))
            } else {
                self.deny(n, now, sharer, cost)
            };
            let Some(found) = found else { continue };
            let longest = |d: &Denied| d.wait.unwrap_or(Duration::MAX);
            if denied.is_none_or(|known| longest(&found) > longest(&known)) {
                denied = Some(found);
            }
        }
        for n in 0..self.limits.len() {
            let limit = self.limits[n];
            let counts = denied.is_none() || (self.count_refused && limit.unit == Unit::Requests);
            if counts && limit.unit != Unit::Concurrent {
                self.gate(n, sharer).take(now, cost.of(limit.unit));
            }
        }
        denied.map_or(Ok(()), Err)
    }

    /// Why the limit with index `n` does not let `cost` pass; nothing if it does.
    fn deny(&mut self, n: usize, now: Duration, sharer: Sharer, cost: Cost) -> Option<Denied> {
        let limit = self.limits[n];
        let requested = cost.of(limit.unit);
        let gate = self.gate(n, sharer);
        let wait = gate.wait(now, requested);
        if wait == Some(Duration::ZERO) {
            return None;
        }
        Some(Denied { limit, requested, remaining: gate.left(now).remaining, wait })
    }

    fn gate(&mut self, n: usize, sharer: Sharer) -> &mut Gate {
        let limit = self.limits[n];
        self.gates.entry((n, sharer.within(limit.scope))).or_insert_with(|| Gate::new(&limit))
    }

    /// What is left of the first limit on `unit`.
    pub(crate) fn left(&mut self, now: Duration, sharer: Sharer, unit: Unit) -> Option<Left> {
        let n = self.limits.iter().position(|limit| limit.unit == unit)?;
        Some(self.gate(n, sharer).left(now))
    }
}

/// Why a limit on requests at once does not let another pass; nothing if it does.
fn crowded(limit: Limit, running: u64) -> Option<Denied> {
    // Nobody can say when another request will be done: a second is what providers answer.
    let wait = Some(Duration::from_secs(1));
    (running >= limit.amount).then_some(Denied { limit, requested: 1, remaining: 0, wait })
}

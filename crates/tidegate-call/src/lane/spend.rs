//! Money and tokens: a hard stop before more is spent than was allowed.

use std::sync::Mutex;

use tidegate_core::{Fault, FaultKind};

use crate::mutant::planted;

/// What may be spent, by one lane or by all lanes of a run together.
#[derive(Debug)]
pub struct Spend {
    most_cost: Option<f64>,
    most_tokens: Option<u64>,
    sums: Mutex<Sums>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    cost: f64,
    tokens: u64,
    reserved_cost: f64,
    reserved_tokens: u64,
}

/// What one call reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reserved {
    pub(super) cost: f64,
    pub(super) tokens: u64,
}

/// Whether a call may spend.
#[derive(Debug)]
pub(super) enum Leave {
    Yes,
    /// Calls in flight have reserved it; some of it may come back.
    Later,
    Never(Fault),
}

impl Spend {
    /// At most `cost` money, in the currency of the price table, and at most `tokens`, sent and answered.
    #[must_use]
    pub fn new(cost: Option<f64>, tokens: Option<u64>) -> Self {
        Self { most_cost: cost, most_tokens: tokens, sums: Mutex::default() }
    }

    /// What was spent so far: money and tokens.
    #[must_use]
    pub fn spent(&self) -> (f64, u64) {
        let sums = self.sums();
        (sums.cost, sums.tokens)
    }

    /// Whether `wanted` fits beside what is spent and reserved; `free` is what is known to cost no money.
    pub(super) fn leave(&self, wanted: Reserved, free: bool) -> Leave {
        let sums = self.sums();
        if planted("the budget is checked afterwards") && !self.is_used_up(&sums, free) {
            return Leave::Yes;
        }
        let fits = |cost: f64, tokens: u64| {
            (free || self.most_cost.is_none_or(|most| cost + wanted.cost <= most))
                && self.most_tokens.is_none_or(|most| tokens.saturating_add(wanted.tokens) <= most)
        };
        let used_up = self.is_used_up(&sums, free);
        if fits(sums.cost + sums.reserved_cost, sums.tokens + sums.reserved_tokens) && !used_up {
            Leave::Yes
        } else if fits(sums.cost, sums.tokens) && sums.reserved_tokens > 0 {
            Leave::Later
        } else {
            Leave::Never(self.fault(&sums, wanted))
        }
    }

    pub(super) fn reserve(&self, wanted: Reserved) {
        let mut sums = self.sums();
        sums.reserved_cost += wanted.cost;
        sums.reserved_tokens += wanted.tokens;
    }

    pub(super) fn settle(&self, reserved: Reserved, spent: Reserved) {
        let mut sums = self.sums();
        sums.reserved_cost = (sums.reserved_cost - reserved.cost).max(0.0);
        sums.reserved_tokens = sums.reserved_tokens.saturating_sub(reserved.tokens);
        sums.cost += spent.cost;
        sums.tokens += spent.tokens;
    }

    /// A call of which nobody knows what it costs does not pass an empty purse either.
    fn is_used_up(&self, sums: &Sums, free: bool) -> bool {
        (!free && self.most_cost.is_some_and(|most| sums.cost >= most))
            || self.most_tokens.is_some_and(|most| sums.tokens >= most)
    }

    fn fault(&self, sums: &Sums, wanted: Reserved) -> Fault {
        let money = self.most_cost.filter(|most| sums.cost >= *most || sums.cost + wanted.cost > *most);
        let message = match (money, self.most_tokens) {
            (Some(0.0), _) => format!(
                "nothing may be spent (a budget of 0), and the next call costs about {:.4}",
                wanted.cost
            ),
            (None, Some(0)) => format!(
                "no tokens may be spent (a limit of 0), and the next call takes about {}",
                wanted.tokens
            ),
            (Some(most), _) => format!(
                "the budget of {most} is used up: {:.6} spent, the next call costs about {:.6}",
                sums.cost, wanted.cost
            ),
            (None, most) => format!(
                "the budget of {} tokens is used up: {} spent, the next call takes about {}",
                most.unwrap_or(0),
                sums.tokens,
                wanted.tokens
            ),
        };
        Fault::new(FaultKind::Budget, message)
            .hint("what is done is kept; run it again to spend as much again, or with a larger --budget or --max-tokens")
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        // Plain sums have no half-written state: after a panic elsewhere they are as good as before.
        self.sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

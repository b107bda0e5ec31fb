//! How often each kind of fault was injected: a kind that never struck proves nothing.

use std::collections::BTreeMap;

/// Every kind of fault the simulation injects.
pub const KINDS: &[&str] = &[
    "list outage",
    "quiet pause",
    "listed with a fault",
    "fetch outage",
    "fetch refused",
    "changing once",
    "changing twice",
    "gone",
    "edited while read",
    "assess busy",
    "sweep busy",
    "split error",
    "split panic",
    "split drop",
    "each outage",
    "each error",
    "each panic",
    "each drop",
    "embed outage",
    "embed refusal",
    "embed batch refusal",
    "embed panic",
    "commit busy before",
    "commit busy after",
    "commit full",
    "commit refusal",
    "stage busy",
    "staged part",
    "window merged",
    "ended by drain",
    "ended by abort",
    "ended by crash",
    "held too long",
    "edit",
    "touch",
    "delete",
    "rename",
    "append",
];

/// Counts by kind.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Counts one.
    pub fn add(&mut self, kind: &'static str) {
        debug_assert!(KINDS.contains(&kind), "{kind} is not in KINDS");
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// How often `kind` was counted.
    #[must_use]
    pub fn get(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }
}

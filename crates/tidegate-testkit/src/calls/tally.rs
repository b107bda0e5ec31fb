//! How often each kind of fault was injected: a kind that never struck proves nothing.

use std::collections::BTreeMap;

/// Every kind of fault the simulation injects.
pub const KINDS: &[&str] = &[
    // Refusals.
    "status 408",
    "status 500",
    "status 502",
    "status 503",
    "status 529",
    "too_many",
    "insufficient_quota",
    "daily_quota",
    "payment_required",
    "wrong_key",
    "poison",
    // What 429s say of waiting.
    "hint usual",
    "hint none",
    "hint seconds",
    "hint fractional seconds",
    "hint milliseconds",
    "hint date",
    "hint past date",
    "hint negative",
    "hint infinite",
    "hint huge",
    "hint go duration",
    "hint unix",
    "hint rfc 3339",
    "hint in words",
    "hint in azure's words",
    // Limits that refused.
    "limit sliding",
    "limit bucket",
    "limit fixed",
    "limit concurrent",
    "knee",
    "latency tail",
    "outage status",
    "outage reset",
    "outage refuse",
    "outage hang",
    // Connections.
    "dns failure",
    "connection refused",
    "connect timeout",
    "tls failure",
    "reset_before_reading",
    "reset_instead_of_answer",
    "reset_mid_body",
    "cut",
    "hang_before_headers",
    "hang_after_headers",
    "hang_mid_body",
    "stall",
    "slow",
    // Bodies.
    "truncated",
    "html",
    "empty",
    "bom",
    "error_in_ok",
    "body",
    "gigabyte",
    "gzip_bomb",
    "wrong_length",
    "chunked_without_end",
    "wrong_count",
    "permuted",
    "duplicate_index",
    "missing_index",
    "wrong_dimensions",
    "nan",
    "null",
    "zeros",
    "no_end_marker",
    "error_event",
    "length_stop",
    "filtered",
    "no_content",
    "other_model",
    "lying_headers",
    // The journal.
    "journal busy before",
    "journal busy after",
    "journal full",
    "journal lookup busy",
    "journal slow",
    "kept although dropped",
    // What happens to the process, and to people.
    "ended by drain",
    "ended by abort",
    "ended by crash",
    "ended by a blocked lane",
    "ended by a hold",
    "ended by the budget",
    "person left",
    "person in vain",
    "hedge",
];

/// Counts by kind.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Counts one.
    pub fn add(&mut self, kind: &'static str) {
        self.count(kind, 1);
    }

    /// Counts `n`.
    pub(crate) fn count(&mut self, kind: &'static str, n: u64) {
        debug_assert!(KINDS.contains(&kind), "{kind} is not in KINDS");
        *self.0.entry(kind).or_default() += n;
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

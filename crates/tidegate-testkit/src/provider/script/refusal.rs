//! How requests beyond a limit are answered.

use serde::Deserialize;

use super::Hint;

/// How requests beyond a limit are answered, and what answers say about limits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusals {
    /// How the wait is told.
    pub hint: Hint,
    /// Whether answers carry the rate-limit headers of their wire format.
    pub headers: bool,
    /// Whether a refused request counts against the limits on requests, as it does at some providers.
    pub count_refused: bool,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { hint: Hint::Usual, headers: true, count_refused: false }
    }
}

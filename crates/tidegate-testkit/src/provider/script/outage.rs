//! Times at which the provider is down.

use serde::Deserialize;

use crate::provider::span::Span;

/// A time at which the provider is down: `{ from = "10s", to = "70s", kind = "status" }`, since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The first moment of it.
    pub from: Span,
    /// The first moment after it.
    pub to: Span,
    /// What clients see; by default 503.
    #[serde(default)]
    pub kind: OutageKind,
}

/// What clients see of an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// Every request is answered 503.
    #[default]
    Status,
    /// Every connection is reset.
    Reset,
    /// New connections are refused, because nobody listens; open ones are reset.
    Refuse,
    /// Nothing is answered.
    Hang,
}

impl Outage {
    /// Whether `since_start` lies in it.
    #[must_use]
    pub fn covers(&self, since_start: std::time::Duration) -> bool {
        (self.from.0..self.to.0).contains(&since_start)
    }
}

//! What the provider allows.

use serde::Deserialize;

use crate::provider::span::Span;

/// One limit. `{ unit = "requests", amount = 6000 }` is 6,000 requests a minute in strict sliding windows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What is counted.
    pub unit: Unit,
    /// How much of it fits in one window; for `concurrent`, how many at once.
    pub amount: u64,
    /// The length of the window; by default a minute. Of no meaning for `concurrent`.
    #[serde(default = "minute")]
    pub window: Span,
    /// How it is enforced; by default in strict sliding windows.
    #[serde(default)]
    pub shape: Shape,
    /// Who shares it; by default all requests do.
    #[serde(default)]
    pub scope: Scope,
}

fn minute() -> Span {
    Span::from_secs(60)
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens of questions and answers together.
    Tokens,
    /// Tokens of questions.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Texts: a batch of 96 counts 96.
    Inputs,
    /// Requests being worked on at once.
    Concurrent,
}

/// How a limit is enforced.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// No interval of the window's length ever holds more than the amount; exact, every request is remembered.
    #[default]
    Sliding,
    /// A token bucket that fills evenly and holds what comes in during this time:
    /// `{ bucket = "1s" }`.
    Bucket(Span),
    /// The count starts again at every multiple of the window since the start, as simple servers do.
    Fixed,
}

/// Who shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody.
    #[default]
    All,
    /// Each key has its own.
    Key,
    /// Each model has its own.
    Model,
    /// Each pair of key and model has its own.
    KeyAndModel,
}

impl Limit {
    /// A strict limit of `amount` of `unit` a minute, shared by all.
    #[must_use]
    pub const fn per_minute(unit: Unit, amount: u64) -> Self {
        Self { unit, amount, window: Span::from_secs(60), shape: Shape::Sliding, scope: Scope::All }
    }

    /// The same as a token bucket that holds what comes in during `burst`.
    #[must_use]
    pub const fn with_bucket(mut self, burst: Span) -> Self {
        self.shape = Shape::Bucket(burst);
        self
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.amount == 0 || self.window.0.is_zero() {
            return Err("a limit needs an `amount` and a `window` above zero".to_owned());
        }
        match self.shape {
            Shape::Bucket(burst) if burst.0.is_zero() => {
                Err("a `bucket` needs a time above zero, such as `1s`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

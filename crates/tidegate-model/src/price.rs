//! What tokens cost.

use tidegate_core::Usage;

/// Prices of a model, in dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Tokens sent.
    pub input: f64,
    /// Tokens sent that the service had in its cache.
    pub cached: f64,
    /// Tokens answered.
    pub output: f64,
}

impl Price {
    /// What `usage` costs.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let million = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        million(fresh, self.input) + million(cached, self.cached) + million(usage.output_tokens, self.output)
    }
}

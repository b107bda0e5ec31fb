//! What tokens cost.

use serde::Deserialize;
use tidegate_core::{Fault, FaultKind, Usage};

use crate::profile::Pattern;

const BUILTIN: &str = include_str!("prices.toml");

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
    /// What `usage` costs, in dollars.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let million = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
        million(fresh, self.input) + million(cached, self.cached) + million(usage.output_tokens, self.output)
    }
}

/// The price table: that of this crate, and the user's before it.
#[derive(Debug, Clone)]
pub struct Prices(Vec<Entry>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    provider: String,
    model: Pattern,
    input: f64,
    #[serde(default)]
    cached: Option<f64>,
    #[serde(default)]
    output: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    prices: Vec<Entry>,
}

impl Prices {
    /// The prices of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        Self::load(None).expect("a test reads the built-in prices")
    }

    /// The prices of `own`, then those of this crate.
    ///
    /// # Errors
    /// What in `own` is not understood, and where.
    pub fn load(own: Option<&str>) -> Result<Self, Fault> {
        let mut prices = own.map(entries).transpose()?.unwrap_or_default();
        prices.extend(entries(BUILTIN)?);
        Ok(Self(prices))
    }

    /// The price of `model` at the provider named `provider`; `None` where it is not known.
    #[must_use]
    pub fn of(&self, provider: &str, model: &str) -> Option<Price> {
        let entry = self.0.iter().find(|entry| entry.provider == provider && entry.model.matches(model))?;
        let cached = entry.cached.unwrap_or(entry.input);
        Some(Price { input: entry.input, cached, output: entry.output })
    }
}

fn entries(text: &str) -> Result<Vec<Entry>, Fault> {
    let wrong = |message: String| Fault::new(FaultKind::Config, message).during("reading the price table");
    let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let is_price = |price: f64| price.is_finite() && price >= 0.0;
    for entry in &file.prices {
        if ![Some(entry.input), entry.cached, Some(entry.output)].into_iter().flatten().all(is_price) {
            let message = format!("a price of {} is negative or no number", entry.provider);
            return Err(wrong(message).hint("write dollars for a million tokens, such as 0.02"));
        }
    }
    Ok(file.prices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::PROFILES;

    #[test]
    fn every_price_is_of_a_known_provider_and_reachable() {
        let prices = Prices::builtin();
        for (i, entry) in prices.0.iter().enumerate() {
            assert!(PROFILES.get(&entry.provider).is_ok(), "{entry:?}");
            // An entry that an earlier one hides would be a price nobody gets.
            let name = format!("{:?}", entry.model).replace("Pattern(\"", "").replace("\")", "");
            let first = prices
                .0
                .iter()
                .position(|other| other.provider == entry.provider && other.model.matches(&name));
            assert_eq!(first, Some(i), "{entry:?}");
        }
    }

    #[test]
    fn usage_costs_what_the_table_says() {
        let prices = Prices::builtin();
        let usage = Usage { input_tokens: 1_500_000, cached_tokens: 500_000, output_tokens: 100_000 };
        let cost = |provider: &str, model: &str| prices.of(provider, model).map(|price| price.of(&usage));
        assert_eq!(cost("openai", "gpt-4.1-mini"), Some(0.40 + 0.05 + 0.16));
        assert_eq!(cost("openai", "gpt-4.1-mini-2025-04-14"), Some(0.40 + 0.05 + 0.16));
        assert!((cost("openai", "text-embedding-3-small").unwrap() - 0.03).abs() < 1e-12);
        assert_eq!(cost("ollama", "anything"), Some(0.0));
        assert_eq!(cost("openai", "gpt-9"), None);
        assert_eq!(cost("azure", "my-deployment"), None);
        // More from the cache than was sent is no discount.
        let odd = Usage { input_tokens: 1_000_000, cached_tokens: u64::MAX, output_tokens: 0 };
        assert_eq!(prices.of("openai", "gpt-4.1-mini").unwrap().of(&odd), 0.10);
    }

    #[test]
    fn the_users_prices_come_first_and_mistakes_are_told() {
        let own = "[[prices]]\nprovider = \"openai\"\nmodel = \"text-*\"\ninput = 1.0\n";
        let prices = Prices::load(Some(own)).unwrap();
        assert_eq!(prices.of("openai", "text-embedding-3-small").unwrap().input, 1.0);
        assert_eq!(prices.of("openai", "gpt-4.1").unwrap().input, 2.0);
        for own in [
            "prices = 7",
            "[[prices]]\nprovider = \"a\"",
            "[[price]]",
            "[[prices]]\nprovider = \"a\"\nmodel = \"b\"\ninput = -1.0\n",
            "[[prices]]\nprovider = \"a\"\nmodel = \"b\"\ninput = nan\n",
            "[[prices]]\nprovider = \"a\"\nmodel = \"b\"\ninput = 1\nouput = 1\n",
        ] {
            assert_eq!(Prices::load(Some(own)).unwrap_err().kind(), FaultKind::Config, "{own}");
        }
    }
}

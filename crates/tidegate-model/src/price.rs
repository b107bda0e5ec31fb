//! What tokens cost.

use serde::Deserialize;
use tidegate_core::{Fault, FaultKind, Usage};
use toml::Spanned;

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
    /// Whether the user said so, not the table of this crate.
    pub own: bool,
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
pub struct Prices {
    /// The user's, for providers as configurations name them or as profiles do.
    own: Vec<Entry>,
    /// Those of this crate, for profiles.
    shipped: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    provider: String,
    model: Pattern,
    input: Spanned<f64>,
    #[serde(default)]
    cached: Option<Spanned<f64>>,
    #[serde(default)]
    output: Option<Spanned<f64>>,
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
        Self {
            own: Vec::new(),
            shipped: entries(BUILTIN, "prices").expect("a test reads the built-in prices"),
        }
    }

    /// The prices in `text`, which come before those of this crate. `name` says in messages where `text` is from.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: what in `text` is not understood, beginning with `NAME:LINE:COLUMN`.
    pub fn with_own(text: &str, name: &str) -> Result<Self, Fault> {
        Ok(Self { own: entries(text, name)?, ..Self::builtin() })
    }

    /// The price of `model` at the provider that a configuration names `provider` and that is as `profile` says;
    /// `None` where it is not known. What this crate knows of a profile says nothing of a provider that only bears
    /// its name.
    #[must_use]
    pub fn of(&self, provider: &str, profile: &str, model: &str) -> Option<Price> {
        let find = |entries: &[Entry], names: &[&str], own: bool| {
            let fits = |entry: &&Entry| names.contains(&&*entry.provider) && entry.model.matches(model);
            entries.iter().find(fits).map(|entry| entry.price(own))
        };
        find(&self.own, &[provider, profile], true).or_else(|| find(&self.shipped, &[profile], false))
    }
}

impl Entry {
    fn price(&self, own: bool) -> Price {
        let value = |price: &Option<Spanned<f64>>| price.as_ref().map(|price| *price.get_ref());
        let input = *self.input.get_ref();
        Price {
            input,
            cached: value(&self.cached).unwrap_or(input),
            output: value(&self.output).unwrap_or(0.0),
            own,
        }
    }
}

fn entries(text: &str, name: &str) -> Result<Vec<Entry>, Fault> {
    let wrong = |message: String, at: usize| {
        let before = text.get(..at).unwrap_or(text);
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        let line = before.matches('\n').count() + 1;
        Fault::new(FaultKind::Config, message).during(format!("{name}:{line}:{column}"))
    };
    let file: File = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(error.message().trim().replace('\n', ", "), at).hint(
            "write [[prices]] and below it provider, model (* stands for any characters), input and output, in \
             dollars for a million tokens",
        )
    })?;
    for entry in &file.prices {
        for price in [Some(&entry.input), entry.cached.as_ref(), entry.output.as_ref()].into_iter().flatten()
        {
            let value = *price.get_ref();
            if !value.is_finite() || value < 0.0 {
                let message = format!("a price of {} is {value}", entry.provider.escape_debug());
                return Err(wrong(message, price.span().start)
                    .hint("write dollars for a million tokens, such as 0.02"));
            }
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
        for (i, entry) in prices.shipped.iter().enumerate() {
            assert!(PROFILES.get(&entry.provider).is_ok(), "{entry:?}");
            // An entry that an earlier one hides would be a price nobody gets.
            let name = format!("{:?}", entry.model).replace("Pattern(\"", "").replace("\")", "");
            let first = prices
                .shipped
                .iter()
                .position(|other| other.provider == entry.provider && other.model.matches(&name));
            assert_eq!(first, Some(i), "{entry:?}");
        }
    }

    #[test]
    fn usage_costs_what_the_table_says() {
        let prices = Prices::builtin();
        let usage = Usage { input_tokens: 1_500_000, cached_tokens: 500_000, output_tokens: 100_000 };
        let cost =
            |provider: &str, model: &str| prices.of(provider, provider, model).map(|price| price.of(&usage));
        assert_eq!(cost("openai", "gpt-4.1-mini"), Some(0.40 + 0.05 + 0.16));
        assert_eq!(cost("openai", "gpt-4.1-mini-2025-04-14"), Some(0.40 + 0.05 + 0.16));
        assert!((cost("openai", "text-embedding-3-small").unwrap() - 0.03).abs() < 1e-12);
        assert_eq!(cost("ollama", "anything"), Some(0.0));
        assert_eq!(cost("openai", "gpt-9"), None);
        assert_eq!(cost("azure", "my-deployment"), None);
        // More from the cache than was sent is no discount.
        let odd = Usage { input_tokens: 1_000_000, cached_tokens: u64::MAX, output_tokens: 0 };
        assert_eq!(prices.of("openai", "openai", "gpt-4.1-mini").unwrap().of(&odd), 0.10);
    }

    #[test]
    fn the_users_prices_come_first_and_are_of_sections_or_profiles() {
        let own = "[[prices]]\nprovider = \"openai\"\nmodel = \"text-*\"\ninput = 1.0\n\
                   [[prices]]\nprovider = \"work\"\nmodel = \"gpt-4.1\"\ninput = 3\ncached = 0\noutput = 5\n";
        let prices = Prices::with_own(own, "p.toml").unwrap();
        let of = |provider: &str, profile: &str, model: &str| prices.of(provider, profile, model);
        let own = |input: f64| Some(Price { input, cached: input, output: 0.0, own: true });
        assert_eq!(of("openai", "openai", "text-embedding-3-small"), own(1.0));
        assert_eq!(of("work", "openai", "text-embedding-3-small"), own(1.0));
        let contract = Price { input: 3.0, cached: 0.0, output: 5.0, own: true };
        assert_eq!(of("work", "openai", "gpt-4.1"), Some(contract));
        let known = of("openai", "openai", "gpt-4.1").unwrap();
        assert_eq!((known.input, known.own), (2.0, false));
        // What is called `openai` and is another service has not the prices of OpenAI.
        assert_eq!(of("openai", "compatible", "gpt-4.1"), None);
        assert_eq!(Prices::with_own("prices = []", "p.toml").unwrap().of("a", "a", "b"), None);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let entry = "[[prices]]\nprovider = \"a\"\nmodel = \"b\"\n";
        for (own, at) in [
            ("prices = 7".to_owned(), "p.toml:1:"),
            ("[[prices]]\nprovider = \"a\"".to_owned(), "p.toml:1:"),
            ("[[price]]".to_owned(), "p.toml:1:"),
            ("\n\nnot toml".to_owned(), "p.toml:3:"),
            (format!("{entry}input = -1.0\n"), "p.toml:4:9"),
            (format!("{entry}input = nan\n"), "p.toml:4:9"),
            (format!("{entry}input = 1\noutput = inf\n"), "p.toml:5:10"),
            (format!("{entry}input = \"1\"\n"), "p.toml:4:9"),
            (format!("{entry}input = 1\nouput = 1\n"), "p.toml:5:1"),
        ] {
            let fault = Prices::with_own(&own, "p.toml").unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config, "{own}");
            assert!(fault.to_string().starts_with(at), "{own}: {fault}");
            assert!(!fault.to_string().contains('\n') && fault.hint_text().is_some(), "{fault}");
        }
    }
}

//! The script of a provider: who it is, how fast, what it allows, and what goes wrong when.
//!
//! Every field has a default, so that the empty script is a fast provider without limits that accepts any key and
//! any model. A script comes from TOML ([`Script::from_toml`]) or is a literal with `..Script::default()`.

mod answers;
mod fault;
mod hint;
mod latency;
mod limits;
mod outage;
mod refusal;
#[cfg(test)]
mod tests;

use serde::Deserialize;

pub use answers::{Caps, Chat, Embedding, Poison, Tokens};
pub use fault::{Act, Fault, Lie, When};
pub use hint::Hint;
pub use latency::{Distribution, Knee, Latency};
pub use limits::{Limit, Scope, Shape, Unit};
pub use outage::{Outage, OutageKind};
pub use refusal::Refusals;

/// Everything that can be said about a provider.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Seed of all randomness: what happens to the request with number n depends on the seed and on n.
    pub seed: u64,
    /// Keys that are accepted; none: every key, and none at all, is accepted.
    pub keys: Vec<String>,
    /// Models that exist; none: every name does.
    pub models: Vec<String>,
    /// Unix time in seconds at which the provider's clock starts, for dates in headers; by default the machine's.
    pub epoch: Option<u64>,
    /// How tokens are counted.
    pub tokens: Tokens,
    /// What embeddings look like.
    pub embedding: Embedding,
    /// What chat answers look like.
    pub chat: Chat,
    /// The largest requests; by default those of each real provider.
    pub caps: Caps,
    /// How long an answer takes.
    pub latency: Latency,
    /// What happens when many requests are worked on at once.
    pub knee: Option<Knee>,
    /// Rate limits, each enforced on its own.
    pub limits: Vec<Limit>,
    /// How requests beyond a limit are answered.
    pub refusals: Refusals,
    /// Times at which the provider is down.
    pub outages: Vec<Outage>,
    /// Texts that make their whole batch be refused.
    pub poison: Vec<Poison>,
    /// What goes wrong, and when. Every rule is tried for every request.
    pub faults: Vec<Fault>,
}

impl Script {
    /// Reads a script.
    ///
    /// ```
    /// use tidegate_testkit::provider::Script;
    /// let script = Script::from_toml("latency = { base = { fixed = '50ms' } }")?;
    /// assert!(Script::from_toml("latencies = 5").is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// The parser's words with line and column, for an unknown key or a value of the wrong kind; or what is out of
    /// range.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let script: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        script.check()?;
        Ok(script)
    }

    /// Refuses what cannot be played.
    ///
    /// # Errors
    /// Says which value is out of range and what it may be.
    pub fn check(&self) -> Result<(), String> {
        self.limits.iter().try_for_each(Limit::check)?;
        self.faults.iter().try_for_each(Fault::check)?;
        self.latency.check()?;
        self.knee.iter().try_for_each(Knee::check)?;
        if !(self.tokens.bytes_per_token.is_finite() && self.tokens.bytes_per_token > 0.0) {
            return Err("`tokens.bytes_per_token` is not above 0; 4.0 is the default".to_owned());
        }
        if self.embedding.dimensions == 0 || self.embedding.dimensions > 65_536 {
            return Err("`embedding.dimensions` is not from 1 to 65536".to_owned());
        }
        Ok(())
    }
}

//! What a lane is told before its first call.

use std::fmt;
use std::time::Duration;

use tidegate_core::QuotaUnit;

/// What a lane is called: which service, which model, which key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneName {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model.
    pub model: String,
    /// The first digits of a hash of the key; empty without a key. Never the key.
    pub key: String,
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// One limit of a service: so many units in every window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is counted.
    pub unit: QuotaUnit,
    /// How many.
    pub amount: u64,
    /// In which time.
    pub per: Duration,
    /// How much of it may be used at once after a rest, as time's worth of the rate. A service that counts in strict
    /// windows counts the burst too, so it is short.
    pub burst: Duration,
}

impl Limit {
    /// The burst unless a provider's profile says more.
    pub const BURST: Duration = Duration::from_millis(500);

    /// `amount` units a minute.
    #[must_use]
    pub fn per_minute(unit: QuotaUnit, amount: u64) -> Self {
        Self { unit, amount, per: Duration::from_secs(60), burst: Self::BURST }
    }
}

/// How many requests may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// As many as the user says; fewer only while the lane as a whole is refused.
    Fixed(u32),
    /// As many as the service bears, found by trying.
    Adaptive {
        /// At the start.
        first: u32,
        /// Never fewer.
        least: u32,
        /// Never more.
        most: u32,
    },
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::Adaptive { first: 4, least: 1, most: 64 }
    }
}

/// The settings of a lane. Every default is a constant with its reason; all can be configured.
#[derive(Debug, Clone)]
pub struct LaneSettings {
    /// Known limits; others are learned from headers and refusals.
    pub limits: Vec<Limit>,
    /// Requests in flight.
    pub concurrency: Concurrency,
    /// The share of a limit that is used: clocks differ, and a request counts when it arrives.
    pub share: f64,
    /// The share of turns that bulk calls keep while interactive calls wait, so that they never starve.
    pub bulk_floor: f64,
    /// An answer that took longer is slow; many of them open the breaker. Four fifths of the call's time limit.
    pub slow: Option<Duration>,
    /// How long bulk calls wait for a lane that answers nobody, before they give up and the run stops resumable.
    pub max_hold: Duration,
    /// Repeats a minute that are sent although nothing is answered, once the budget of repeats is spent.
    pub repeats_per_minute: f64,
    /// The most money that may be spent, in the currency of the price table.
    pub budget: Option<f64>,
    /// The most tokens, sent and answered, that may be spent.
    pub max_tokens: Option<u64>,
    /// Where random choices (jitter) start; the same seed makes the same choices.
    pub seed: u64,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            concurrency: Concurrency::default(),
            share: 0.995,
            bulk_floor: 0.2,
            slow: None,
            max_hold: Duration::from_secs(30 * 60),
            // A service that is down is asked for little more than whether it is back.
            repeats_per_minute: 6.0,
            budget: None,
            max_tokens: None,
            seed: 0,
        }
    }
}

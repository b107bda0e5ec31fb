//! `[store]`, `[limits]` and `[sweep]`: where the account is kept, how much may be used, what may be removed.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_core::Fault;
use tidegate_model::Prices;

use super::file;
use super::period::Period;
use super::size::Size;

/// What survives a power failure. A crash of the program alone loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Everything but the latest commits, which are then done again.
    #[default]
    Normal,
    /// Everything that was committed.
    Full,
}

/// Where the account, the chunks and the vectors are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The store's file, as sqlite:PATH, relative to the folder of this file.
    pub url: String,
    /// After a power failure, "normal" may do the latest commits again, "full" loses nothing.
    pub durable: Durability,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite:tidegate.db".to_owned(), durable: Durability::Normal }
    }
}

/// How much a run may use. These change how fast it is, never what it stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory for records in flight.
    pub memory: Size,
    /// How long an outage or a full disk may hold the run before it stops, to be resumed.
    pub max_hold: Period,
    /// How long what is in flight may take to finish after the first signal.
    pub drain: Period,
    /// Documents read at once.
    pub fetches: usize,
    /// Documents begun and not yet stored.
    pub in_flight: usize,
    /// Records waiting before a stage.
    pub queue_items: usize,
    /// Bytes waiting before a stage.
    pub queue_bytes: Size,
    /// Processor cores to use; 0 means all.
    pub cores: usize,
    /// The most money a run may spend on providers, in the currency of the price table. No limit if left out; 0 lets
    /// nothing be paid, and uses the answers that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 5.0)]
    pub budget: Option<f64>,
    /// A file of your own prices, which come before those that are known: [[prices]] with provider, model, input and
    /// output, for a million tokens. Relative to the folder of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"prices.toml")]
    pub prices: Option<String>,
    /// The most tokens a run may spend on providers, sent and answered together. No limit if left out; 0 lets nothing be
    /// sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2_000_000)]
    pub max_tokens: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size::from_bytes(256_000_000),
            max_hold: Period::from_millis(30 * 60 * 1_000),
            drain: Period::from_millis(25_000), // a service manager's patience is commonly 30 s
            fetches: 4,
            in_flight: 2_048,
            queue_items: 256,
            queue_bytes: Size::from_bytes(16_000_000),
            cores: 0,
            budget: None,
            prices: None,
            max_tokens: None,
        }
    }
}

impl Limits {
    /// Makes the path of the prices absolute, so that it means the same when read back from another folder.
    pub(crate) fn make_absolute(&mut self) {
        let Some(path) = &mut self.prices else { return };
        let absolute = std::path::absolute(&*path).ok();
        if let Some(absolute) = absolute.and_then(|absolute| absolute.to_str().map(str::to_owned)) {
            *path = absolute;
        }
    }

    /// What tokens cost: what the file of own prices says, before what is known.
    ///
    /// # Errors
    /// [`tidegate_core::FaultKind::Config`]: the file cannot be read, or what in it is not understood, and where.
    pub(crate) fn prices(&self) -> Result<Prices, Fault> {
        let Some(path) = &self.prices else { return Ok(Prices::builtin()) };
        Prices::with_own(&file::load_prices(Path::new(path))?, path)
    }
}

/// What may be removed from the store because it is gone from the source. A run that finds more gone than allowed
/// here keeps all of it and says so: an unmounted disk looks the same as an emptied folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sweep {
    /// Remove however many are gone.
    pub allow_delete: bool,
    /// Otherwise at most this share of the known documents, from 0 to 1 ...
    pub max_share: f64,
    /// ... or this many, whichever is more.
    pub max_count: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        let policy = tidegate_core::SweepPolicy::default();
        Self { allow_delete: policy.allow_delete, max_share: policy.max_share, max_count: policy.max_count }
    }
}

impl Sweep {
    /// The same as the ledger takes it.
    #[must_use]
    pub fn policy(&self) -> tidegate_core::SweepPolicy {
        tidegate_core::SweepPolicy {
            allow_delete: self.allow_delete,
            max_share: self.max_share,
            max_count: self.max_count,
        }
    }
}

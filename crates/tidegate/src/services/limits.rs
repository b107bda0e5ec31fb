//! What a lane is told before its first call: what the user set, and what is known of the provider.

use std::time::Duration;

use tidegate_call::{Concurrency, LaneSettings, Limit, Timeouts};
use tidegate_core::QuotaUnit;
use tidegate_model::Profile;

use crate::config;

/// Of what a user set nothing is left out, and a profile adds only what the user did not set.
pub(super) fn of(settings: &config::Provider, profile: &Profile, run: &config::Limits) -> LaneSettings {
    let mut limits: Vec<Limit> = [
        (QuotaUnit::Requests, settings.requests_per_minute),
        (QuotaUnit::Inputs, settings.inputs_per_minute),
        (QuotaUnit::Tokens, settings.tokens_per_minute),
        (QuotaUnit::InputTokens, settings.input_tokens_per_minute),
        (QuotaUnit::OutputTokens, settings.output_tokens_per_minute),
    ]
    .into_iter()
    .filter(|(_, amount)| *amount > 0)
    .map(|(unit, amount)| Limit::per_minute(unit, amount))
    .collect();
    for known in &profile.limits {
        if !limits.iter().any(|limit| limit.unit == known.unit && limit.per == known.window) {
            let (unit, amount, per) = (known.unit, known.amount, known.window);
            limits.push(Limit { unit, amount, per, burst: Limit::BURST });
        }
    }
    LaneSettings {
        limits,
        concurrency: concurrency(settings.concurrency, settings.max_concurrency.max(1)),
        slow: slow(settings.timeout.duration()),
        ..usual(run)
    }
}

/// The same for a service of which nothing is known.
pub(super) fn of_web(
    (requests_per_minute, most): (u64, u32),
    timeouts: &Timeouts,
    run: &config::Limits,
) -> LaneSettings {
    let limit = Limit::per_minute(QuotaUnit::Requests, requests_per_minute);
    LaneSettings {
        limits: if requests_per_minute > 0 { vec![limit] } else { Vec::new() },
        concurrency: concurrency(most, MOST_FOUND_OUT),
        slow: slow(timeouts.first_byte),
        ..usual(run)
    }
}

/// Requests in flight where their number is found out; as for models.
const MOST_FOUND_OUT: u32 = 64;

fn concurrency(set: u32, most: u32) -> Concurrency {
    match set {
        0 => Concurrency::Adaptive { first: 4, least: 1, most },
        fixed => Concurrency::Fixed(fixed),
    }
}

fn slow(timeout: Duration) -> Option<Duration> {
    Some(timeout.mul_f64(0.8)).filter(|slow| *slow > Duration::ZERO)
}

fn usual(run: &config::Limits) -> LaneSettings {
    LaneSettings {
        max_hold: run.max_hold.duration(),
        seed: u64::from(std::process::id()),
        ..LaneSettings::default()
    }
}

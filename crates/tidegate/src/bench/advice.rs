//! The settings that a bench recommends.

use std::time::Duration;

use serde::Serialize;
use tidegate_call::LaneView;
use tidegate_core::QuotaUnit;

use super::knee::{Knee, KneeEnd};
use super::trial::Trial;

/// Answers that take so many times the slowest of a hundred are not coming.
const PATIENCE: f64 = 5.0;
/// Shorter timeouts mistake a busy moment for a failure.
const SHORTEST: Duration = Duration::from_secs(5);

/// A setting, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key in `[providers.NAME]`.
    pub key: &'static str,
    /// The value, as it is written in TOML.
    pub value: String,
    /// Why.
    pub why: String,
}

/// What is recommended for a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// The provider.
    pub provider: String,
    /// The settings.
    pub settings: Vec<Setting>,
}

impl Advice {
    /// As a section of a configuration file.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut text = format!("[providers.{}]\n", self.provider);
        for Setting { key, value, why } in &self.settings {
            text.push_str(&format!("# {why}\n{key} = {value}\n"));
        }
        text
    }
}

/// What `view` of a lane, `trials` and `knee` recommend for a provider.
pub(super) fn advise(
    (provider, base): (&str, Option<&str>),
    view: &LaneView,
    trials: &[Trial],
    knee: Option<&Knee>,
) -> Advice {
    let mut settings: Vec<Setting> = base
        .map(|base| Setting {
            key: "base_url",
            value: toml::Value::from(base).to_string(),
            why: "where it was called".to_owned(),
        })
        .into_iter()
        .collect();
    settings.extend(limits(view));
    settings.extend(knee.and_then(concurrency));
    settings.extend(timeout(trials.iter().chain(knee.into_iter().flat_map(|knee| &knee.steps))));
    Advice { provider: provider.to_owned(), settings }
}

fn limits(view: &LaneView) -> Vec<Setting> {
    let key = |unit| match unit {
        QuotaUnit::Requests => "requests_per_minute",
        QuotaUnit::Inputs => "inputs_per_minute",
        QuotaUnit::Tokens => "tokens_per_minute",
        QuotaUnit::InputTokens => "input_tokens_per_minute",
        QuotaUnit::OutputTokens => "output_tokens_per_minute",
    };
    let minute = view.limits.iter().filter(|limit| limit.limit.per == Duration::from_secs(60));
    let mut settings: Vec<Setting> = minute
        .map(|limit| Setting {
            key: key(limit.limit.unit),
            value: limit.limit.amount.to_string(),
            why: if limit.learned { "as the service tells" } else { "as configured" }.to_owned(),
        })
        .collect();
    if let (true, Some(rate)) = (settings.is_empty(), view.guessed_rate) {
        settings.push(Setting {
            key: "requests_per_minute",
            value: ((rate * 60.0).floor() as u64).max(1).to_string(),
            why: "judged by what was refused; ask the service for the true number".to_owned(),
        });
    }
    settings
}

fn concurrency(knee: &Knee) -> Option<Setting> {
    let why = match knee.end {
        KneeEnd::Level => "more in flight only wait longer",
        KneeEnd::Refused => "with more in flight some are refused",
        KneeEnd::Limit => "enough to reach the limit",
        KneeEnd::Most => "the most that were tried; it may bear more",
        KneeEnd::Stopped => return None,
    };
    Some(Setting { key: "concurrency", value: knee.at_once.to_string(), why: why.to_owned() })
}

/// A timeout well above what answers take; none where nothing was answered.
fn timeout<'a>(trials: impl Iterator<Item = &'a Trial>) -> Option<Setting> {
    let answered = trials.filter(|trial| trial.ok > 0 && trial.waited < 0.1);
    let slowest = answered.map(|trial| trial.p99_ms).fold(0.0, f64::max);
    if slowest == 0.0 {
        return None;
    }
    let wanted = Duration::from_secs_f64(slowest / 1e3 * PATIENCE).max(SHORTEST);
    let steps = [5, 10, 15, 30, 60, 120, 300, 600];
    let seconds = steps.into_iter().find(|seconds| wanted.as_secs_f64() <= f64::from(*seconds));
    Some(Setting {
        key: "timeout",
        value: format!("\"{}s\"", seconds.unwrap_or(600)),
        why: format!("99 of 100 answers took {slowest:.0} ms or less"),
    })
}

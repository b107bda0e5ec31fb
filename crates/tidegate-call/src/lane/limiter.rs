//! All limits of a lane at once: reserve an estimate, settle with what was used, learn from both.

use tidegate_core::{Charge, QuotaUnit, Usage};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::settings::{LaneSettings, Limit};

/// The units, in the order of [`Needs`].
const UNITS: [QuotaUnit; 5] = [
    QuotaUnit::Requests,
    QuotaUnit::Inputs,
    QuotaUnit::Tokens,
    QuotaUnit::InputTokens,
    QuotaUnit::OutputTokens,
];
/// How fast the correction of estimates follows what was used.
const FOLLOW: f64 = 0.05;
/// Bounds of that correction: beyond them the estimate is wrong in a way that a factor does not mend.
const CORRECTION: (f64, f64) = (0.5, 3.0);

/// What a call counts, per unit.
pub(super) type Needs = [u64; 5];

/// Where tokens sent stand in [`Needs`].
pub(super) const INPUT: usize = 3;
/// Where tokens answered stand in [`Needs`].
pub(super) const OUTPUT: usize = 4;

fn index(unit: QuotaUnit) -> usize {
    unit as usize
}

#[derive(Debug)]
struct Rule {
    limit: Limit,
    bucket: Bucket,
}

/// The limits of one lane.
#[derive(Debug)]
pub(super) struct Limiter {
    rules: Vec<Rule>,
    /// Used by estimated, per unit.
    correction: [f64; 5],
}

/// What a call used after all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Used {
    /// What was reserved, as far as anybody knows.
    AsReserved,
    /// What the service says.
    Exactly(Usage),
    /// The request, but none of its tokens.
    NoTokens,
    /// Nothing: it never reached the service.
    Nothing,
}

impl Limiter {
    pub(super) fn new(settings: &LaneSettings, now: Instant) -> Self {
        let rule = |limit: &Limit| Rule { limit: *limit, bucket: Bucket::new(limit, settings.share, now) };
        Self { rules: settings.limits.iter().map(rule).collect(), correction: [1.0; 5] }
    }

    /// What `charge` will count, corrected by experience.
    ///
    /// # Errors
    /// The limit that it can never pass.
    pub(super) fn needs(&self, charge: &Charge) -> Result<Needs, (QuotaUnit, u64, u64)> {
        for rule in &self.rules {
            let (wanted, most) = (rule.limit.unit.of(charge), rule.limit.amount);
            if wanted > most {
                return Err((rule.limit.unit, wanted, most));
            }
        }
        Ok(std::array::from_fn(|i| {
            let units = UNITS[i].of(charge);
            (units as f64 * self.correction[i]).ceil() as u64
        }))
    }

    /// Which limit lets `needs` pass last, and when; `None` if all do now.
    pub(super) fn ready(&mut self, now: Instant, needs: &Needs) -> Option<(QuotaUnit, Instant)> {
        let each = |rule: &mut Rule| {
            let need = needs[index(rule.limit.unit)].min(rule.limit.amount);
            rule.bucket.ready(now, need).map(|at| (rule.limit.unit, at))
        };
        self.rules.iter_mut().filter_map(each).max_by_key(|(_, at)| *at)
    }

    pub(super) fn take(&mut self, now: Instant, needs: &Needs) {
        for rule in &mut self.rules {
            rule.bucket.take(now, needs[index(rule.limit.unit)].min(rule.limit.amount));
        }
    }

    /// A call that took `needs` at `at` ended.
    pub(super) fn settle(&mut self, now: Instant, at: Instant, needs: &Needs, used: Used) {
        for rule in &mut self.rules {
            let unit = rule.limit.unit;
            let reserved = needs[index(unit)].min(rule.limit.amount);
            let actual = match used {
                Used::AsReserved => reserved,
                Used::Nothing => 0,
                Used::NoTokens if is_tokens(unit) => 0,
                Used::Exactly(usage) if is_tokens(unit) => tokens(unit, &usage),
                Used::NoTokens | Used::Exactly(_) => reserved,
            };
            rule.bucket.correct(now, at, difference(actual, reserved));
        }
    }

    /// What was used of what was estimated, before correction.
    pub(super) fn learn(&mut self, charge: &Charge, usage: &Usage) {
        for unit in UNITS.into_iter().filter(|unit| is_tokens(*unit)) {
            let estimated = unit.of(charge);
            if estimated > 0 {
                let ratio = tokens(unit, usage) as f64 / estimated as f64;
                let correction = &mut self.correction[index(unit)];
                *correction += FOLLOW * (ratio.min(10.0) - *correction);
                *correction = correction.clamp(CORRECTION.0, CORRECTION.1);
            }
        }
    }

    /// The emptiest of the buckets, from 0 to 1.
    pub(super) fn fullness(&mut self, now: Instant) -> f64 {
        self.rules.iter_mut().map(|rule| rule.bucket.fullness(now)).fold(1.0, f64::min)
    }

    pub(super) fn views(&mut self, now: Instant) -> Vec<LimitView> {
        let view = |rule: &mut Rule| LimitView {
            limit: rule.limit,
            used: rule.bucket.used(now),
            rate: rule.bucket.rate(),
            learned: false,
        };
        self.rules.iter_mut().map(view).collect()
    }
}

/// A limit and its use.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitView {
    /// The limit.
    pub limit: Limit,
    /// Units counted in the current window.
    pub used: u64,
    /// Units a second let through at most now; endless for limits over long windows.
    pub rate: f64,
    /// Whether the service taught it, rather than the settings.
    pub learned: bool,
}

fn is_tokens(unit: QuotaUnit) -> bool {
    matches!(unit, QuotaUnit::Tokens | QuotaUnit::InputTokens | QuotaUnit::OutputTokens)
}

fn tokens(unit: QuotaUnit, usage: &Usage) -> u64 {
    let charge = Charge { inputs: 0, input_tokens: usage.input_tokens, output_tokens: usage.output_tokens };
    unit.of(&charge)
}

fn difference(actual: u64, reserved: u64) -> i64 {
    i64::try_from(i128::from(actual) - i128::from(reserved)).unwrap_or(i64::MAX)
}

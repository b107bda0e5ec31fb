//! All limits of a lane at once: reserve an estimate, settle with what was used, learn from both.

use std::time::Duration;

use tidegate_core::{Charge, Quota, QuotaUnit, Usage};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::learned::Learned;
use super::rule::{LimitView, Rule, index, is_tokens, tokens};
use super::settings::{LaneSettings, Limit};
use crate::mutant::planted;

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

/// Limits of one lane at most; services name four or five.
const MOST_RULES: usize = 16;
/// The pace is cut no more often than this.
const AGAIN: Duration = Duration::from_secs(1);

/// What a call counts, per unit.
pub(super) type Needs = [u64; 5];

/// Where tokens sent stand in [`Needs`].
pub(super) const INPUT: usize = 3;
/// Where tokens answered stand in [`Needs`].
pub(super) const OUTPUT: usize = 4;

/// The limits of one lane.
#[derive(Debug)]
pub(super) struct Limiter {
    rules: Vec<Rule>,
    /// What refusals taught, and the bucket for it where no limit is known.
    learned: Learned,
    guessed: Option<Bucket>,
    /// Used by estimated, per unit.
    correction: [f64; 5],
    share: f64,
    /// Calls that took something so far: what is counted before a limit is known.
    taken: u64,
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
        let more = if planted("a fifth more than the limit") { 1.2 } else { 1.0 };
        let amount =
            |limit: &Limit| if more > 1.0 { (limit.amount as f64 * more) as u64 } else { limit.amount };
        let rule = |limit: &Limit| Rule::new(Limit { amount: amount(limit), ..*limit }, settings.share, now);
        Self {
            rules: settings.limits.iter().map(rule).collect(),
            learned: Learned::new(now),
            guessed: None,
            correction: [1.0; 5],
            share: settings.share,
            taken: 0,
        }
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
        self.follow(now);
        let guessed = self.guessed.as_mut().and_then(|bucket| bucket.ready(now, 1));
        let guessed = guessed.map(|at| (QuotaUnit::Requests, at));
        let each = |rule: &mut Rule| rule.ready(now, needs).map(|at| (rule.limit.unit, at));
        self.rules.iter_mut().filter_map(each).chain(guessed).max_by_key(|(_, at)| *at)
    }

    pub(super) fn take(&mut self, now: Instant, needs: &Needs) {
        self.taken += 1;
        self.learned.sent(now);
        for rule in &mut self.rules {
            rule.take(now, needs);
        }
        if let Some(bucket) = &mut self.guessed {
            bucket.take(now, 1);
        }
    }

    /// A call that took `needs` at `at` ended.
    pub(super) fn settle(&mut self, now: Instant, at: Instant, needs: &Needs, used: Used) {
        for rule in &mut self.rules {
            rule.settle(now, at, needs, used);
        }
    }

    /// A call ended, well or not, but was not told "too many".
    pub(super) fn ended(&mut self) {
        self.learned.ended();
    }

    /// A call was told "too many" and to come back after `hint`. `rest` is for how long the whole lane rests, if it
    /// was told so as a whole; refusals that go on for long count as that too. Whether the pace was cut.
    pub(super) fn limited(&mut self, now: Instant, rest: Option<Duration>, hint: Duration) -> bool {
        let goes_on = self.learned.limited(now);
        let resting = self.learned.cut_until().is_some_and(|until| now < until + AGAIN);
        if resting || (rest.is_none() && !goes_on) {
            return false;
        }
        let known = self.is_known();
        self.learned.cut(now, rest.unwrap_or(hint), known);
        if !known && self.guessed.is_none() {
            let rate = self.learned.pace(now, known).unwrap_or(1.0);
            self.guessed = Some(Bucket::paced(rate, Limit::BURST, now));
        }
        true
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

    /// The head of an answer to a request that began at `began` says how its service counts. It only ever tightens
    /// what the settings allow. How long the lane is to rest if something is drained.
    pub(super) fn reconcile(&mut self, now: Instant, began: Instant, quotas: &[Quota]) -> Option<Duration> {
        let mut rest = None;
        for quota in quotas.iter().filter(|quota| !quota.window.is_zero()) {
            let known = self.rules.iter().position(|rule| rule.is_about(quota));
            let place = known.or_else(|| self.discover(now, quota));
            if let Some(rule) = place.and_then(|place| self.rules.get_mut(place)) {
                rest = rest.max(rule.reconcile(now, began, quota, self.share));
            }
        }
        rest
    }

    /// The emptiest of the buckets, from 0 to 1.
    pub(super) fn fullness(&mut self, now: Instant) -> f64 {
        let guessed = self.guessed.as_mut().map_or(1.0, |bucket| bucket.fullness(now));
        self.rules.iter_mut().map(|rule| rule.bucket.fullness(now)).fold(guessed, f64::min)
    }

    pub(super) fn views(&mut self, now: Instant) -> Vec<LimitView> {
        let view = |rule: &mut Rule| rule.view(now);
        self.rules.iter_mut().map(view).collect()
    }

    /// The pace that refusals taught where no limit is known, in requests a second.
    pub(super) fn guessed_rate(&self) -> Option<f64> {
        self.guessed.as_ref().map(Bucket::rate)
    }

    fn is_known(&self) -> bool {
        self.rules.iter().any(|rule| rule.bucket.rate().is_finite())
    }

    /// A limit that nobody told us of. What was sent already is counted as if it had been sent now.
    fn discover(&mut self, now: Instant, quota: &Quota) -> Option<usize> {
        let amount = quota.limit.filter(|limit| *limit > 0)?;
        if self.rules.len() >= MOST_RULES {
            return None; // a service that names ever new windows does not fill the memory
        }
        let limit = Limit { unit: quota.unit, amount, per: quota.window, burst: Limit::BURST };
        let mut rule = Rule::new(limit, self.share, now);
        rule.learned = true;
        if quota.unit == QuotaUnit::Requests {
            rule.bucket.note(now, self.taken.min(amount));
        }
        self.rules.push(rule);
        self.guessed = None;
        Some(self.rules.len() - 1)
    }

    /// Sets the pace that was learned.
    fn follow(&mut self, now: Instant) {
        if self.learned.cut_until().is_none() {
            return;
        }
        let known = self.is_known();
        let pace = self.learned.pace(now, known);
        if known {
            for rule in &mut self.rules {
                rule.slow_down(now, self.share * pace.unwrap_or(1.0));
            }
        } else if let (Some(bucket), Some(rate)) = (&mut self.guessed, pace) {
            bucket.set_rate(now, rate);
        }
    }
}

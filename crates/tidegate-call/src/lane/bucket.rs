//! One limit of a lane: a smooth pace, and a strict count of the last window.

use std::time::Duration;

use tokio::time::Instant;

use super::settings::Limit;
use super::window::Window;

/// Limits over longer windows are counted but not paced: a thousand requests a day are not one every 86 seconds.
const PACED: Duration = Duration::from_secs(300);

/// A bucket that fills at the pace of its limit. It may run into debt: a request larger than the bucket goes when
/// the bucket is full and is paid off afterwards, so that no request is too large for a bucket, only for a limit.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Units a second.
    rate: f64,
    /// The most that is saved up.
    cap: f64,
    /// Time's worth of the rate that `cap` is.
    burst: Duration,
    /// Units there at `at`; below zero is debt.
    level: f64,
    at: Instant,
    window: Option<Window>,
    /// What was taken before this is not ours to correct.
    born: Instant,
}

impl Bucket {
    /// A full bucket for `limit`, of which `share` is used.
    pub(super) fn new(limit: &Limit, share: f64, now: Instant) -> Self {
        let mut bucket = Self::paced(pace(limit, share), limit.burst, now);
        bucket.window = Some(Window::new(limit.amount, limit.per, now));
        bucket
    }

    /// A full bucket of `rate` units a second and no window.
    pub(super) fn paced(rate: f64, burst: Duration, now: Instant) -> Self {
        let cap = capacity(rate, burst);
        Self { rate, cap, burst, level: cap, at: now, window: None, born: now }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Changes the pace from `now` on.
    pub(super) fn set_rate(&mut self, now: Instant, rate: f64) {
        if rate == self.rate {
            return;
        }
        self.fill(now);
        self.rate = rate;
        self.cap = capacity(rate, self.burst);
        self.level = self.level.min(self.cap);
    }

    pub(super) fn set_amount(&mut self, amount: u64) {
        if let Some(window) = &mut self.window {
            window.set_amount(amount);
        }
    }

    /// When `need` units may go; `None` for now.
    pub(super) fn ready(&mut self, now: Instant, need: u64) -> Option<Instant> {
        self.fill(now);
        let missing = (need as f64).min(self.cap) - self.level;
        let paced = (missing > 1e-6).then(|| now + seconds(missing / self.rate));
        let counted = self.window.as_mut().and_then(|window| window.ready(now, need));
        paced.max(counted)
    }

    /// Takes `need` units, whatever is there.
    pub(super) fn take(&mut self, now: Instant, need: u64) {
        self.fill(now);
        if self.rate.is_finite() {
            self.level -= need as f64;
        }
        if let Some(window) = &mut self.window {
            window.take(now, need);
        }
    }

    /// Corrects what was taken at `at` by what was really used: positive for more, negative to give back. A
    /// correction never fills the bucket beyond its capacity and never makes more than one burst of debt.
    pub(super) fn correct(&mut self, now: Instant, at: Instant, by: i64) {
        if at < self.born || by == 0 {
            return;
        }
        self.fill(now);
        if self.rate.is_finite() {
            let floor = self.level.min(-self.cap);
            self.level = (self.level - by as f64).clamp(floor, self.cap);
        }
        if let Some(window) = &mut self.window {
            window.correct(at, by);
        }
    }

    /// At most `level` is there.
    pub(super) fn tighten(&mut self, now: Instant, level: f64) {
        self.fill(now);
        if self.rate.is_finite() {
            self.level = self.level.min(level.max(-self.cap));
        }
    }

    /// Notes units that somebody used before this bucket knew of the limit.
    pub(super) fn note(&mut self, now: Instant, units: u64) {
        if let Some(window) = &mut self.window {
            window.take(now, units);
        }
    }

    /// Units counted in the current window.
    pub(super) fn used(&mut self, now: Instant) -> u64 {
        self.window.as_mut().map_or(0, |window| window.used(now))
    }

    /// How full it is, from 0 (empty or in debt) to 1.
    pub(super) fn fullness(&mut self, now: Instant) -> f64 {
        self.fill(now);
        if self.rate.is_finite() { (self.level / self.cap).clamp(0.0, 1.0) } else { 1.0 }
    }

    fn fill(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.at);
        if !past.is_zero() {
            if self.rate.is_finite() {
                self.level = (self.level + self.rate * past.as_secs_f64()).min(self.cap);
            }
            self.at = now;
        }
    }
}

/// The pace of `limit` in units a second; endless where it is only counted.
pub(super) fn pace(limit: &Limit, share: f64) -> f64 {
    if limit.per > PACED {
        return f64::INFINITY;
    }
    (limit.amount as f64 * share / limit.per.as_secs_f64().max(1e-3)).max(1e-6)
}

/// At least one unit, or nothing would ever pass.
fn capacity(rate: f64, burst: Duration) -> f64 {
    if rate.is_finite() { (rate * burst.as_secs_f64()).max(1.0) } else { f64::INFINITY }
}

/// `seconds`, rounded up to a microsecond so that what is waited for is there afterwards; at most a year.
fn seconds(seconds: f64) -> Duration {
    const YEAR: f64 = 365.0 * 86_400.0;
    Duration::from_secs_f64(seconds.clamp(0.0, YEAR)) + Duration::from_micros(1)
}

//! Latency at one level of concurrency, measured so that a heavy tail does not lie.
//!
//! A cohort is a fixed number of calls sent one after another at full concurrency. Its median counts those still in
//! flight as longer than all others, so it is not biased towards the quick ones, and a median does not care how long
//! the tail is. Means do: a rule on mean latency shrinks a lane for one slow answer in a hundred.

use std::time::Duration;

/// What a call of a cohort is remembered by; zero for calls of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark(u32);

/// The calls that are being measured.
#[derive(Debug, Default)]
pub(super) struct Cohort {
    id: u32,
    /// Calls to pass before the first is measured: they were sent into the queue of another level.
    skip: u32,
    size: u32,
    sent: u32,
    lost: u32,
    /// Calls in flight when each was sent, summed.
    level: f64,
    /// Logarithms of the latencies of those that ended.
    logs: Vec<f64>,
}

/// What a cohort showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measure {
    /// Calls in flight on average.
    pub(super) level: f64,
    /// Logarithm of the median latency in seconds.
    pub(super) log: f64,
    /// Calls measured.
    size: f64,
    /// Variance of `log`.
    pub(super) variance: f64,
}

impl Measure {
    /// The same, with at least the noise of this deviation of single latencies.
    pub(super) fn rough(self, deviation: f64) -> Self {
        Self { variance: self.variance.max((1.25 * deviation).powi(2) / self.size), ..self }
    }
}

impl Cohort {
    /// Begins a new cohort of `size` after `skip` calls.
    pub(super) fn begin(&mut self, size: u32, skip: u32) {
        self.id = self.id.wrapping_add(1).max(1);
        (self.skip, self.size, self.sent, self.lost, self.level) = (skip, size, 0, 0, 0.0);
        self.logs.clear();
    }

    /// A call is sent beside `in_flight` − 1 others, as many as there may be.
    pub(super) fn enter(&mut self, in_flight: u32) -> Mark {
        if self.skip > 0 {
            self.skip -= 1;
            return Mark(0);
        }
        if self.sent == self.size {
            return Mark(0);
        }
        self.sent += 1;
        self.level += f64::from(in_flight);
        Mark(self.id)
    }

    /// A call ended; `took` for answered ones. The measure, once enough of the cohort ended.
    pub(super) fn leave(&mut self, mark: Mark, took: Option<Duration>) -> Option<Measure> {
        if mark.0 == 0 || mark.0 != self.id {
            return None;
        }
        match took {
            Some(took) => self.logs.push(took.as_secs_f64().max(1e-6).ln()),
            None => self.lost += 1,
        }
        let whole = self.size.saturating_sub(self.lost);
        if whole * 2 < self.size {
            let (size, skip) = (self.size, self.skip);
            self.begin(size, skip); // too few are left to say anything
            return None;
        }
        let enough = f64::from(whole) * 0.6;
        (self.sent == self.size && self.logs.len() as f64 >= enough).then(|| self.measure(whole as usize))
    }

    fn measure(&mut self, whole: usize) -> Measure {
        self.logs.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| self.logs[((whole as f64 * share) as usize).min(self.logs.len() - 1)];
        let median = at(0.5);
        // In a normal distribution of logarithms the median lies 0.84 deviations above the lowest fifth, and the
        // median of n values deviates by 1.25 / √n of them.
        let deviation = (median - at(0.2)) / 0.84;
        let variance = (1.25 * deviation).powi(2) / whole as f64;
        let level = self.level / f64::from(self.sent);
        self.id = self.id.wrapping_add(1).max(1); // the rest of it is not waited for
        Measure { level, log: median, size: whole as f64, variance }
    }
}

/// What pairs of measures say of the price of concurrency: the growth of latency by the growth of the level, both as
/// logarithms. Zero: more in flight costs nothing. One: more in flight brings nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Evidence {
    growth: f64,
    step: f64,
    variance: f64,
    pub(super) rounds: u32,
}

impl Evidence {
    pub(super) fn add(&mut self, low: &Measure, high: &Measure) {
        self.growth += high.log - low.log;
        self.step += (high.level / low.level).ln();
        self.variance += low.variance + high.variance;
        self.rounds += 1;
    }

    /// The price; one where the level hardly changed.
    pub(super) fn price(&self) -> f64 {
        if self.step > 0.01 { self.growth / self.step } else { 1.0 }
    }

    /// Its standard error.
    pub(super) fn error(&self) -> f64 {
        self.variance.sqrt() / self.step.max(0.01)
    }

    /// By what factor the throughput grew, on average of the rounds.
    pub(super) fn gain(&self) -> f64 {
        ((self.step - self.growth) / f64::from(self.rounds.max(1))).exp()
    }
}

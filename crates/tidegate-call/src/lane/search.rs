//! Finds the level beyond which more calls in flight bring no more answers.
//!
//! The rule compares throughput at two levels, one after the other and again and again until the noise is small
//! enough to tell. Rules that hold latency against the best one ever seen were refused: on a service whose latency
//! has a heavy tail, or grows a little with every call while throughput still doubles, they settle far too low.

use super::cohort::{Evidence, Measure};

/// Above this price of concurrency (see [`Evidence::price`]) more in flight is not worth it.
const DEAR: f64 = 0.6;
/// The first step: doubling.
const FIRST: f64 = std::f64::consts::LN_2;
/// The last step, a fourth.
const LAST: f64 = 0.2231;
/// Where the noise allows it, the very last step.
const FINE: f64 = 0.1;
const QUIET: f64 = 0.1;
/// Slow start does not ask below this: so few in flight are never a queue worth the time to measure it.
const UNASKED: f64 = 8.0;
/// Slow start takes at least this deviation of latencies (as logarithms) for granted: few values hide it.
const ROUGH: f64 = 0.5;
/// Pairs of measures after which the better guess is taken.
const ROUNDS: u32 = 4;
/// How much surer a step down must be than one up, in standard errors: doubt grows.
const SURE_DOWN: f64 = 1.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Take,
    Leave,
    Unsure,
}

/// What to do after a measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next {
    /// Measure at this level.
    At(f64),
    /// This is it.
    Found(f64),
}

/// A search under way.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// The best level known.
    base: f64,
    least: f64,
    most: f64,
    way: Way,
    step: f64,
    evidence: Evidence,
    at_base: Option<Measure>,
    /// Whether what is measured now is the trial.
    trying: bool,
    /// Ways that were refused since the base last moved.
    refused: [bool; 2],
    /// Whether the last trial was decided with hardly any noise.
    quiet: bool,
    /// Slow start: one measure a level, and on in doubt.
    fast: bool,
    /// Whether it only looks for a lower level.
    down_only: bool,
}

impl Search {
    /// Doubles from `base` until it no longer pays.
    pub(super) fn slow_start(base: f64, (least, most): (f64, f64)) -> Self {
        let mut search = Self::around(base, (least, most), Way::Up);
        search.step = FIRST;
        search.fast = true;
        if base >= most {
            search.way = Way::Down;
            search.fast = false;
        }
        search
    }

    /// Looks whether a level near `base` is better, first that `way`.
    pub(super) fn around(base: f64, (least, most): (f64, f64), way: Way) -> Self {
        Self {
            base,
            least,
            most,
            way,
            step: LAST,
            evidence: Evidence::default(),
            at_base: None,
            trying: false,
            refused: [false; 2],
            quiet: false,
            fast: false,
            down_only: false,
        }
    }

    /// With another first step.
    pub(super) fn striding(mut self, step: f64) -> Self {
        self.step = step;
        self
    }

    /// Only ever down.
    pub(super) fn down_only(mut self) -> Self {
        self.down_only = true;
        self
    }

    pub(super) fn is_down_only(&self) -> bool {
        self.down_only
    }

    /// Whether latencies hardly differ: fewer of them say as much.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }

    /// The level now has been measured.
    pub(super) fn measured(&mut self, measure: Measure) -> Next {
        let measure = if self.fast { measure.rough(ROUGH) } else { measure };
        let Some(base) = self.at_base.filter(|_| self.trying) else {
            self.at_base = Some(measure);
            return self.attempt();
        };
        let (low, high) = if self.way == Way::Up { (&base, &measure) } else { (&measure, &base) };
        self.evidence.add(low, high);
        self.quiet = !self.fast && self.evidence.error() < QUIET;
        match self.verdict() {
            Verdict::Take => {
                self.base = self.trial();
                self.at_base = Some(measure);
                self.evidence = Evidence::default();
                self.refused = [false; 2];
                self.attempt()
            }
            Verdict::Leave => self.refuse(),
            Verdict::Unsure => {
                self.trying = false;
                Next::At(self.base)
            }
        }
    }

    fn verdict(&self) -> Verdict {
        if self.fast && self.trial() <= UNASKED {
            return Verdict::Take;
        }
        let (price, error) = (self.evidence.price(), self.evidence.error());
        let last = self.fast || self.evidence.rounds >= ROUNDS;
        let sure = if self.fast || self.way == Way::Down { SURE_DOWN } else { 1.0 };
        let (dear, cheap) = (price - sure * error > DEAR, price + error < DEAR);
        let (yes, no) = if self.way == Way::Up { (cheap, dear) } else { (dear, cheap) };
        match (yes, no) {
            (true, _) => Verdict::Take,
            (_, true) => Verdict::Leave,
            _ if !last => Verdict::Unsure,
            // In doubt up rather than down.
            _ if self.way == Way::Up && (self.fast || price < DEAR) => Verdict::Take,
            _ => Verdict::Leave,
        }
    }

    /// Goes to the trial of the present way, or of the other if there is no room this way.
    fn attempt(&mut self) -> Next {
        let trial = self.trial();
        let moves = (trial / self.base).ln().abs() > 0.05 && (trial - self.base).abs() >= 1.0;
        if moves {
            self.trying = true;
            return Next::At(trial);
        }
        self.turn()
    }

    /// The trial was not better. It still says where the best level is: at the one that does without a queue what
    /// the trial did with one.
    fn refuse(&mut self) -> Next {
        if self.way == Way::Up {
            let most = (self.trial() / self.base).max(1.0);
            self.base = (self.base * self.evidence.gain().clamp(0.9, most)).clamp(self.least, self.most);
        }
        self.evidence = Evidence::default();
        self.trying = false;
        self.at_base = None;
        self.turn()
    }

    fn turn(&mut self) -> Next {
        if self.down_only {
            return Next::Found(self.base);
        }
        self.fast = false;
        self.refused[self.way as usize] = true;
        self.way = if self.way == Way::Up { Way::Down } else { Way::Up };
        if self.refused == [true; 2] {
            let last = if self.quiet { FINE } else { LAST };
            if self.step <= last {
                return Next::Found(self.base);
            }
            self.step = (self.step / 2.0).max(last);
            self.refused = [false; 2];
        }
        match self.at_base {
            Some(_) => self.attempt(),
            None => Next::At(self.base),
        }
    }

    fn trial(&self) -> f64 {
        let factor = if self.way == Way::Up { self.step.exp() } else { (-self.step).exp() };
        (self.base * factor).round().clamp(self.least, self.most)
    }
}

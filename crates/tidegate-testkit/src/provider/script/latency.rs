//! How long an answer takes.

use std::time::Duration;

use serde::Deserialize;

use crate::provider::rng::Rng;
use crate::provider::span::Span;

/// A distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same: `{ fixed = "50ms" }`.
    Fixed(Span),
    /// Anything between two times, equally likely: `{ uniform = { from = "20ms", to = "80ms" } }`.
    Uniform {
        /// The shortest.
        from: Span,
        /// The longest.
        to: Span,
    },
    /// Log-normal, the shape of real services, with the tail its two percentiles give:
    /// `{ log_normal = { p50 = "50ms", p99 = "900ms" } }`.
    LogNormal {
        /// Half of the answers are faster.
        p50: Span,
        /// One in a hundred is slower.
        p99: Span,
    },
}

/// The standard normal distribution's 99th percentile.
const Z99: f64 = 2.326_347_87;

impl Distribution {
    /// One time of this distribution.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Duration {
        match self {
            Self::Fixed(span) => span.0,
            Self::Uniform { from, to } => from.0 + to.0.saturating_sub(from.0).mul_f64(rng.unit()),
            Self::LogNormal { p50, p99 } => {
                let sigma = (p99.0.as_secs_f64() / p50.0.as_secs_f64()).ln() / Z99;
                // Six sigmas are one in 10^9: beyond that a draw would be an accident of the tail, not its shape.
                p50.0.mul_f64((sigma * rng.normal().clamp(-6.0, 6.0)).exp().min(1e6))
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::LogNormal { p50, p99 } if p50.0.is_zero() || p99 < p50 => {
                Err("`log_normal` needs a `p50` above zero and a `p99` that is not below it".to_owned())
            }
            Self::Uniform { from, to } if to < from => {
                Err("`uniform` needs `from` not above `to`".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Fixed(Span::default())
    }
}

/// How long an answer takes: `base + per_input × inputs + per_token × tokens`, from the last byte of the request to
/// the first byte of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// For every request.
    pub base: Distribution,
    /// For each text in it.
    pub per_input: Span,
    /// For each token in it; of a chat, for each token of the question.
    pub per_token: Span,
    /// Between the pieces of a stream; for a chat that is not streamed, for each piece it would have had.
    pub per_piece: Span,
}

impl Latency {
    /// The time until the first byte for a request of `inputs` texts with `tokens` tokens.
    pub(crate) fn draw(&self, rng: &mut Rng, inputs: u64, tokens: u64) -> Duration {
        self.base.draw(rng)
            + self.per_input.0.mul_f64(inputs as f64)
            + self.per_token.0.mul_f64(tokens as f64)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.base.check()
    }
}

/// What happens when many requests are worked on at once: with n of them, n beyond `at`, an answer takes
/// (n / at)^steepness times as long, so that throughput no longer grows, or falls.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knee {
    /// Requests that can be worked on at full speed.
    pub at: u32,
    /// Requests beyond `at` that are still taken; more are answered 503. Without it all are taken.
    #[serde(default)]
    pub queue: Option<u32>,
    /// 1 (the default): throughput stays level beyond the knee; above 1: it falls.
    #[serde(default = "one")]
    pub steepness: f64,
}

fn one() -> f64 {
    1.0
}

impl Knee {
    /// How many times longer an answer takes with `busy` requests at once, this one among them; nothing if it is
    /// refused.
    pub(crate) fn stretch(&self, busy: usize) -> Option<f64> {
        let over = busy.saturating_sub(self.at as usize);
        match self.queue {
            Some(queue) if over > queue as usize => None,
            _ => Some((busy as f64 / f64::from(self.at)).max(1.0).powf(self.steepness)),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.at == 0 || !(0.0..=10.0).contains(&self.steepness) {
            return Err("`knee` needs an `at` above 0 and a `steepness` from 0 to 10".to_owned());
        }
        Ok(())
    }
}

//! What came of a load.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tidegate_call::Told;
use tidegate_core::Fault;

use super::load::Way;
use super::target::Ended;
use super::usage::Used;

/// What came of a load that was put on a provider in one way.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// The way.
    pub way: Way,
    /// Calls in flight at most.
    pub at_once: usize,
    /// Calls that were begun.
    pub calls: u64,
    /// Texts that were answered.
    pub ok: u64,
    /// Texts that were not.
    pub lost: u64,
    /// From the first call to the last answer.
    pub seconds: f64,
    /// Calls a second.
    pub per_second: f64,
    /// Milliseconds from a call's begin to its end, its waits and repeats included: half of the calls took no longer.
    pub p50_ms: f64,
    /// 95 in 100 took no longer.
    pub p95_ms: f64,
    /// 99 in 100 took no longer.
    pub p99_ms: f64,
    /// Milliseconds until the first text of streamed answers, in the same three shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_text_ms: Option<[f64; 3]>,
    /// Requests sent.
    pub sent: u64,
    /// Of these, repeats after a failure.
    pub retried: u64,
    /// Of these, second tries beside a slow first one.
    pub hedged: u64,
    /// Requests without a good answer, by status or by what became of the connection; `given up` are those that were
    /// waited for no longer.
    pub failures: BTreeMap<String, u64>,
    /// Texts that were not answered, by the kind of fault.
    pub lost_by: BTreeMap<&'static str, u64>,
    /// Share of the calls' time that was spent waiting for a turn or between tries, from 0 to 1.
    pub waited: f64,
    /// CPU time of this process, in seconds.
    pub cpu_seconds: f64,
    /// The same for each call, in microseconds.
    pub cpu_us_per_call: f64,
    /// Resident memory before, in bytes.
    pub memory_before_bytes: u64,
    /// The most resident memory, in bytes.
    pub memory_peak_bytes: u64,
    /// The most connections.
    pub connections: u64,
    /// The most open files, connections among them.
    pub files: u64,
    /// Tokens sent and answered, as the service counts.
    pub tokens: u64,
    /// What it cost, in the currency of the price table; 0 where no price is known.
    pub cost: f64,
    /// Why it ended before all calls were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The same, as a fault.
    #[serde(skip)]
    pub fault: Option<Fault>,
}

/// Adds up calls.
#[derive(Default)]
pub(super) struct Tally {
    took: Vec<f32>,
    first: Vec<f32>,
    ok: u64,
    lost: BTreeMap<&'static str, u64>,
    told: Told,
    pub(super) fatal: Option<Fault>,
}

impl Tally {
    pub(super) fn add(&mut self, ended: Ended) {
        self.took.push(ended.took.as_secs_f32());
        self.first.extend(ended.first.map(|first| first.as_secs_f32()));
        self.ok += ended.ok;
        for kind in ended.lost {
            *self.lost.entry(kind.name()).or_default() += 1;
        }
        self.told.add(&ended.told);
        self.fatal = self.fatal.take().or(ended.fatal);
    }

    /// Adds what another thread added up.
    pub(super) fn merge(&mut self, other: Self) {
        self.took.extend(other.took);
        self.first.extend(other.first);
        self.ok += other.ok;
        for (kind, many) in other.lost {
            *self.lost.entry(kind).or_default() += many;
        }
        self.told.add(&other.told);
        self.fatal = self.fatal.take().or(other.fatal);
    }

    pub(super) fn trial(
        mut self,
        (way, at_once): (Way, usize),
        used: &Used,
        failures: BTreeMap<String, u64>,
    ) -> Trial {
        let calls = self.took.len() as u64;
        let each = calls.max(1) as f64;
        let (seconds, cpu) = (used.wall.as_secs_f64(), used.cpu.as_secs_f64());
        let busy: f64 = self.took.iter().copied().map(f64::from).sum();
        let [p50_ms, p95_ms, p99_ms] = shares(&mut self.took);
        Trial {
            way,
            at_once,
            calls,
            ok: self.ok,
            lost: self.lost.values().sum(),
            seconds,
            per_second: calls as f64 / seconds.max(1e-9),
            p50_ms,
            p95_ms,
            p99_ms,
            first_text_ms: (!self.first.is_empty()).then(|| shares(&mut self.first)),
            sent: self.told.sent,
            retried: self.told.retried,
            hedged: self.told.hedged,
            failures,
            lost_by: self.lost,
            waited: share(self.told.waited, busy),
            cpu_seconds: cpu,
            cpu_us_per_call: cpu / each * 1e6,
            memory_before_bytes: used.memory_before,
            memory_peak_bytes: used.memory_peak,
            connections: used.connections,
            files: used.files,
            tokens: self.told.usage.input_tokens + self.told.usage.output_tokens,
            cost: self.told.cost,
            stopped: self.fatal.as_ref().map(ToString::to_string),
            fault: self.fatal,
        }
    }
}

fn share(part: Duration, whole: f64) -> f64 {
    if whole > 0.0 { (part.as_secs_f64() / whole).min(1.0) } else { 0.0 }
}

/// What 50, 95 and 99 in 100 did not exceed, in milliseconds; zero where there are none.
fn shares(seconds: &mut [f32]) -> [f64; 3] {
    seconds.sort_unstable_by(f32::total_cmp);
    [0.50, 0.95, 0.99].map(|share| {
        let at = ((share * seconds.len() as f64).ceil() as usize).saturating_sub(1);
        seconds.get(at).map_or(0.0, |seconds| f64::from(*seconds) * 1e3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_seen() {
        let mut hundred: Vec<f32> = (1..=100).rev().map(|n| n as f32 / 1e3).collect();
        assert_eq!(shares(&mut hundred).map(f64::round), [50.0, 95.0, 99.0]);
        assert_eq!(shares(&mut [0.5]), [500.0; 3]);
        assert_eq!(shares(&mut []), [0.0; 3]);
    }
}

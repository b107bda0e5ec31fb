//! How long answers took lately: two histograms of 30 s, of which the older is thrown away.

use std::time::Duration;

use tokio::time::Instant;

/// How long one histogram is filled.
const ROTATE: Duration = Duration::from_secs(30);
/// Fewer answers say nothing of a tail.
const ENOUGH: u32 = 100;
/// Parts of a power of two: values are known to within 1/16.
const SUB: u64 = 16;
const BUCKETS: usize = 36 * SUB as usize;
/// How long a computed quantile is used again: reading the histograms costs more than an admission.
const KEEP: Duration = Duration::from_millis(50);

/// The latencies of one lane.
#[derive(Debug)]
pub(super) struct Latency {
    now: Box<[u32; BUCKETS]>,
    before: Box<[u32; BUCKETS]>,
    counts: [u32; 2],
    since: Instant,
    /// The last answer of [`Self::p95`] and when it was computed.
    known: Option<(Instant, Duration)>,
}

impl Latency {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now: Box::new([0; BUCKETS]),
            before: Box::new([0; BUCKETS]),
            counts: [0, 0],
            since: now,
            known: None,
        }
    }

    pub(super) fn record(&mut self, now: Instant, took: Duration) {
        self.rotate(now);
        self.now[bucket(took)] += 1;
        self.counts[0] += 1;
    }

    /// What 95 of 100 recent answers did not exceed; `None` with too few of them.
    pub(super) fn p95(&mut self, now: Instant) -> Option<Duration> {
        self.rotate(now);
        let count = self.counts[0] + self.counts[1];
        if count < ENOUGH {
            return None;
        }
        if let Some((at, p95)) = self.known
            && now.saturating_duration_since(at) < KEEP
        {
            return Some(p95);
        }
        let rank = (f64::from(count) * 0.95).ceil() as u32;
        let mut seen = 0;
        let found = self.now.iter().zip(self.before.iter()).position(|(now, before)| {
            seen += now + before;
            seen >= rank
        })?;
        let p95 = upper(found);
        self.known = Some((now, p95));
        Some(p95)
    }

    fn rotate(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.since);
        if past < ROTATE {
            return;
        }
        std::mem::swap(&mut self.now, &mut self.before);
        self.counts = [0, self.counts[0]];
        self.now.fill(0);
        if past >= 2 * ROTATE {
            self.before.fill(0);
            self.counts = [0, 0];
        }
        self.since = now;
        self.known = None;
    }
}

fn bucket(took: Duration) -> usize {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if us < SUB {
        return us as usize;
    }
    let power = u64::from(us.ilog2()) - u64::from(SUB.ilog2());
    let part = (us >> power) - SUB;
    usize::try_from((power + 1) * SUB + part).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

fn upper(bucket: usize) -> Duration {
    let bucket = bucket as u64;
    if bucket < SUB {
        return Duration::from_micros(bucket);
    }
    let (power, part) = (bucket / SUB - 1, bucket % SUB);
    Duration::from_micros(((SUB + part + 1) << power) - 1)
}

//! A whole lane against services that count strictly, with requests that travel for different times.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::{Quota, QuotaUnit, Usage};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::dice::Dice;
use super::*;

const REQUESTS: u64 = 6_000;
const TOKENS: u64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Counting {
    /// Everything within the last minute.
    Window,
    /// A bucket that holds a second's worth.
    Bucket,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Nothing,
    /// How long to wait after a refusal.
    Hints,
    /// Limits and what is left, in every head.
    Heads,
}

/// The service. Shares no code with the limiter.
struct Service {
    counting: Counting,
    says: Says,
    uses: Mutex<VecDeque<(Instant, u64)>>,
    bucket: Mutex<(Instant, f64, f64)>,
    refused: AtomicU64,
}

impl Service {
    fn new(counting: Counting, says: Says) -> Arc<Self> {
        let bucket = Mutex::new((Instant::now(), REQUESTS as f64 / 60.0, TOKENS as f64 / 60.0));
        Arc::new(Self { counting, says, uses: Mutex::default(), bucket, refused: AtomicU64::new(0) })
    }

    /// What is left after the request, or in how long it would pass.
    fn arrive(&self, tokens: u64) -> Result<[u64; 2], Duration> {
        let now = Instant::now();
        if self.counting == Counting::Bucket {
            let (requests, per) = (REQUESTS as f64 / 60.0, TOKENS as f64 / 60.0);
            let mut bucket = self.bucket.lock().unwrap();
            let past = now.duration_since(bucket.0).as_secs_f64();
            *bucket = (now, (bucket.1 + past * requests).min(requests), (bucket.2 + past * per).min(per));
            if bucket.1 < 1.0 || bucket.2 < tokens as f64 {
                let wait = ((1.0 - bucket.1) / requests).max((tokens as f64 - bucket.2) / per);
                return Err(Duration::from_secs_f64(wait.max(0.001)));
            }
            bucket.1 -= 1.0;
            bucket.2 -= tokens as f64;
            return Ok([bucket.1 as u64, bucket.2 as u64]);
        }
        let mut uses = self.uses.lock().unwrap();
        while uses.front().is_some_and(|(at, _)| now.duration_since(*at) >= Duration::from_secs(60)) {
            uses.pop_front();
        }
        let sum: u64 = uses.iter().map(|(_, tokens)| tokens).sum();
        if uses.len() as u64 >= REQUESTS || sum + tokens > TOKENS {
            let oldest = uses.front().map_or(now, |(at, _)| *at);
            return Err(oldest + Duration::from_secs(60) - now);
        }
        uses.push_back((now, tokens));
        Ok([REQUESTS - uses.len() as u64, TOKENS - sum - tokens])
    }

    fn head(&self, left: [u64; 2]) -> Vec<Quota> {
        if self.says != Says::Heads {
            return Vec::new();
        }
        let window = Duration::from_secs(60);
        [(QuotaUnit::Requests, REQUESTS, left[0]), (QuotaUnit::Tokens, TOKENS, left[1])]
            .map(|(unit, limit, left)| Quota {
                unit,
                limit: Some(limit),
                window,
                remaining: Some(left),
                reset: Some(window),
            })
            .to_vec()
    }

    fn outcome(&self, tokens: u64) -> Outcome {
        match self.arrive(tokens) {
            Ok(left) => Outcome::Answered {
                usage: Some(Usage { input_tokens: tokens, cached_tokens: 0, output_tokens: 0 }),
                cost: 0.0,
                quotas: self.head(left),
            },
            Err(wait) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let wait = (self.says != Says::Nothing).then_some(wait);
                Outcome::Failed {
                    kind: FailureKind::RateLimited,
                    wait,
                    quotas: self.head([0, 0]),
                    fault: None,
                }
            }
        }
    }
}

/// Sends `texts` through one lane; the share of the quota that was used, and refusals.
async fn run(limits: Vec<Limit>, service: Arc<Service>, texts: u64) -> (f64, u64) {
    let concurrency = Concurrency::Adaptive { first: 4, least: 1, most: 64 };
    let lane = Lane::new(name(), LaneSettings { limits, concurrency, ..LaneSettings::default() });
    let (next, sum) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let dice = Arc::new(Dice::new(7));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..64 {
        let (lane, service, next, sum, dice) =
            (lane.clone(), service.clone(), next.clone(), sum.clone(), dice.clone());
        workers.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < texts {
                let tokens = 20 + (dice.unit() * 320.0) as u64;
                sum.fetch_add(tokens, Ordering::Relaxed);
                let mut attempt = 0;
                loop {
                    attempt += 1;
                    // The estimate is a fifth off, either way.
                    let estimate = (tokens as f64 * (0.8 + 0.4 * dice.unit())) as u64;
                    let ticket = send(&lane, ask(estimate)).await.unwrap();
                    tokio::time::sleep(dice.below(ms(40))).await;
                    let outcome = service.outcome(tokens);
                    tokio::time::sleep(ms(30)).await;
                    let hint = match &outcome {
                        Outcome::Answered { .. } => None,
                        Outcome::Failed { wait, .. } => Some(*wait),
                    };
                    ticket.settle(outcome);
                    let Some(hint) = hint else { break };
                    tokio::time::sleep(lane.backoff(attempt, hint, true, Priority::Bulk)).await;
                }
            }
        });
    }
    while workers.join_next().await.is_some() {}
    let took = start.elapsed().as_secs_f64() / 60.0;
    let share =
        (texts as f64 / REQUESTS as f64).max(sum.load(Ordering::Relaxed) as f64 / TOKENS as f64) / took;
    (share, service.refused.load(Ordering::Relaxed))
}

fn known() -> Vec<Limit> {
    vec![Limit::per_minute(QuotaUnit::Requests, REQUESTS), Limit::per_minute(QuotaUnit::Tokens, TOKENS)]
}

#[tokio::test(start_paused = true)]
async fn a_known_quota_is_used_up_with_hardly_a_refusal() {
    for says in [Says::Nothing, Says::Heads] {
        for (counting, texts) in [(Counting::Bucket, 5_000), (Counting::Window, 20_000)] {
            let (share, refused) = run(known(), Service::new(counting, says), texts).await;
            assert!(share >= 0.99 && refused <= 5, "{says:?} {counting:?}: {share}, {refused} refused");
        }
    }
}

/// What is reached without knowing the limits, by what the service says: the share of the quota that is used, and the
/// share of calls that are refused while the limits are learned (a minute, or more than three).
const LEARNED: [(Says, Counting, f64, f64); 6] = [
    (Says::Heads, Counting::Bucket, 0.97, 0.001),
    (Says::Heads, Counting::Window, 0.97, 0.001),
    (Says::Hints, Counting::Bucket, 0.93, 0.05),
    (Says::Hints, Counting::Window, 0.93, 0.02),
    (Says::Nothing, Counting::Bucket, 0.90, 0.03),
    // Nothing tells a window of a minute from a service that is shut for most of it.
    (Says::Nothing, Counting::Window, 0.70, 0.03),
];

#[tokio::test(start_paused = true)]
async fn an_unknown_quota_is_learned() {
    for (says, counting, least, most) in LEARNED {
        let texts = if counting == Counting::Bucket { 5_000 } else { 20_000 };
        let (share, refused) = run(Vec::new(), Service::new(counting, says), texts).await;
        let refused = refused as f64 / texts as f64;
        assert!(share >= least && refused <= most, "{says:?} {counting:?}: {share:.4}, {refused:.4} refused");
    }
}

//! Adaptive concurrency against toy services, in paused time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::dice::Dice;
use super::*;

/// How a toy answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Always after 50 ms.
    Constant,
    /// 400 ms up to 48 in flight; beyond it latency grows faster than the level.
    Knee,
    /// The same, each answer from half to one and a half times as late.
    NoisyKnee,
    /// Log-normal around 400 ms with deviation 1.
    HeavyTail,
    /// 100 ms, 20 requests a second with a second of burst, else 429.
    Hosted,
    /// 24 at a time at 200 ms, a queue of 64, else 503; a quarter of that between 40 % and 60 % of the time.
    BrownOut,
}

struct Toy {
    kind: Kind,
    in_flight: AtomicU32,
    dice: Dice,
    bucket: Mutex<(f64, Instant)>,
    start: Instant,
    span: Duration,
}

impl Toy {
    fn new(kind: Kind, span: Duration, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            kind,
            in_flight: AtomicU32::new(0),
            dice: Dice::new(seed),
            bucket: Mutex::new((20.0, now)),
            start: now,
            span,
        }
    }

    async fn call(&self) -> Result<(), FailureKind> {
        let beside = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let (took, end) = self.answer(f64::from(beside));
        tokio::time::sleep(Duration::from_secs_f64(took)).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        end
    }

    fn answer(&self, n: f64) -> (f64, Result<(), FailureKind>) {
        match self.kind {
            Kind::Constant => (0.05, Ok(())),
            Kind::Knee => (0.4 * (n / 48.0).powf(1.2).max(1.0), Ok(())),
            Kind::NoisyKnee => (0.4 * (n / 48.0).powf(1.2).max(1.0) * (0.5 + self.dice.unit()), Ok(())),
            Kind::HeavyTail => {
                let (u, v) = (self.dice.unit().max(1e-12), self.dice.unit());
                let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                (0.4 * normal.exp(), Ok(()))
            }
            Kind::Hosted => {
                let mut bucket = self.bucket.lock().unwrap();
                let past = bucket.1.elapsed().as_secs_f64();
                *bucket = ((bucket.0 + past * 20.0).min(20.0), Instant::now());
                if bucket.0 < 1.0 {
                    return (0.02, Err(FailureKind::RateLimited));
                }
                bucket.0 -= 1.0;
                (0.1, Ok(()))
            }
            Kind::BrownOut => {
                let part = self.start.elapsed().as_secs_f64() / self.span.as_secs_f64();
                let slots = if (0.4..0.6).contains(&part) { 6.0 } else { 24.0 };
                if n > slots + 64.0 {
                    return (0.02, Err(FailureKind::Overloaded));
                }
                (0.2 * (n / slots).max(1.0), Ok(()))
            }
        }
    }
}

/// What came of a run.
#[derive(Debug)]
struct Seen {
    /// Answers a second.
    rate: f64,
    refused: f64,
    allowed: u32,
    /// Answers a second and p95 in the second half.
    late: (f64, f64),
}

async fn run(kind: Kind, concurrency: Concurrency, span: Duration, seed: u64) -> Seen {
    let lane = Lane::new(name(), LaneSettings { concurrency, seed, ..LaneSettings::default() });
    let toy = Arc::new(Toy::new(kind, span, seed));
    let (refused, took) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
    let end = Instant::now() + span;
    let mut workers = JoinSet::new();
    for _ in 0..320 {
        let (lane, toy, refused, took) = (lane.clone(), toy.clone(), refused.clone(), took.clone());
        workers.spawn(async move {
            while Instant::now() < end {
                let ticket = send(&lane, ask(1)).await.unwrap();
                let begun = Instant::now();
                match toy.call().await {
                    Ok(()) if Instant::now() > end => ticket.settle(good()),
                    Ok(()) => {
                        let late = Instant::now() > end - span / 2;
                        took.lock().unwrap().push((begun.elapsed().as_secs_f64() * 1e3, late));
                        ticket.settle(good());
                    }
                    Err(kind) => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        ticket.settle(bad(kind));
                        tokio::time::sleep(lane.backoff(1, None, true, Priority::Bulk)).await;
                    }
                }
            }
        });
    }
    while workers.join_next().await.is_some() {}
    let took = std::mem::take(&mut *took.lock().unwrap());
    let mut late: Vec<f64> = took.iter().filter(|(_, late)| *late).map(|(took, _)| *took).collect();
    late.sort_unstable_by(f64::total_cmp);
    let refused = f64::from(refused.load(Ordering::Relaxed));
    Seen {
        rate: took.len() as f64 / span.as_secs_f64(),
        refused: refused / (refused + took.len() as f64),
        allowed: lane.view().allowed,
        late: (late.len() as f64 * 2.0 / span.as_secs_f64(), late[late.len() * 95 / 100]),
    }
}

fn adaptive(first: u32, most: u32) -> Concurrency {
    Concurrency::Adaptive { first, least: 1, most }
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_service_that_bears_everything_is_given_everything() {
    for (first, most) in [(1, 64), (4, 64), (64, 64), (4, 256)] {
        let seen = run(Kind::Constant, adaptive(first, most), Duration::from_secs(10), 1).await;
        let best = f64::from(most) / 0.05;
        assert!(seen.late.0 >= 0.97 * best, "from {first} of {most}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_knee_is_found_from_any_start() {
    let best = run(Kind::Knee, Concurrency::Fixed(48), MINUTE, 1).await;
    for (first, most) in [(1, 256), (4, 64), (4, 256), (48, 256), (256, 256)] {
        for (kind, share, p95_ms) in [(Kind::Knee, 0.95, 500.0), (Kind::NoisyKnee, 0.90, 650.0)] {
            let seen = run(kind, adaptive(first, most), 2 * MINUTE, 1).await;
            assert!(seen.late.0 >= share * best.rate, "{kind:?} from {first} of {most}: {seen:?}");
            assert!(seen.late.1 <= p95_ms, "{kind:?} from {first} of {most}: {seen:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_heavy_tail_shrinks_nothing() {
    let best = run(Kind::HeavyTail, Concurrency::Fixed(64), MINUTE, 1).await;
    for (first, seed) in [(1, 1), (4, 2), (4, 3), (64, 4)] {
        let seen = run(Kind::HeavyTail, adaptive(first, 64), MINUTE, seed).await;
        assert!(seen.late.0 >= 0.9 * best.rate, "from {first}: {seen:?} of {best:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hosted_service_is_used_up_without_asking_it_in_vain() {
    for first in [1, 4, 48] {
        let seen = run(Kind::Hosted, adaptive(first, 64), 5 * MINUTE, 1).await;
        assert!(seen.rate >= 0.9 * 20.0 && seen.refused <= 0.05, "from {first}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_brown_out_is_ridden_out() {
    // The best that can be served: 120 a second, a quarter of it for a fifth of the time.
    let best = 120.0 * 0.8 + 30.0 * 0.2;
    for first in [1, 4, 48] {
        let seen = run(Kind::BrownOut, adaptive(first, 256), 2 * MINUTE, 1).await;
        assert!(seen.rate >= 0.85 * best && seen.refused <= 0.015, "from {first}: {seen:?}");
        assert!((16..=48).contains(&seen.allowed), "{seen:?}");
    }
}

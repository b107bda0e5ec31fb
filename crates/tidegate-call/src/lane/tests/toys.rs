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
    p95_ms: f64,
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
    let mut took: Vec<f64> = took.into_iter().map(|(took, _)| took).collect();
    took.sort_unstable_by(f64::total_cmp);
    late.sort_unstable_by(f64::total_cmp);
    let refused = f64::from(refused.load(Ordering::Relaxed));
    Seen {
        rate: took.len() as f64 / span.as_secs_f64(),
        p95_ms: took[took.len() * 95 / 100],
        refused: refused / (refused + took.len() as f64),
        allowed: lane.view().allowed,
        late: (late.len() as f64 * 2.0 / span.as_secs_f64(), late[late.len() * 95 / 100]),
    }
}

#[tokio::test(start_paused = true)]
async fn table() {
    for (kind, secs) in [
        (Kind::Constant, 10),
        (Kind::Knee, 60),
        (Kind::HeavyTail, 60),
        (Kind::Hosted, 60),
        (Kind::BrownOut, 60),
    ] {
        for fixed in [8, 48, 256] {
            let seen = run(kind, Concurrency::Fixed(fixed), Duration::from_secs(secs), 1).await;
            eprintln!("{kind:?} fixed {fixed}: {seen:.3?}");
        }
        for (first, most) in [(4, 64), (1, 256), (4, 256), (48, 256), (256, 256)] {
            for seed in 0..2 {
                let seen = run(
                    kind,
                    Concurrency::Adaptive { first, least: 1, most },
                    Duration::from_secs(secs),
                    seed,
                )
                .await;
                eprintln!("{kind:?} {first}..{most}: {seen:.3?}");
            }
        }
    }
}

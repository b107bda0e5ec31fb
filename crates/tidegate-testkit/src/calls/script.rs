//! Draws the provider of a lane: how fast it is, what it allows, and everything that goes wrong with it.

use std::time::Duration;

use tidegate_call::Concurrency;
use tidegate_core::Grouping;

use super::people::DIMENSIONS;
use super::plan::{LanePlan, Loss, Lossy, Work};
use super::texts::POISON;
use crate::provider::script::{
    Act, Chat, Distribution, Embedding, Fault, Hint, Knee, Latency, Lie, Limit, Outage, OutageKind, Poison,
    Refusals, Scope, Shape, Unit, When,
};
use crate::provider::{Script, Span};
use crate::sim::Rng;

/// The providers' time at the start of a seed, in seconds since 1970.
pub(crate) const EPOCH: u64 = 1_795_000_000;
/// The profiles of the wire format that the simulation speaks.
const PROFILES: [&str; 2] = ["openai", "compatible"];

/// A lane for vectors.
pub(crate) fn vectors(rng: &mut Rng) -> LanePlan {
    let grouping = Grouping {
        items: rng.pick(&[1, 3, 8, 16]),
        linger: Duration::from_millis(rng.pick(&[0, 20])),
        ..Grouping::default()
    };
    lane(rng, Work::Vectors(grouping))
}

/// A lane for answers.
pub(crate) fn answers(rng: &mut Rng) -> LanePlan {
    lane(rng, Work::Answers)
}

/// A lane that is quick for long enough to know its latency, and then hangs and crawls.
pub(crate) fn hedging(rng: &mut Rng) -> LanePlan {
    let mut plan = lane(rng, Work::Vectors(Grouping { items: 1, ..Grouping::default() }));
    let act = if rng.chance(500) { Act::HangBeforeHeaders } else { Act::Slow { times: 100.0 } };
    let (after, to) = (Some(110), Some(Span::from_secs(600)));
    let when = When { after, to, probability: Some(0.6), ..When::default() };
    plan.script.latency.base = Distribution::Fixed(Span::from_millis(30));
    plan.script.faults = vec![Fault { when, act }];
    (plan.script.limits, plan.known, plan.losses) = (Vec::new(), Vec::new(), Vec::new());
    (plan.script.outages, plan.script.knee) = (Vec::new(), None);
    (plan.width, plan.concurrency, plan.hedge) = (40, Concurrency::Fixed(64), true);
    plan.max_tokens = None;
    plan
}

/// A lane that first resets every connection and then hangs, while only people ask it: they try it again, and leave
/// before it answers.
pub(crate) fn probing(rng: &mut Rng) -> LanePlan {
    let mut plan = lane(rng, Work::Vectors(Grouping { items: 1, ..Grouping::default() }));
    let (turn, end) = (Span::from_secs(rng.between(10, 20)), Span::from_secs(rng.between(60, 200)));
    let outage = |from, to, kind| Outage { from, to, kind };
    plan.script.outages =
        vec![outage(Span::default(), turn, OutageKind::Reset), outage(turn, end, OutageKind::Hang)];
    (plan.script.limits, plan.known, plan.losses) = (Vec::new(), Vec::new(), Vec::new());
    plan.script.faults = Vec::new();
    (plan.width, plan.concurrency, plan.max_tokens) = (1, Concurrency::Fixed(4), None);
    plan
}

fn lane(rng: &mut Rng, work: Work) -> LanePlan {
    let limits = limits(rng);
    let told = rng.chance(600);
    let known = limits.iter().filter(|limit| told && limit.unit != Unit::Concurrent).copied().collect();
    let outages = outages(rng);
    let faults = faults(rng, work);
    let losses = losses(rng);
    let script = Script {
        seed: rng.draw(),
        epoch: Some(EPOCH),
        embedding: Embedding { dimensions: DIMENSIONS, ignore_base64: rng.chance(300) },
        chat: Chat { reply: None, words: rng.between(4, 16) as usize },
        latency: latency(rng),
        knee: knee(rng),
        limits,
        refusals: Refusals { hint: hint(rng), headers: rng.chance(600), count_refused: rng.chance(200) },
        outages,
        poison: vec![Poison { text: POISON.to_owned(), status: rng.pick(&[None, Some(422)]), message: None }],
        faults,
        ..Script::default()
    };
    let first = rng.pick(&[1, 2, 4, 16]);
    let concurrency = match rng.chance(500) {
        true => Concurrency::Fixed(first),
        false => Concurrency::Adaptive { first, least: 1, most: rng.pick(&[16, 64]) },
    };
    LanePlan {
        work,
        width: rng.pick(&[1, 3, 8, 24]),
        profile: rng.pick(&PROFILES),
        script,
        losses,
        known,
        concurrency,
        hedge: rng.chance(500),
        max_tokens: rng.chance(60).then(|| rng.between(200, 3_000)),
    }
}

/// The same provider once everything is repaired; what it allows, and what it refuses, stays.
pub(crate) fn healed(script: &Script) -> Script {
    let mut healed = Script { outages: Vec::new(), faults: Vec::new(), ..script.clone() };
    if healed.refusals.hint == Hint::Huge {
        healed.refusals.hint = Hint::Usual; // a lane that is told to rest for a day rests
    }
    healed
}

fn latency(rng: &mut Rng) -> Latency {
    let (p50, p99) = rng.pick(&[(20, 60), (50, 900), (200, 3_000)]);
    let base = match rng.below(3) {
        0 => Distribution::Fixed(Span::from_millis(rng.pick(&[0, 20, 150]))),
        1 => Distribution::Uniform { from: Span::from_millis(10), to: Span::from_millis(p50 * 2) },
        _ => Distribution::LogNormal { p50: Span::from_millis(p50), p99: Span::from_millis(p99) },
    };
    Latency { base, per_piece: Span::from_millis(rng.pick(&[0, 5, 40])), ..Latency::default() }
}

fn knee(rng: &mut Rng) -> Option<Knee> {
    rng.chance(150).then(|| Knee { at: rng.pick(&[2, 6]), queue: rng.pick(&[None, Some(4)]), steepness: 1.0 })
}

fn limits(rng: &mut Rng) -> Vec<Limit> {
    let mut limits = Vec::new();
    for _ in 0..rng.pick(&[0, 0, 1, 1, 2]) {
        let (unit, amount) = match rng.below(6) {
            0 | 1 => (Unit::Requests, rng.between(10, 40)),
            2 => (Unit::Tokens, rng.between(900, 3_000)),
            3 => (Unit::InputTokens, rng.between(600, 2_000)),
            4 => (Unit::Inputs, rng.between(30, 90)),
            _ => (Unit::Concurrent, rng.between(1, 6)),
        };
        let shape = match rng.below(4) {
            0 => Shape::Bucket(Span::from_secs(rng.pick(&[1, 10]))),
            1 => Shape::Fixed,
            _ => Shape::Sliding,
        };
        let window = Span::from_secs(rng.pick(&[10, 60]));
        // A bucket that holds less than the largest request would never let it pass.
        let shape = if unit == Unit::Requests || matches!(shape, Shape::Sliding | Shape::Fixed) {
            shape
        } else {
            Shape::Bucket(window)
        };
        limits.push(Limit { unit, amount, window, shape, scope: Scope::All });
    }
    limits
}

fn hint(rng: &mut Rng) -> Hint {
    const HINTS: [Hint; 15] = [
        Hint::Usual,
        Hint::None,
        Hint::Seconds,
        Hint::FractionalSeconds,
        Hint::Milliseconds,
        Hint::HttpDate,
        Hint::PastHttpDate,
        Hint::Negative,
        Hint::Infinite,
        Hint::Huge,
        Hint::ResetGoDuration,
        Hint::ResetUnix,
        Hint::ResetRfc3339,
        Hint::MessageText,
        Hint::AzureText,
    ];
    // A day's wait ends a run; seeds that learn nothing else from it need not be many.
    let drawn = HINTS[rng.below(HINTS.len() as u64) as usize].clone();
    if drawn == Hint::Huge && rng.chance(700) { Hint::Seconds } else { drawn }
}

/// A stretch of time near the start.
fn stretch(rng: &mut Rng) -> (Span, Span) {
    let ahead = rng.pick(&[1, 300, 3_000]);
    let from = Duration::from_millis(rng.below(ahead));
    let lasting = rng.pick(&[400, 5_000, 60_000, 600_000]);
    let to = from + Duration::from_millis(rng.between(lasting / 2, lasting));
    (Span(from), Span(to))
}

fn outages(rng: &mut Rng) -> Vec<Outage> {
    let mut outages = Vec::new();
    while rng.chance(250) {
        let (from, mut to) = stretch(rng);
        if rng.chance(80) {
            to = Span(to.0 + Duration::from_secs(2_400));
        }
        let kinds = [OutageKind::Status, OutageKind::Reset, OutageKind::Refuse, OutageKind::Hang];
        outages.push(Outage { from, to, kind: rng.pick(&kinds) });
    }
    outages
}

fn losses(rng: &mut Rng) -> Vec<Lossy> {
    if !rng.chance(180) {
        return Vec::new();
    }
    let (from, to) = stretch(rng);
    let what = rng.pick(&[Loss::Dns, Loss::Refused, Loss::ConnectTimeout, Loss::ConnectTimeout, Loss::Tls]);
    vec![Lossy { what, per_mille: rng.pick(&[50, 300, 1_000]), from: from.0, to: to.0 }]
}

fn faults(rng: &mut Rng, work: Work) -> Vec<Fault> {
    let mut faults = Vec::new();
    for _ in 0..rng.pick(&[0, 1, 1, 2, 3, 5]) {
        let (from, to) = stretch(rng);
        let act = act(rng, work);
        let share = rng.pick(&[0.03, 0.1, 0.3, 1.0]);
        let when = When { probability: Some(share), from: Some(from), to: Some(to), ..When::default() };
        faults.push(Fault { when, act });
    }
    if rng.chance(70) {
        let (_, to) = stretch(rng);
        let acts = [Act::InsufficientQuota, Act::DailyQuota, Act::PaymentRequired, Act::WrongKey];
        let act = acts[rng.below(4) as usize].clone();
        let when = When { after: Some(rng.below(30)), to: Some(to), ..When::default() };
        faults.push(Fault { when, act });
    }
    faults
}

fn act(rng: &mut Rng, work: Work) -> Act {
    match rng.below(10) {
        0..3 => refusal(rng),
        3..5 => connection(rng),
        5..7 => body(rng),
        _ if work == Work::Answers => answer(rng),
        _ => rows(rng),
    }
}

fn refusal(rng: &mut Rng) -> Act {
    if rng.chance(600) {
        let wait = Span::from_millis(rng.pick(&[50, 1_000, 7_000, 40_000]));
        return Act::TooMany { hint: hint(rng), wait: Some(wait) };
    }
    Act::Status { code: rng.pick(&[500, 502, 503, 529, 408]), message: None }
}

fn connection(rng: &mut Rng) -> Act {
    match rng.below(9) {
        0 => Act::ResetBeforeReading,
        1 => Act::ResetInsteadOfAnswer,
        2 => Act::ResetMidBody { after: None },
        3 => Act::Cut { after: None },
        4 => Act::HangBeforeHeaders,
        5 => Act::HangAfterHeaders,
        6 => Act::HangMidBody { after: None },
        7 => Act::Stall { after: None, pause: Span::from_millis(rng.pick(&[900, 30_000])) },
        _ => Act::Slow { times: 20.0 },
    }
}

fn body(rng: &mut Rng) -> Act {
    match rng.below(12) {
        0 => Act::Truncated { keep: 0.7 },
        1 => Act::Html,
        2 => Act::Empty,
        3 => Act::Bom,
        4 => Act::ErrorInOk,
        5 => Act::Body { text: r#"{"data":[],"choices":[]}"#.to_owned(), content_type: None },
        6 => Act::Gigabyte { bytes: None },
        7 => Act::GzipBomb { bytes: Some(1 << 21) },
        8 => Act::WrongLength { by: rng.pick(&[-3, 3, 3]) },
        9 => Act::ChunkedWithoutEnd,
        10 => Act::OtherModel { name: "other".to_owned() },
        _ => {
            let lies = [Lie::Drained, Lie::ResetInPast, Lie::NoReset, Lie::Plenty, Lie::Nonsense];
            Act::LyingHeaders { lie: rng.pick(&lies) }
        }
    }
}

fn rows(rng: &mut Rng) -> Act {
    match rng.below(9) {
        0 => Act::WrongCount { by: rng.pick(&[-1, 1]) },
        1 | 2 => Act::Permuted,
        3 => Act::DuplicateIndex,
        4 => Act::MissingIndex,
        5 => Act::WrongDimensions { to: 5 },
        6 => Act::Nan,
        7 => Act::Null,
        _ => Act::Zeros,
    }
}

fn answer(rng: &mut Rng) -> Act {
    match rng.below(6) {
        0 | 1 => Act::LengthStop,
        2 => Act::Filtered,
        3 => Act::NoContent,
        4 => Act::NoEndMarker,
        _ => Act::ErrorEvent { after: None },
    }
}

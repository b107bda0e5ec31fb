//! What one seed stands for: lanes and their providers, documents, people, and how each life of the process ends.

use std::time::Duration;

use tidegate_call::Concurrency;
use tidegate_core::Grouping;
use tidegate_engine::Options;

use super::journal::Faults;
use super::people::Person;
use super::script;
use super::texts::{self, Document};
use crate::provider::Script;
use crate::provider::script::Limit;
use crate::sim::{End, Rng};

/// A whole simulation, as drawn from its seed.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) lanes: Vec<LanePlan>,
    pub(crate) documents: Vec<Document>,
    pub(crate) options: Options,
    /// How long bulk calls wait for a lane that answers nobody.
    pub(crate) max_hold: Duration,
    pub(crate) rounds: Vec<Round>,
}

/// What a lane is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Vectors of so many texts at once.
    Vectors(Grouping),
    /// An answer to one text.
    Answers,
}

/// One lane and its provider.
#[derive(Debug, Clone)]
pub(crate) struct LanePlan {
    pub(crate) work: Work,
    /// Calls that the engine makes at once.
    pub(crate) width: usize,
    pub(crate) profile: &'static str,
    pub(crate) script: Script,
    pub(crate) losses: Losses,
    /// Limits that the lane is told of.
    pub(crate) known: Vec<Limit>,
    pub(crate) concurrency: Concurrency,
    pub(crate) hedge: bool,
    pub(crate) max_tokens: Option<u64>,
}

/// How a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Dns,
    Refused,
    ConnectTimeout,
    Tls,
}

impl Loss {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns failure",
            Self::Refused => "connection refused",
            Self::ConnectTimeout => "connect timeout",
            Self::Tls => "tls failure",
        }
    }
}

/// Connections that fail, per mille, in a stretch of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lossy {
    pub(crate) what: Loss,
    pub(crate) per_mille: u64,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

/// All of them.
pub(crate) type Losses = Vec<Lossy>;

/// One life of the process.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) end: End,
    /// When the run begins, milliseconds after people may come.
    pub(crate) late: u64,
    pub(crate) people: Vec<Person>,
    pub(crate) journal: Faults,
}

impl Plan {
    /// Draws the plan of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let hedging = rng.chance(50);
        let probing = !hedging && rng.chance(20);
        let lanes: Vec<LanePlan> = match rng.below(6) {
            _ if probing => vec![script::probing(rng)],
            _ if hedging => vec![script::hedging(rng)],
            0 | 1 => vec![script::vectors(rng)],
            2 => vec![script::answers(rng)],
            3 => vec![script::vectors(rng), script::vectors(rng), script::answers(rng)],
            _ => vec![script::vectors(rng), script::answers(rng)],
        };
        let count = if hedging { 260 } else { rng.between(5, 70) / lanes.len() as u64 + 3 };
        let stock = rng.pick(&[20, 200, 100_000]);
        let stock = if hedging { 100_000 } else { stock };
        let poison = rng.pick(&[0, 30, 150]);
        let documents = texts::draw(rng, (count, stock), poison);
        let max_hold = Duration::from_secs(rng.pick(&[300, 1_800]));
        let options = options(rng, max_hold);
        let faulty = if hedging || probing { 1 } else { rng.below(4) };
        let mut rounds: Vec<Round> = (0..faulty).map(|n| round(rng, (&lanes, n), false)).collect();
        if probing {
            for round in &mut rounds {
                let crowd = |n| impatient(rng, n);
                (round.end, round.people) = (End::Itself, (0..60).map(crowd).collect());
                round.late = 200_000;
            }
        }
        if hedging {
            rounds[0].end = End::Itself;
        }
        rounds.push(round(rng, (&lanes, faulty), true));
        Self { lanes, documents, options, max_hold, rounds }
    }

    /// Words of the answers of a lane.
    pub(crate) fn words(&self, lane: usize) -> usize {
        self.lanes[lane].script.chat.words
    }
}

fn options(rng: &mut Rng, max_hold: Duration) -> Options {
    Options {
        queue_items: rng.pick(&[2, 8, 256]),
        in_flight: rng.pick(&[3, 16, 256]),
        max_hold,
        drain_deadline: Duration::from_secs(25),
        cores: 1,
        ..Options::default()
    }
}

fn round(rng: &mut Rng, (lanes, n): (&[LanePlan], u64), last: bool) -> Round {
    let most = if rng.chance(200) { 12 } else { 5 };
    let mut people = Vec::new();
    for who in 0..rng.below(most) {
        people.extend(visitors(rng, lanes.len(), n * 1_000 + who * 10));
    }
    if last {
        return Round { end: End::Itself, late: 0, people, journal: Faults { slow: 3, ..Faults::default() } };
    }
    Round { end: end(rng), late: 0, people, journal: journal(rng) }
}

/// A person who waits a moment only.
fn impatient(rng: &mut Rng, n: u64) -> Person {
    let (at, patience) = (rng.below(200_000), rng.between(200, 3_000));
    Person { lane: 0, at, question: texts::text("?", n), patience, leaves: None, streams: false }
}

/// A person, or two who ask the same.
fn visitors(rng: &mut Rng, lanes: usize, n: u64) -> Vec<Person> {
    let at = rng.pick(&[200, 5_000, 60_000]);
    let first = Person {
        lane: rng.below(lanes as u64) as usize,
        at: rng.below(at),
        question: texts::text("?", n),
        patience: rng.pick(&[500, 5_000, 30_000]),
        leaves: rng.chance(300).then(|| rng.between(1, 2_000)),
        streams: rng.chance(400),
    };
    if !rng.chance(300) {
        return vec![first];
    }
    let second = Person {
        at: first.at + rng.below(40),
        leaves: None,
        patience: rng.pick(&[100, 1_000, 30_000, 30_000]),
        streams: false,
        ..first.clone()
    };
    let leaves = rng.chance(600).then(|| rng.between(1, 90));
    vec![Person { leaves, streams: false, patience: 30_000, ..first }, second]
}

fn end(rng: &mut Rng) -> End {
    let at = rng.pick(&[100, 2_000, 20_000, 400_000]);
    let at = rng.between(1, at);
    match rng.below(8) {
        0 => End::Drain(at),
        1 => End::Abort(at),
        2 => End::DrainAbort(at, rng.between(0, 5_000)),
        3..6 => End::Crash(at),
        _ => End::Itself,
    }
}

fn journal(rng: &mut Rng) -> Faults {
    let mut faults = Faults { slow: rng.pick(&[0, 5, 300]), ..Faults::default() };
    if rng.chance(250) {
        faults.busy_before = rng.between(0, 300);
        faults.busy_after = rng.between(0, 300);
        faults.full = rng.pick(&[0, 200]);
        faults.lookup = rng.between(0, 100);
    }
    faults
}

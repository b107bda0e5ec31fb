//! What one seed stands for: the flow, its limits, and what goes wrong when.

use std::time::Duration;

use tidegate_core::{Grouping, SweepPolicy};
use tidegate_engine::Options;

use super::rng::Rng;

/// A whole simulation, as drawn from its seed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Items at the start.
    pub things: u64,
    /// Poisoned items per mille.
    pub poison: u64,
    /// A stream of rows with positions rather than a folder of documents.
    pub stream: bool,
    /// Nothing is edited, moved or deleted.
    pub append_only: bool,
    /// The source never ends by itself.
    pub endless: bool,
    /// Concurrency of the asynchronous stage, if there is one.
    pub each: Option<usize>,
    /// A window of three before the embedding, and how long it lingers.
    pub window: Option<Option<Duration>>,
    /// Concurrency and grouping of the embedding stage, if there is one.
    pub embed: Option<(usize, Grouping)>,
    /// Whether the sink wants listing order.
    pub ordered: bool,
    /// Units per commit.
    pub commit: Grouping,
    /// The run's limits.
    pub options: Options,
    /// The rounds; the last one is without faults.
    pub rounds: Vec<Round>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Round {
    /// How it is ended.
    pub end: End,
    /// What goes wrong in it.
    pub faults: Faults,
    /// Whether the source goes on listing nothing for ever.
    pub endless: bool,
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// When the source does.
    Itself,
    /// By a drain at this millisecond.
    Drain(u64),
    /// By an abort.
    Abort(u64),
    /// By a drain, and an abort some milliseconds later.
    DrainAbort(u64, u64),
    /// The process dies.
    Crash(u64),
}

/// Everything that can have an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Listing.
    List,
    /// Reading.
    Fetch,
    /// The asynchronous stage.
    Each,
    /// The embedding.
    Embed,
}

/// What goes wrong in a round.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Outages: of what, from and until which millisecond.
    pub outages: Vec<(Target, u64, u64)>,
    /// Per mille of reads that find the item changing.
    pub changing: u64,
    /// Per mille of reads that find the item gone or edited since it was listed.
    pub moving: u64,
    /// Per mille of storage calls that fail before they had an effect.
    pub busy_before: u64,
    /// Per mille of storage calls that fail although they had their effect.
    pub busy_after: u64,
    /// The longest latency, milliseconds.
    pub latency: u64,
}

impl Plan {
    /// Draws the plan of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let window =
            rng.chance(300).then(|| rng.chance(500).then(|| Duration::from_millis(rng.between(1, 900))));
        let ordered = rng.chance(350);
        let stream = rng.chance(350);
        let endless = rng.chance(250);
        let things = if rng.chance(50) { rng.below(3) } else { rng.between(3, 24) };
        let mut plan = Self {
            things,
            poison: rng.pick(&[0, 100, 300]),
            stream,
            append_only: stream || ordered || window.is_some(),
            endless,
            each: rng.chance(600).then(|| rng.between(1, 4) as usize),
            window,
            embed: rng.chance(700).then(|| (rng.between(1, 3) as usize, grouping(rng))),
            ordered,
            commit: grouping(rng),
            options: options(rng),
            rounds: Vec::new(),
        };
        if plan.window.is_some() {
            plan.options.stage_at = 5_000; // merged records have no place by which parts could be told apart
        }
        for _ in 0..rng.between(0, 4) {
            let endless = plan.endless;
            plan.rounds.push(Round { end: end(rng, endless), faults: faults(rng), endless });
        }
        // A window without linger keeps its last members open until the source ends.
        let endless = plan.endless && plan.window.is_none();
        plan.rounds.push(Round {
            end: End::Itself,
            faults: Faults { latency: 20, ..Faults::default() },
            endless,
        });
        plan
    }

    /// A bound on how far the memory budget may be overdrawn, as a factor: chunks of 160 bytes and more cost 256
    /// bytes of bookkeeping each, a window copies its members, and so does the record of a whole item.
    #[must_use]
    pub fn overdraft(&self) -> u64 {
        let windows = if self.window.is_some() { 2 } else { 1 };
        8 * windows
    }
}

fn grouping(rng: &mut Rng) -> Grouping {
    Grouping {
        items: rng.pick(&[1, 2, 3, 8, 64, 0]),
        bytes: rng.pick(&[0, 0, 700, 4_000]),
        tokens: rng.pick(&[0, 0, 3, 20]),
        linger: Duration::from_millis(rng.pick(&[0, 1, 20, 500])),
    }
}

fn options(rng: &mut Rng) -> Options {
    Options {
        memory: rng.pick(&[2_000, 6_000, 20_000, 1 << 20]),
        queue_items: rng.pick(&[1, 2, 8, 256]),
        queue_bytes: rng.pick(&[1, 1_000, 16 << 20]),
        in_flight: rng.pick(&[1, 2, 5, 64]),
        fetches: rng.between(1, 4) as usize,
        max_hold: Duration::from_secs(rng.pick(&[5, 60, 1_800])),
        drain_deadline: Duration::from_secs(rng.pick(&[1, 25])),
        stage_at: rng.pick(&[1, 2, 5, 5_000, 5_000]),
        sweep: SweepPolicy { allow_delete: true, ..SweepPolicy::default() },
        cores: rng.between(1, 3) as usize,
    }
}

fn end(rng: &mut Rng, endless: bool) -> End {
    let at = rng.pick(&[3, 30, 300, 3_000]);
    let at = rng.between(0, at);
    match rng.below(if endless { 4 } else { 6 }) {
        0 => End::Drain(at),
        1 => End::Abort(at),
        2 => End::DrainAbort(at, rng.between(0, 100)),
        3 => End::Crash(at),
        _ => End::Itself,
    }
}

fn faults(rng: &mut Rng) -> Faults {
    let mut faults = Faults { latency: rng.pick(&[0, 5, 50, 400]), ..Faults::default() };
    for _ in 0..rng.below(4) {
        let target = rng.pick(&[Target::List, Target::Fetch, Target::Each, Target::Embed, Target::Embed]);
        let (ahead, length) = (rng.pick(&[1, 50, 1_000]), rng.pick(&[10, 2_000, 100_000]));
        let from = rng.below(ahead);
        faults.outages.push((target, from, from + rng.between(1, length)));
    }
    if rng.chance(400) {
        (faults.changing, faults.moving) = (rng.between(0, 400), rng.between(0, 200));
    }
    if rng.chance(500) {
        (faults.busy_before, faults.busy_after) = (rng.between(0, 300), rng.between(0, 300));
    }
    faults
}

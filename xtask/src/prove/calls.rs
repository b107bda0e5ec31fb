//! Kills `tidegate` while it embeds with a model of a provider, lets it go on, and has judged what was paid for.
//!
//! The provider is a process of its own. What was sent is counted from its log, and what was kept is read from the
//! store; the run's own report is not asked for its opinion.

use std::path::Path;
use std::time::Instant;

use super::crash::{Plan, in_a_folder};
use super::paying::Paying;
use super::strike::Kill;
use crate::random::Random;
use crate::tool::{Build, Tool};

/// How texts go to the provider.
#[derive(Debug)]
pub(super) struct Round {
    /// What to call it.
    pub(super) name: &'static str,
    /// Texts of a request.
    pub(super) batch: u64,
    /// Requests at once.
    pub(super) workers: u64,
    /// Whether nothing fails and nothing is hedged, so that every text is sent once.
    pub(super) steady: bool,
    /// What the provider does beside answering.
    pub(super) script: &'static str,
}

const LATENCY: &str = "[latency]\nbase = { log_normal = { p50 = \"3ms\", p99 = \"12ms\" } }\n";

pub(super) const ROUNDS: &[Round] = &[
    Round { name: "one text a call", batch: 1, workers: 16, steady: true, script: LATENCY },
    Round { name: "16 texts a call", batch: 16, workers: 4, steady: true, script: LATENCY },
    Round {
        name: "faults and hedges",
        batch: 1,
        workers: 16,
        steady: false,
        script: "\
[latency]
base = { log_normal = { p50 = \"3ms\", p99 = \"12ms\" } }
[[faults]]
when = { probability = 0.01 }
act = { status = { code = 503 } }
[[faults]]
when = { probability = 0.005 }
act = { too_many = { hint = \"milliseconds\", wait = \"20ms\" } }
[[faults]]
when = { probability = 0.005 }
act = \"reset_instead_of_answer\"
[[faults]]
when = { probability = 0.02 }
act = { slow = { times = 20.0 } }
",
    },
];

/// The points that a run with a provider passes, and up to which passage it is killed there.
#[rustfmt::skip]
const POINTS: &[(&str, u64)] = &[
    ("call.keep.before", 60),
    ("call.keep.after", 60),
    ("journal.append.before", 4),
    ("journal.append.after", 4),
    ("store.commit.begin", 2),
    ("store.commit.middle", 2),
    ("store.commit.before", 2),
    ("store.commit.after", 2),
    ("store.sweep.before", 1),
];

/// The first so many points lie before a commit.
const BEFORE_COMMIT: usize = 4;

/// Documents of a world and paragraphs of each, of which three make about two texts: with what is added between the
/// runs, 2,000 texts.
const SIZE: (u64, u64) = (25, 60);

/// Random kills in one world.
const KILLS_PER_WORLD: u64 = 8;

/// So many runs in a row may end before they are killed.
const MOST_IDLE: u64 = 50;

/// What a proof counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Requests.
    pub(super) sent: u64,
    /// Kills at random moments.
    pub(super) at_random: u64,
    /// Kills at named points.
    pub(super) at_points: u64,
    /// Texts in flight at all kills.
    pub(super) in_flight: u64,
    /// The most texts in flight at one kill, of those that may be.
    pub(super) fullest: (u64, u64),
    /// Texts sent again.
    pub(super) sent_again: u64,
    /// Texts tried again after a fault.
    pub(super) retried: u64,
    /// Texts hedged.
    pub(super) hedged: u64,
}

/// The proof of the everyday test.
pub(crate) fn short(kills: u64) -> Result<String, String> {
    prove(&Tool::build(Build::Killpoints)?, &Plan { kills, seed: 1, keep: false })
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    let (mut tally, mut random, start) = (Tally::default(), Random::new(plan.seed), Instant::now());
    let mut worlds = 0;
    while tally.at_random < plan.kills || worlds < ROUNDS.len() {
        let (round, seed) = (&ROUNDS[worlds % ROUNDS.len()], random.next());
        let wanted = KILLS_PER_WORLD.min(plan.kills.saturating_sub(tally.at_random));
        // Named points once; further worlds would show nothing new about them. Of the larger batches, those points
        // at which a batch could be torn.
        let points = match worlds {
            0 => POINTS,
            1 => &POINTS[..BEFORE_COMMIT],
            _ => &[],
        };
        in_a_folder(plan, seed, |dir| world(tool, (dir, seed), round, (wanted, points), &mut tally))
            .map_err(|error| format!("seed {}, {}: {error}", plan.seed, round.name))?;
        worlds += 1;
    }
    Ok(format!(
        "{worlds} worlds, {} calls, {} kills at random and {} at named points, {:.0} s: {} texts sent again, {} were \
         in flight at a kill (at most {} of {} at one), {} retried and {} hedged apart from these; 0 lost, 0 doubled, \
         0 calls by a run that found nothing to do",
        tally.sent,
        tally.at_random,
        tally.at_points,
        start.elapsed().as_secs_f64(),
        tally.sent_again,
        tally.in_flight,
        tally.fullest.0,
        tally.fullest.1,
        tally.retried,
        tally.hedged,
    ))
}

/// One world from its first call to the run that finds nothing to do.
fn world(
    tool: &Tool,
    (dir, seed): (&Path, u64),
    round: &'static Round,
    (kills, points): (u64, &[(&'static str, u64)]),
    tally: &mut Tally,
) -> Result<(), String> {
    let mut paying = Paying::new(tool, (dir, seed), round, SIZE)?;
    let mut random = Random::new(seed);
    let (mut left, mut points, mut idle) = (kills, points.to_vec(), 0);
    while left > 0 || !points.is_empty() {
        paying.change()?;
        let named = !points.is_empty() && (left == 0 || random.below(left + points.len() as u64) >= left);
        let kill = if named {
            let (point, most) = points[random.index(points.len())];
            Kill::Point(point, 1 + random.below(paying.calls(most).min(most)))
        } else {
            paying.moment(&mut random)
        };
        let killed = paying.killed(&kill, tally).map_err(|error| format!("killed at {kill:?}: {error}"))?;
        idle = if killed { 0 } else { idle + 1 };
        if idle > MOST_IDLE {
            return Err(format!("every run ended before it could be killed, the last one at {kill:?}"));
        }
        match &kill {
            Kill::Point(point, _) if killed => {
                points.retain(|(known, _)| known != point);
                tally.at_points += 1;
            }
            _ if killed => {
                left -= 1;
                tally.at_random += 1;
            }
            _ => {}
        }
        if random.one_in(4) {
            paying.end(tally)?;
        }
    }
    paying.end(tally)?;
    paying.again(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_a_call_is_passed() {
        for point in tidegate_core::killpoint::POINTS.iter().filter(|point| point.starts_with("call.")) {
            assert!(POINTS.iter().any(|(known, _)| known == point), "{point}");
        }
        for (point, _) in POINTS {
            assert!(tidegate_core::killpoint::POINTS.contains(point), "{point}");
        }
    }
}

//! Kills `tidegate` at every named point and at random moments, lets it go on, and has the result judged.

use std::path::Path;
use std::time::Instant;

use super::acts::{Act, Cast};
use super::outputs;
use super::scene::Scene;
use super::strike::Kill;
use crate::random::Random;
use crate::tool::{Build, Tool};

/// How much to prove.
pub(crate) struct Plan {
    /// Kills at random moments, beside those at named points.
    pub(crate) kills: u64,
    /// Where random choices start.
    pub(crate) seed: u64,
    /// Leave the folder of a failed round where it is.
    pub(crate) keep: bool,
}

/// Which passages of a point are tried: the first, an early and a later one.
const PASSAGES: &[u64] = &[1, 2, 5];

/// After so many rounds a fresh world and store are begun: long histories and young stores are both wanted.
const ROUNDS_PER_WORLD: u64 = 25;

/// The points of this proof: those on the way of an answer that was paid for are passed with a provider only, those of
/// tables, of compressed outputs and of retried jobs only where one is written: [`super::tables`] and its kills.
pub(super) fn points() -> impl Iterator<Item = &'static str> {
    tidegate_core::killpoint::POINTS
        .iter()
        .copied()
        .filter(|point| !["call.", "table.", "whole.", "retry."].iter().any(|apart| point.starts_with(apart)))
}

/// So many rounds in a row may end before they are killed; more means that nothing is proved.
const MOST_IDLE: u64 = 200;

/// Of rounds that were killed at a random moment, one in so many is compared with a fresh store: that takes longer
/// than the round itself.
const COMPARED: u64 = 8;

/// What a proof counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rounds: u64,
    killed: u64,
    /// Points at which a process died.
    reached: Vec<&'static str>,
    /// Texts paid for twice.
    pub(crate) embedded_again: u64,
}

impl Tally {
    /// Notes a kill.
    pub(crate) fn note(&mut self, kill: &Kill) {
        self.killed += 1;
        self.reached.extend(kill.point().filter(|point| !self.reached.contains(point)));
    }

    /// Notes a round.
    pub(crate) fn round(&mut self) {
        self.rounds += 1;
    }
}

/// The proof of the everyday test.
pub(crate) fn short(kills: u64) -> Result<String, String> {
    prove(&Tool::build(Build::Killpoints)?, &Plan { kills, seed: 1, keep: false })
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    let mut tally = Tally::default();
    let mut random = Random::new(plan.seed);
    let start = Instant::now();
    for act in Act::ALL {
        let seed = random.next();
        in_a_folder(plan, seed, |dir| at_points(tool, dir, seed, *act, &mut tally))
            .map_err(|error| format!("seed {}: {error}", plan.seed))?;
    }
    let named = start.elapsed();
    at_random(tool, plan, &mut random, &mut tally)?;
    let missed: Vec<&str> = points().filter(|point| !tally.reached.contains(point)).collect();
    if !missed.is_empty() {
        return Err(format!(
            "no process passed these points, so nothing is proved about them: {}",
            missed.join(", ")
        ));
    }
    Ok(format!(
        "{} rounds, {} kills ({} at random), {} named points, {:.0} s ({:.0} s of them at named points): \
         0 lost, 0 doubled, {} texts embedded again",
        tally.rounds,
        tally.killed,
        plan.kills,
        tally.reached.len(),
        start.elapsed().as_secs_f64(),
        named.as_secs_f64(),
        tally.embedded_again
    ))
}

/// Kills at every point an act is for.
fn at_points(tool: &Tool, dir: &Path, seed: u64, act: Act, tally: &mut Tally) -> Result<(), String> {
    let mut cast = Cast::new(tool, dir, seed);
    for point in act.points() {
        for nth in PASSAGES {
            let compare = *nth == 1;
            let killed = cast
                .play(act, (point, *nth), compare, tally)
                .map_err(|error| format!("{act:?}, killed at {point}:{nth}: {error}"))?;
            // A point that was not passed so often will not be passed more often.
            if !killed || act.once() {
                break;
            }
        }
    }
    Ok(())
}

/// Kills at random moments, some of them while a process recovers from the one before.
fn at_random(tool: &Tool, plan: &Plan, random: &mut Random, tally: &mut Tally) -> Result<(), String> {
    let until = tally.killed + plan.kills;
    let mut idle = 0;
    while tally.killed < until {
        let seed = random.next();
        in_a_folder(plan, seed, |dir| {
            let mut scene = Scene::young(tool, dir, seed, tally)?;
            for _ in 0..ROUNDS_PER_WORLD {
                scene.change()?;
                let moment = scene.moment();
                let compare = scene.world.random().one_in(COMPARED);
                let killed = scene
                    .round(&Kill::After(moment), compare, tally)
                    .map_err(|error| format!("killed after {moment:?}: {error}"))?;
                idle = if killed { 0 } else { idle + 1 };
                if idle > MOST_IDLE {
                    return Err("every process ended before it could be killed".to_owned());
                }
                if tally.killed >= until {
                    break;
                }
            }
            lines_at_random(tool, dir, seed, &mut scene, tally)
        })
        .map_err(|error| format!("seed {}: {error}", plan.seed))?;
    }
    Ok(())
}

/// A kill at a random moment while documents go to a file.
fn lines_at_random(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    scene: &mut Scene<'_>,
    tally: &mut Tally,
) -> Result<(), String> {
    let moment = scene.moment();
    let dir = dir.join("lines");
    std::fs::create_dir_all(&dir).map_err(|error| unwritable(&error))?;
    outputs::appending(tool, &dir, seed, &Kill::After(moment), tally)
        .map(drop)
        .map_err(|error| format!("killed after {moment:?} while lines were appended: {error}"))
}

/// Runs `work` in a temporary folder; the folder of a failure stays if that is asked for.
pub(crate) fn in_a_folder<T>(
    plan: &Plan,
    seed: u64,
    work: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let dir =
        tempfile::Builder::new().prefix("tidegate-crash-").tempdir().map_err(|error| unwritable(&error))?;
    let result = work(dir.path());
    if result.is_err() && plan.keep {
        println!("the folder of seed {seed} is {}", dir.keep().display());
    }
    result
}

/// A temporary folder that cannot be written is nobody's bug.
pub(crate) fn unwritable(error: &std::io::Error) -> String {
    format!("cannot write the documents of a round: {error}")
}

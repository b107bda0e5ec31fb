//! Kills at every point where a job writes a table of parts or a compressed file, while it grows and while a retry puts
//! mended rows into it: what is there reads at that moment, the next run ends, and the result is, byte for byte, that of
//! a run that nobody killed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::scene::Scene;
use crate::prove::crash::{Plan, in_a_folder};
use crate::prove::strike::Kill;
use crate::random::Random;
use crate::tool::Tool;

/// Rows of a part, so that there are many parts of few rows.
const PART_ROWS: (&str, &str) = ("TIDEGATE_PART_ROWS", "40");
/// Rows that are added for each kill: more than one part.
const MORE: u64 = 50;
/// A moment at which a process is killed by chance comes before this.
const LATEST: u64 = 400;

/// What is played with one output: points with their passages, at which the process dies.
struct Play {
    out: &'static str,
    growing: &'static [(&'static str, u64)],
    retried: &'static [(&'static str, u64)],
}

const PLAYS: &[Play] = &[
    Play {
        out: "out.parquet",
        growing: &[
            // The first is that of the empty output.
            ("table.manifest.written", 1),
            ("table.tail.middle", 1),
            ("table.tail.synced", 2),
            ("table.commit.after", 1),
            ("table.commit.after", 4),
            ("table.part.written", 1),
            ("table.part.named", 1),
            ("table.tail.begun", 1),
            ("table.manifest.written", 1),
            ("table.manifest.named", 1),
            ("table.part.written", 2),
            ("table.part.named", 2),
            ("table.manifest.written", 2),
        ],
        retried: &[
            ("table.commit.after", 3),
            ("table.part.named", 1),
            ("retry.made", 1),
            ("table.swap.intended", 1),
            ("table.swap.parts", 1),
            ("table.swap.state", 1),
            ("retry.replaced", 1),
            ("retry.adopted", 1),
        ],
    },
    Play { out: "out.csv.gz", growing: PACKED, retried: PACKED_RETRIED },
    Play { out: "out.jsonl.zst", growing: PACKED, retried: PACKED_RETRIED },
];

const PACKED: &[(&str, u64)] = &[
    ("jsonl.append.middle", 1),
    ("jsonl.append.synced", 2),
    ("jsonl.commit.after", 1),
    ("whole.written", 1),
    ("whole.intended", 1),
    ("whole.renamed", 1),
    ("whole.settled", 1),
];
const PACKED_RETRIED: &[(&str, u64)] = &[
    ("jsonl.commit.after", 2),
    ("whole.written", 1),
    ("whole.renamed", 1),
    ("retry.made", 1),
    ("retry.replaced", 1),
    ("retry.adopted", 1),
];

/// Where a retry has put its output into the old one's place.
fn replaced(point: &str) -> bool {
    ["table.swap.parts", "table.swap.state", "retry.replaced", "retry.adopted"].contains(&point)
}

/// What was counted.
#[derive(Default)]
struct Tally {
    kills: u64,
    points: BTreeSet<&'static str>,
}

/// Plays everything, all at the same time: most of it is waiting for disks.
pub(super) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    let (tool, start) = (tool.with(PART_ROWS.0, PART_ROWS.1), Instant::now());
    let acts: Vec<(&Play, bool)> = PLAYS.iter().flat_map(|play| [(play, false), (play, true)]).collect();
    let played: Result<Vec<Tally>, String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            acts.iter().map(|(play, retries)| scope.spawn(|| act(&tool, plan, (play, *retries)))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "an act panicked".to_owned())?).collect()
    });
    let mut all = Tally::default();
    for tally in played? {
        all.kills += tally.kills;
        all.points.extend(tally.points);
    }
    Ok(format!(
        "{} kills ({} at random a table or file) at {} points of {}, {:.0} s: read at every one of them, and in the end the \
         bytes of runs that nobody killed; nothing was asked twice but what was in flight",
        all.kills,
        plan.kills,
        all.points.len(),
        PLAYS.iter().map(|play| play.out).collect::<Vec<_>>().join(", "),
        start.elapsed().as_secs_f64(),
    ))
}

fn act(tool: &Tool, plan: &Plan, (play, retries): (&Play, bool)) -> Result<Tally, String> {
    let act = if retries { retried } else { growing };
    let what = if retries { "while a retry went into" } else { "while rows went into" };
    in_a_folder(plan, plan.seed, |dir| {
        let mut tally = Tally::default();
        act(tool, plan, (play, dir), &mut tally).map_err(|error| format!("{what} {}: {error}", play.out))?;
        Ok(tally)
    })
}

fn growing(
    tool: &Tool,
    plan: &Plan,
    (play, dir): (&Play, &std::path::Path),
    tally: &mut Tally,
) -> Result<(), String> {
    let total = MORE * (play.growing.len() as u64 + plan.kills);
    let mut scene = Scene::new(tool, (dir, play.out), total)?;
    for (at, (point, nth)) in play.growing.iter().enumerate() {
        let kill = Kill::Point(point, *nth);
        killed(scene.grown(MORE, &kill), &kill, tally)?;
        // Every other kill is followed by the next one.
        if at % 2 == 0 {
            scene.ended().map_err(|error| format!("after {kill:?}: {error}"))?;
        }
    }
    let mut random = Random::new(plan.seed);
    for _ in 0..plan.kills {
        let kill = Kill::After(Duration::from_millis(random.below(LATEST)));
        let struck = scene.grown(MORE, &kill).map_err(|error| format!("{kill:?}: {error}"))?;
        tally.kills += u64::from(struck);
    }
    scene.ended()?;
    scene.judge()
}

fn retried(
    tool: &Tool,
    _: &Plan,
    (play, dir): (&Play, &std::path::Path),
    tally: &mut Tally,
) -> Result<(), String> {
    let mut scene = Scene::new(tool, (dir, play.out), MORE * play.retried.len() as u64)?;
    for (point, nth) in play.retried {
        let kill = Kill::Point(point, *nth);
        killed(scene.retried(MORE, &kill, replaced(point)), &kill, tally)?;
        // The run that brings an exchange of folders to its end is killed as well.
        if *point == "table.swap.parts" {
            let next = Kill::Point("table.swap.state", 1);
            killed(scene.struck_again(&next), &next, tally)?;
        }
        scene.mended(replaced(point)).map_err(|error| format!("after {kill:?}: {error}"))?;
    }
    scene.judge()
}

/// A kill that did not happen proves nothing.
fn killed(struck: Result<bool, String>, kill: &Kill, tally: &mut Tally) -> Result<(), String> {
    if !struck.map_err(|error| format!("killed at {kill:?}: {error}"))? {
        return Err(format!("no process passed {kill:?}, so nothing is proved about it"));
    }
    tally.kills += 1;
    tally.points.extend(kill.point());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_an_output_is_played() {
        let played = |point: &str| {
            let mut all = PLAYS.iter().flat_map(|play| play.growing.iter().chain(play.retried));
            all.any(|(known, _)| *known == point)
        };
        let ours =
            |point: &&&str| ["table.", "whole.", "retry."].iter().any(|begin| point.starts_with(begin));
        for point in tidegate_core::killpoint::POINTS.iter().filter(ours) {
            assert!(played(point), "{point}");
        }
    }
}

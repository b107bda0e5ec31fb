//! Kills `tidegate` at every named point and at random moments, lets it go on, and has the result judged.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tidegate_core::killpoint::POINTS;

use super::checker::{self, Counted, When};
use super::world::World;
use crate::random::Random;
use crate::readme::hits;
use crate::tool::{Build, Tool, count, finish, tail};

/// How much to prove.
pub(crate) struct Plan {
    /// Kills at random moments, beside those at named points.
    pub(crate) kills: u64,
    /// Where random choices start.
    pub(crate) seed: u64,
    /// Leave the folder of a failed round where it is.
    pub(crate) keep: bool,
}

/// How a process is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kill {
    /// By itself, at the n-th passage of a named point.
    Point(String, u64),
    /// From outside, so long after its start.
    After(Duration),
    /// By itself at a point that only a drain passes: it is asked to stop so long after its start.
    Drain(Duration),
}

/// Which passages of a point are tried: the first, an early and a later one.
const PASSAGES: &[u64] = &[1, 2, 5];

/// After so many rounds a fresh world and store are begun: long histories and young stores are both wanted.
const ROUNDS_PER_WORLD: u64 = 25;

/// Options that make one chunk of a paragraph, so that a marker is in one chunk only.
const INDEX: &[&str] =
    &["index", "docs", "--store", "store.db", "--overlap", "0", "--max-tokens", "64", "--json"];

/// Exit codes of a run that reached its end: all stored, or some in quarantine.
const ENDED: &[i32] = &[0, 3];

/// What a proof counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rounds: u64,
    killed: u64,
    /// Points at which a process died.
    reached: Vec<String>,
    embedded_again: u64,
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
    for point in POINTS {
        for nth in PASSAGES {
            let seed = random.next();
            in_a_folder(plan, seed, |dir| at_point(tool, dir, seed, (point, *nth), &mut tally))
                .map_err(|error| format!("killed at {point}:{nth}, seed {seed}: {error}"))?;
        }
    }
    at_random(tool, plan, &mut random, &mut tally)?;
    let missed: Vec<&str> = POINTS
        .iter()
        .copied()
        .filter(|point| !tally.reached.iter().any(|reached| reached == point))
        .collect();
    if !missed.is_empty() {
        return Err(format!(
            "no process passed these points, so nothing is proved about them: {}",
            missed.join(", ")
        ));
    }
    Ok(format!(
        "{} rounds, {} kills ({} named points), {:.0} s: 0 lost, 0 doubled, {} texts embedded again",
        tally.rounds,
        tally.killed,
        tally.reached.len(),
        start.elapsed().as_secs_f64(),
        tally.embedded_again
    ))
}

/// Kills at random moments, some of them while a process recovers from the one before.
fn at_random(tool: &Tool, plan: &Plan, random: &mut Random, tally: &mut Tally) -> Result<(), String> {
    let until = tally.killed + plan.kills;
    while tally.killed < until {
        let seed = random.next();
        in_a_folder(plan, seed, |dir| {
            let mut scene = Scene::new(tool, dir, seed)?;
            let mut idle = 0;
            for _ in 0..ROUNDS_PER_WORLD {
                let before = tally.killed;
                scene.change()?;
                let moment = scene.moment();
                scene
                    .round(&Kill::After(moment), tally)
                    .map_err(|error| format!("killed after {moment:?}: {error}"))?;
                idle = if tally.killed == before { idle + 1 } else { 0 };
                if idle > 200 {
                    return Err("every process ended before it could be killed".to_owned());
                }
                if tally.killed >= until {
                    break;
                }
            }
            Ok(())
        })
        .map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(())
}

/// One kill at a named point, in the scene that passes it.
pub(crate) fn at_point(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    (point, nth): (&str, u64),
    tally: &mut Tally,
) -> Result<(), String> {
    let kill = Kill::Point(point.to_owned(), nth);
    match point.split('.').next() {
        Some("jsonl") => super::outputs::appending(tool, dir, seed, &kill, tally),
        Some("merge") => super::outputs::merging(tool, dir, seed, &kill, tally),
        Some("engine") => drained(tool, dir, seed, tally),
        _ => {
            let mut scene = Scene::new(tool, dir, seed)?;
            if point.starts_with("store.stage") {
                scene.world.add_large().map_err(|error| unwritable(&error))?;
                scene.round(&kill, tally)?;
                scene.world.remove_large().map_err(|error| unwritable(&error))?;
            }
            scene.change()?;
            scene.round(&kill, tally)
        }
    }
}

/// Asks for a drain at ever other moments until one is under way when the process is killed.
fn drained(tool: &Tool, dir: &Path, seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut scene = Scene::new(tool, dir, seed)?;
    for _ in 0..20 {
        scene.change()?;
        let moment = scene.moment();
        scene.round(&Kill::Drain(moment), tally)?;
        if tally.reached.iter().any(|point| point == "engine.drain") {
            break;
        }
    }
    Ok(())
}

/// A world, its store, and how long a run takes.
struct Scene<'a> {
    tool: &'a Tool,
    world: World,
    /// How long an undisturbed run takes.
    usual: Duration,
}

impl<'a> Scene<'a> {
    /// A new world, indexed once without disturbance and found sound.
    fn new(tool: &'a Tool, dir: &Path, seed: u64) -> Result<Self, String> {
        let world = World::new(dir, seed).map_err(|error| unwritable(&error))?;
        let start = Instant::now();
        tool.json(dir, INDEX, ENDED)?;
        let mut scene = Self { tool, world, usual: start.elapsed() };
        let sound = |scene: &Self| {
            checker::store(&scene.store(), &scene.world.docs(), When::Ended)
                .map_err(|error| format!("even without a kill: {error}"))
        };
        sound(&scene)?;
        // How long a run over a few changes takes is what moments are drawn from.
        scene.change()?;
        let start = Instant::now();
        tool.json(dir, INDEX, ENDED)?;
        scene.usual = start.elapsed();
        sound(&scene)?;
        Ok(scene)
    }

    fn store(&self) -> PathBuf {
        self.world.dir.join("store.db")
    }

    fn change(&mut self) -> Result<(), String> {
        self.world.change().map_err(|error| unwritable(&error))
    }

    /// A moment within a usual run.
    fn moment(&mut self) -> Duration {
        let usual = u64::try_from(self.usual.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.world.random().below(usual))
    }

    /// One run that is killed, perhaps a second, and one that ends; the store is judged after each.
    fn round(&mut self, kill: &Kill, tally: &mut Tally) -> Result<(), String> {
        tally.rounds += 1;
        let mut left = self.killed(kill, tally)?;
        if left.is_some() && self.world.random().one_in(4) {
            let moment = self.moment();
            left = self.killed(&Kill::After(moment), tally)?.or(left);
        }
        let report = self.tool.json(&self.world.dir, INDEX, ENDED)?;
        let ended = checker::store(&self.store(), &self.world.docs(), When::Ended)?;
        let Some(left) = left else { return Ok(()) };
        paid_once(&report, left.journal, ended.journal, tally)?;
        // Every named point is compared; of random moments some, because a comparison takes longer than a round.
        let compared = !matches!(kill, Kill::After(_)) || self.world.random().one_in(4);
        if compared { self.same_as_fresh() } else { Ok(()) }
    }

    /// Runs and kills; what the store then held, or nothing if the run ended before.
    fn killed(&self, kill: &Kill, tally: &mut Tally) -> Result<Option<Counted>, String> {
        if !strike(self.tool, &self.world.dir, INDEX, kill)? {
            return Ok(None);
        }
        tally.note(kill);
        let when = When::Killed { old: &self.world.old() };
        let left = checker::store(&self.store(), &self.world.docs(), when);
        left.map(Some).map_err(|error| format!("after the kill: {error}"))
    }

    /// Searches must answer as in a store that was never disturbed.
    fn same_as_fresh(&mut self) -> Result<(), String> {
        let fresh = self.world.dir.join("fresh.db");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.world.dir.join(format!("fresh.db{suffix}")));
        }
        let mut words = INDEX.to_vec();
        words[3] = "fresh.db";
        self.tool.json(&self.world.dir, &words, ENDED)?;
        checker::store(&fresh, &self.world.docs(), When::Ended)
            .map_err(|error| format!("the fresh store: {error}"))?;
        let mut queries = self.world.some_markers(1).map_err(|error| unwritable(&error))?;
        queries.extend(["glacier thunder velvet"].map(str::to_owned));
        for query in queries {
            for mode in ["text", "vector", "hybrid"] {
                let disturbed = answers(self.tool, &self.world.dir, "store.db", (&query, mode))?;
                let undisturbed = answers(self.tool, &self.world.dir, "fresh.db", (&query, mode))?;
                if disturbed != undisturbed {
                    return Err(format!(
                        "searching {query:?} ({mode}) answers {disturbed:?}, in a fresh store {undisturbed:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    /// Notes a kill.
    pub(crate) fn note(&mut self, kill: &Kill) {
        self.killed += 1;
        let point = match kill {
            Kill::Point(point, _) => point.as_str(),
            Kill::Drain(_) => "engine.drain",
            Kill::After(_) => return,
        };
        if !self.reached.iter().any(|reached| reached == point) {
            self.reached.push(point.to_owned());
        }
    }

    /// Notes a round of a scene of another kind.
    pub(crate) fn round(&mut self) {
        self.rounds += 1;
    }
}

/// What the run after a kill embedded must all be new in the journal: nothing paid for is paid for again.
fn paid_once(report: &Value, before: u64, after: u64, tally: &mut Tally) -> Result<(), String> {
    let embedded = count(report, "/embedded/texts")?;
    let added = after.saturating_sub(before);
    tally.embedded_again += embedded.saturating_sub(added);
    if embedded > added {
        return Err(format!(
            "embedded {embedded} texts, of which only {added} were not in the journal already"
        ));
    }
    Ok(())
}

/// The answer of a search, without what may differ: hits of equal score come in any order.
fn answers(
    tool: &Tool,
    dir: &Path,
    store: &str,
    (query, mode): (&str, &str),
) -> Result<Vec<(String, String, String)>, String> {
    let words = ["search", query, "--store", store, "--mode", mode, "--limit", "10", "--json"];
    let answer = tool.json(dir, &words, &[0])?;
    let text = |hit: &Value, key: &str| hit[key].as_str().unwrap_or_default().to_owned();
    let mut out: Vec<_> = hits(&answer)?
        .iter()
        .map(|hit| {
            (
                format!("{:.4}", hit["score"].as_f64().unwrap_or(f64::NAN)),
                text(hit, "source"),
                text(hit, "text"),
            )
        })
        .collect();
    // Of hits that tie for the last place, either may be left out.
    let last = out.last().map(|hit| hit.0.clone());
    if out.len() == 10 {
        out.retain(|hit| Some(&hit.0) != last.as_ref());
    }
    out.sort();
    Ok(out)
}

/// Runs a command and kills it; false if it ended before.
pub(crate) fn strike(tool: &Tool, dir: &Path, words: &[&str], kill: &Kill) -> Result<bool, String> {
    let mut command = tool.command(dir);
    command.args(words);
    match kill {
        Kill::Point(point, nth) => {
            let ran = finish(command.env("TIDEGATE_KILL_AT", format!("{point}:{nth}")))?;
            unless_killed(ran.code, &ran.stderr)
        }
        Kill::After(moment) => signalled(&mut command, *moment, Signal::KILL),
        Kill::Drain(moment) => {
            command.env("TIDEGATE_KILL_AT", "engine.drain:1");
            signalled(&mut command, *moment, Signal::TERM)
        }
    }
}

fn signalled(command: &mut std::process::Command, moment: Duration, signal: Signal) -> Result<bool, String> {
    use std::process::Stdio;
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.map_err(|error| format!("cannot start: {error}"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("a process without an id")?;
    // A channel nobody sends on is a timer that no lint mistakes for a sleep in a test.
    let (_sender, timer) = sync_channel::<()>(1);
    let _ = timer.recv_timeout(moment);
    let _ = kill_process(pid, signal);
    let output = child.wait_with_output().map_err(|error| format!("waiting: {error}"))?;
    // A drain that ends well says so with 75 or 0; what counts here is whether the process was killed in it.
    match output.status.code() {
        Some(75) => Ok(false),
        code => unless_killed(code, &String::from_utf8_lossy(&output.stderr)),
    }
}

fn unless_killed(code: Option<i32>, stderr: &str) -> Result<bool, String> {
    match code {
        None => Ok(true),
        Some(code) if ENDED.contains(&code) => Ok(false),
        Some(code) => Err(format!("ended with {code}: {}", tail(stderr))),
    }
}

/// Runs `work` in a temporary folder; the folder of a failure stays if that is asked for.
pub(crate) fn in_a_folder(
    plan: &Plan,
    seed: u64,
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
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

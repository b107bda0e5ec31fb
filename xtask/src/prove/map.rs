//! Kills a map job at random moments, lets it go on, and judges from outside what came of it: the output is, byte for
//! byte, that of a run that nobody killed, and what the provider was asked twice is no more than was in flight.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::crash::{Plan, in_a_folder, unwritable};
use super::provider::Provider;
use super::strike::{ENDED, Kill, strike};
use crate::random::Random;
use crate::tool::{Build, Tool, count};

/// Rows of the whole proof, and of the everyday one.
pub(crate) const ROWS: u64 = 20_000;
pub(crate) const FEW: u64 = 3_000;

/// Requests in flight at most.
const AT_ONCE: u64 = 32;
const SCRIPT: &str = "[latency]\nbase = { log_normal = { p50 = \"3ms\", p99 = \"12ms\" } }\n";
/// One line in so many is no record.
const BROKEN: u64 = 499;
/// Bytes of the provider's log for a request, about, until it is known.
const LOGGED: u64 = 400;
/// Until when runs are young: the time in which a process starts and sends its first calls.
const START: Duration = Duration::from_millis(300);

const JOB: &str = "\
[[step]]
name = \"label\"
model = \"toy:m\"
prompt = \"What is this about? {{ text }}\"
max_tokens = 100

[providers.toy]
base_url = \"URL/v1\"
concurrency = AT_ONCE
";

/// What a proof counted.
#[derive(Debug, Default)]
struct Tally {
    jobs: u64,
    kills: u64,
    calls: u64,
    again: u64,
    /// The most that were asked again after one kill.
    fullest: u64,
}

/// The proof of the everyday test.
pub(crate) fn short(kills: u64) -> Result<String, String> {
    prove(&Tool::build(Build::Debug)?, &Plan { kills, seed: 1, keep: false }, FEW)
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan, rows: u64) -> Result<String, String> {
    let (mut tally, mut random, start) = (Tally::default(), Random::new(plan.seed), Instant::now());
    while tally.kills < plan.kills {
        let seed = random.next();
        let before = tally.kills;
        in_a_folder(plan, seed, |dir| job(tool, (dir, seed), (rows, plan.kills - before), &mut tally))
            .map_err(|error| format!("seed {}: {error}", plan.seed))?;
        if tally.kills == before {
            return Err("a job ended before it could be killed once".to_owned());
        }
    }
    Ok(format!(
        "{} jobs of {rows} rows, {} kills, {} calls, {:.0} s: the outputs are those of runs that nobody killed, byte \
         for byte; {} calls were sent again, at most {} after one kill of {AT_ONCE} that may be in flight; one row \
         more is one call more, and a run that finds nothing to do sends none",
        tally.jobs,
        tally.kills,
        tally.calls,
        start.elapsed().as_secs_f64(),
        tally.again,
        tally.fullest
    ))
}

/// One job from its first row to the run that finds nothing to do, killed up to `most` times.
fn job(
    tool: &Tool,
    (dir, seed): (&Path, u64),
    (rows, most): (u64, u64),
    tally: &mut Tally,
) -> Result<(), String> {
    let mut input = lines(rows);
    let whole = uninterrupted(tool, dir, &input)?;
    let provider = Provider::start(tool, dir, &format!("seed = {}\n{SCRIPT}", seed >> 1))?;
    write(dir, "job.toml", &job_at(&provider.url))?;
    let mut scene = Scene::new(dir, provider);
    let mut random = Random::new(seed);
    let mut left = most;
    tally.jobs += 1;
    while left > 0 {
        let kill = scene.moment(&mut random, rows.saturating_sub(scene.sent.len() as u64) / (left + 1));
        if !strike(tool, dir, MAP, &kill)? {
            break; // it came to its end: the rest is another job's
        }
        left -= 1;
        tally.kills += 1;
        scene.judge(&whole, tally).map_err(|error| format!("killed at {kill:?}: {error}"))?;
    }
    tool.json(dir, MAP, ENDED)?;
    scene.judge(&whole, tally)?;
    if scene.output() != whole {
        return Err("the output is not that of a run that nobody killed".to_owned());
    }
    let distinct = scene.sent.len();
    input.push_str("{\"text\":\"one row more\"}\n");
    write(dir, "in.jsonl", &input)?;
    for (wanted, when) in [(1, "a row was appended"), (0, "nothing was changed")] {
        let report = tool.json(dir, MAP, ENDED)?;
        if count(&report, "/calls/sent")? != wanted {
            return Err(format!("{when}, and {} calls were sent", count(&report, "/calls/sent")?));
        }
    }
    let output = scene.output();
    scene.judge(&output, tally)?;
    tally.again += scene.again.values().sum::<u64>();
    if scene.sent.len() != distinct + 1 || !output.starts_with(&whole) {
        return Err("an appended row was not one row more".to_owned());
    }
    Ok(())
}

const MAP: &[&str] = &["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--json"];

/// What a run makes that nobody kills, with a store and a provider of its own.
fn uninterrupted(tool: &Tool, dir: &Path, input: &str) -> Result<String, String> {
    let apart = dir.join("apart");
    std::fs::create_dir_all(&apart).map_err(|error| unwritable(&error))?;
    write(dir, "in.jsonl", input)?;
    let provider = Provider::start_silent(tool, &apart, "")?;
    write(&apart, "job.toml", &job_at(&provider.url))?;
    let words = ["map", "job.toml", "../in.jsonl", "-o", "out.jsonl", "--json"];
    let report = tool.json(&apart, &words, ENDED)?;
    let whole = std::fs::read_to_string(apart.join("out.jsonl")).map_err(|error| unwritable(&error))?;
    if whole.lines().count() as u64 != count(&report, "/records/stored")? {
        return Err("the run that nobody killed wrote another number of rows than it says".to_owned());
    }
    Ok(whole)
}

fn job_at(url: &str) -> String {
    JOB.replace("URL", url).replace("AT_ONCE", &AT_ONCE.to_string())
}

fn lines(rows: u64) -> String {
    (0..rows).fold(String::new(), |mut text, n| {
        let _ = match n % BROKEN {
            17 => writeln!(text, "{{\"n\":{n},\"text\":"),
            _ => writeln!(text, "{{\"n\":{n}.0, \"text\":\"row {n} of so many\",\"more\":[null,{n}]}}"),
        };
        text
    })
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), String> {
    std::fs::write(dir.join(name), text).map_err(|error| unwritable(&error))
}

/// A job, its provider, and what that was asked.
struct Scene<'a> {
    dir: &'a Path,
    provider: Provider,
    /// Prompts by hash, with the run that sent them last.
    sent: HashMap<String, u64>,
    /// Runs so far, and requests that were looked at.
    runs: u64,
    read: usize,
    /// For each run, how many of its prompts were sent again.
    again: HashMap<u64, u64>,
}

impl<'a> Scene<'a> {
    fn new(dir: &'a Path, provider: Provider) -> Self {
        Self { dir, provider, sent: HashMap::new(), runs: 0, read: 0, again: HashMap::new() }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.dir.join("out.jsonl")).unwrap_or_default()
    }

    /// A moment for a kill: mostly after some calls of the run, sometimes while the process starts.
    fn moment(&self, random: &mut Random, calls: u64) -> Kill {
        if random.one_in(5) {
            let start = u64::try_from(START.as_micros()).unwrap_or(u64::MAX);
            return Kill::After(Duration::from_micros(random.below(start)));
        }
        let each = self.provider.logged().checked_div(self.sent.len() as u64).unwrap_or(LOGGED).max(1);
        // Where within a call is up to the bytes of its lines.
        let more = random.below(2 * calls.max(1)) * each + random.below(each);
        Kill::Grown(self.provider.log.clone(), self.provider.logged() + more)
    }

    /// Judges what the latest run left: what is written is the beginning of `whole`, and what it asked that had been
    /// asked before is no more than could be in flight when the run before was killed.
    fn judge(&mut self, whole: &str, tally: &mut Tally) -> Result<(), String> {
        let output = self.output();
        if !whole.starts_with(&output) {
            let at = whole.bytes().zip(output.bytes()).take_while(|(a, b)| a == b).count();
            return Err(format!("the output is another from byte {at} on, of {}", output.len()));
        }
        let prompts = self.provider.prompts()?;
        self.runs += 1;
        for prompt in &prompts[self.read..] {
            tally.calls += 1;
            match self.sent.insert(prompt.clone(), self.runs) {
                None => {}
                Some(run) if run == self.runs => return Err(format!("{prompt} was asked twice in one run")),
                Some(run) => *self.again.entry(run).or_default() += 1,
            }
        }
        self.read = prompts.len();
        let fullest = self.again.values().copied().max().unwrap_or(0);
        if fullest > AT_ONCE {
            return Err(format!(
                "{fullest} calls of one run were sent again, and {AT_ONCE} may be in flight"
            ));
        }
        tally.fullest = tally.fullest.max(fullest);
        Ok(())
    }
}

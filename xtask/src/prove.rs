//! Proofs: that a crash loses nothing, and that no order of faults does.

use std::path::Path;

use crate::Done;
use crate::args::{Args, Spec};
use crate::tool::{Build, Tool};

mod acts;
mod bugs;
pub(crate) mod calls;
pub(crate) mod checker;
pub(crate) mod crash;
pub(crate) mod hostile;
pub(crate) mod manifest;
pub(crate) mod map;
mod mutants;
pub(crate) mod objects;
mod outputs;
mod paying;
pub(crate) mod plan;
pub(crate) mod provider;
mod real;
mod regenerating;
mod rows;
mod scene;
pub(crate) mod sim;
mod strike;
pub(crate) mod tables;
mod world;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask prove crash [--kills N] [--seed S] [--bin PATH] [--keep] [--mutants]
       cargo xtask prove calls [--kills N] [--seed S] [--bin PATH] [--keep] [--mutants]
       cargo xtask prove sim [--seeds N] [--seed S] [--mutants]
       cargo xtask prove manifest [--kills N] [--seed S] [--bin PATH] [--keep]
       cargo xtask prove hostile [--good N] [--seed S] [--bin PATH] [--keep] [--short]
       cargo xtask prove objects [--kills N] [--seed S] [--bin PATH] [--keep]
       cargo xtask prove map [--kills N] [--rows N] [--seed S] [--bin PATH] [--keep]
       cargo xtask prove plan [--rows N] [--seed S] [--bin PATH] [--keep]
       cargo xtask prove real [--seed S]
       cargo xtask prove tables [--kills N] [--seed S] [--bin PATH] [--keep] [--short]
       cargo xtask prove properties [--rounds N] [--seed S]

crash   kills `tidegate` at every named point and at random moments while documents change between
        the runs, lets it go on, and has checkers that share no code with the store judge the files.
        --mutants plants known bugs, demands that each is caught, and prints the list.
calls   kills it while it embeds with a model of a provider, a process of its own whose log says what was
        sent: nothing that was paid for is lost, doubled or paid again, and no text has another's vector.
sim     runs the engine in virtual time with faults drawn from each seed: alone, and over the call layer
        with a scripted provider. --mutants plants known bugs in both and demands that each is caught.
manifest  indexes 2,000 URLs of servers that are slow, broken, hostile and changing, is killed while it
        fetches and goes on; the second run is sent only what changed. Judged by the servers' log.
hostile  indexes a folder in which bombs, loops, lies, broken and endless files stand among good ones: the
        good are found, each bad one is put aside for its true reason, memory and time are bounded, and a
        second run parses nothing again. Judged from outside.
objects  indexes 5,000 objects of S3, Google and Azure, as others' stand-ins play them (Google in the dialect
        that it shares with S3), is killed while it reads and goes on; then objects change, go, and change
        between listing and reading. What is stored must be what is in the bucket, an unchanged object is not
        read, and memory does not grow with their number.
map     kills a job over 20,000 rows at random moments and lets it go on: the output is, byte for byte, that of a
        run that nobody killed, calls sent again are no more than were in flight at the kill before, and one
        appended row is one call. Judged by the provider's log.
plan    plans jobs that different limits bind, then runs them: what was predicted of tokens and cost is within
        3 %, of time within 15 %, of what the provider's log and the clock say.
real    indexes, searches and asks with a model server that was not written here (llama.cpp's own). The
        first time it installs that server into an environment below `target`.
tables  kills jobs at every point where a table of parts or a compressed file is written, grows, is finished, or is
        replaced by a retry: it reads at that moment, and the next run makes of it what a run made that nobody
        killed, byte for byte. Then labels tables that pandas, Polars and DuckDB wrote of a public data set, is killed at every point where it writes
        a table and goes on, and has all three read the result: rows, types and labels.
properties  runs all tests again and again, each round with other cases drawn by the property tests.

    --kills N   random kills beside those at named points (default 60; 20 of calls and map, 10 of each output of
                tables, 6 of manifest and objects)
    --seeds N   simulated worlds of each kind (default 2000)
    --rounds N  how often all tests run (default 10), with seeds S, S + 1, …
    --seed S    where random choices start (default 1); the same seed repeats the same choices
    --rows N    rows of map (default 20000) and of plan (default 3000)
    --good N    good files of hostile (default 1000)
    --short     as the everyday test runs it: hostile with every kind, small, among 60 good files; tables with
                kills at named points and nothing else
    --bin PATH  use this binary, built with `--features killpoints`
    --mutant M  plant this bug only
    --keep      leave the folder of a failed round where it is
",
    values: &["kills", "seeds", "rounds", "seed", "bin", "mutant", "good", "rows"],
    flags: &["mutants", "keep", "short"],
};

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let seed = args.number("seed", 1)?;
    let note = match args.words.first().map(String::as_str) {
        Some(what @ ("crash" | "calls")) => {
            let tool = match args.text("bin") {
                Some(path) => Tool::at(Path::new(path))?,
                None => Tool::build(Build::Killpoints)?,
            };
            let calls = what == "calls";
            let usual = if calls { 20 } else { 60 };
            let plan = crash::Plan { kills: args.number("kills", usual)?, seed, keep: args.has("keep") };
            let mutants = args.has("mutants") || args.text("mutant").is_some();
            match (calls, mutants) {
                (false, true) => mutants::crash(&tool, &plan, args.text("mutant"))?,
                (false, false) => crash::prove(&tool, &plan)?,
                (true, true) => bugs::mutants(&tool, &plan, args.text("mutant"))?,
                (true, false) => calls::prove(&tool, &plan)?,
            }
        }
        Some(what @ ("manifest" | "objects")) => {
            let tool = match args.text("bin") {
                Some(path) => Tool::at(Path::new(path))?,
                None => Tool::build(Build::Debug)?,
            };
            let plan = crash::Plan { kills: args.number("kills", 6)?, seed, keep: args.has("keep") };
            let prove = if what == "manifest" { manifest::prove } else { objects::prove };
            prove(&tool, &plan)?
        }
        Some(what @ ("map" | "plan")) => {
            let tool = match args.text("bin") {
                Some(path) => Tool::at(Path::new(path))?,
                None => Tool::build(Build::Debug)?,
            };
            let plan = crash::Plan { kills: args.number("kills", 20)?, seed, keep: args.has("keep") };
            match what {
                "map" => map::prove(&tool, &plan, args.number("rows", map::ROWS)?)?,
                _ => plan::prove(&tool, &plan, args.number("rows", plan::ROWS)?)?,
            }
        }
        Some("tables") => {
            let tool = match args.text("bin") {
                Some(path) => Tool::at(Path::new(path))?,
                None => Tool::build(Build::Killpoints)?,
            };
            let short = args.has("short");
            let kills = args.number("kills", if short { 0 } else { 10 })?;
            let plan = crash::Plan { kills, seed, keep: args.has("keep") };
            if short { tables::kills(&tool, &plan)? } else { tables::prove(&tool, &plan)? }
        }
        Some("hostile") => hostile_corpus(&args, seed)?,
        Some("sim") if args.has("mutants") => sim::mutants()?,
        Some("sim") => sim::worlds(args.number("seeds", 2_000)?, seed)?,
        Some("real") => real::show(seed)?,
        Some("properties") => properties(args.number("rounds", 10)?, seed)?,
        _ => return Err(format!("prove what?\n\n{}", SPEC.help)),
    };
    println!("{note}");
    Ok(())
}

/// All tests, once for each seed; the error names the seed that repeats it.
fn properties(rounds: u64, seed: u64) -> Result<String, String> {
    for seed in seed..seed.saturating_add(rounds) {
        println!("-- seed {seed}");
        crate::test::tests(&[], seed)
            .map_err(|error| format!("{error}; `PROPTEST_RNG_SEED={seed}` repeats it"))?;
    }
    Ok(format!("{rounds} rounds of all tests from seed {seed}: none failed"))
}

fn hostile_corpus(args: &Args, seed: u64) -> Result<String, String> {
    let short = args.has("short");
    let tool = match args.text("bin") {
        Some(path) => Tool::at(Path::new(path))?,
        None => Tool::build(if short { Build::Debug } else { Build::Release })?,
    };
    let plan = crash::Plan { kills: 0, seed, keep: args.has("keep") };
    let usual = if short { hostile::FEW } else { hostile::GOOD };
    hostile::prove(&tool, &plan, &hostile::Scale { good: args.number("good", usual)?, full: !short })
}

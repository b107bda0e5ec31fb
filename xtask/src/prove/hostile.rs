//! Indexes a folder in which files that are made to hang, crash, flood or mislead their reader stand among good ones, and
//! judges from outside: what became of each, what memory was taken, how long it took, and that a second run does not
//! read bad files again.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;

use self::folder::{Case, Fate, Folder};
use self::watch::Seen;
use super::crash::{Plan, in_a_folder, unwritable};
use crate::random::Random;
use crate::tool::{Build, Tool, count};

mod archives;
mod folder;
mod good;
mod judge;
mod made;
mod names;
mod office;
mod paper;
mod pdfs;
mod texts;
mod watch;

/// Good files of the whole proof and of the everyday one.
pub(super) const GOOD: u64 = 1_000;
pub(super) const FEW: u64 = 60;

const MIB: u64 = 1 << 20;
/// Memory for documents in flight, as is usual, and what the program may take beside it.
const BUDGET: u64 = 256 * MIB;
const BESIDE: u64 = 150 * MIB;
/// A child's own memory, as is usual, and beside it the largest file, and the program itself.
const CHILD: u64 = 512 * MIB + 64 * MIB + 64 * MIB;

/// Seconds that one file may take by itself: as long as a parser has, and some to begin and to end.
const PATIENCE: f64 = 75.0;

/// What to prove it on.
pub(crate) struct Scale {
    pub(crate) good: u64,
    /// Hostile files as large as they get.
    pub(crate) full: bool,
}

/// The proof of the everyday test.
pub(crate) fn short() -> Result<String, String> {
    let plan = Plan { kills: 0, seed: 1, keep: false };
    prove(&Tool::build(Build::Debug)?, &plan, &Scale { good: FEW, full: false })
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan, scale: &Scale) -> Result<String, String> {
    in_a_folder(plan, plan.seed, |dir| round(tool, dir, plan.seed, scale))
        .map_err(|error| format!("seed {}: {error}", plan.seed))
}

fn round(tool: &Tool, dir: &Path, seed: u64, scale: &Scale) -> Result<String, String> {
    let (cases, good) = fill(&dir.join("folder"), seed, scale)?;
    let first = index(tool, dir, "folder")?;
    println!("{}", measured(&first));
    // What became of each file says more than the counts: it comes first.
    let tally = judge::fates(tool, dir, &cases)?;
    judge::accounts(&report(&first)?, &cases, true)?;
    bounded(&first)?;
    let second = index(tool, dir, "folder")?;
    judge::accounts(&report(&second)?, &cases, false)?;
    unread(&second)?;
    let again = judge::fates(tool, dir, &cases)?;
    if again != tally {
        return Err(format!("after a second run {again:?} instead of {tally:?}"));
    }
    let slowest = if scale.full { alone(tool, dir, &cases[good..])? } else { String::new() };
    Ok(format!(
        "{} files stored, {} of their words found; {} put aside for their reasons and {} documents within files; {} links left \
         out; {}; the second run, {:.2} s, started no parser{slowest}",
        tally.stored,
        tally.found,
        tally.aside,
        tally.aside_within,
        tally.left_out,
        measured(&first),
        second.seconds,
    ))
}

fn measured(seen: &Seen) -> String {
    let mib = |bytes: u64| bytes / MIB;
    format!(
        "{:.1} s, {} MiB at most (budget {} + {}), {} parsers of at most {} MiB each and {} together",
        seen.seconds,
        mib(seen.peak),
        mib(BUDGET),
        mib(BESIDE),
        seen.children.len(),
        mib(seen.largest_child()),
        mib(seen.together),
    )
}

/// Indexes each hostile file by itself, to see how long it takes and that it does the same alone.
fn alone(tool: &Tool, dir: &Path, cases: &[Case]) -> Result<String, String> {
    let mut took: Vec<(f64, String)> = Vec::new();
    // What is no regular file, or has a name that is no text, is put aside in a folder and refused by itself: whoever
    // names it is told at once.
    let named = |case: &&Case| {
        case.path.to_str().is_some() && case.path.symlink_metadata().is_ok_and(|meta| meta.is_file())
    };
    for case in cases.iter().filter(|case| !case.within && case.fate != Fate::LeftOut).filter(named) {
        let name = case.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = dir.join("alone");
        std::fs::create_dir_all(&own).map_err(|error| unwritable(&error))?;
        let seen = index(tool, &own, &case.path)?;
        if seen.seconds > PATIENCE {
            return Err(format!("{name} took {:.1} s alone; {PATIENCE} s is the most", seen.seconds));
        }
        took.push((seen.seconds, name));
        std::fs::remove_dir_all(&own).map_err(|error| unwritable(&error))?;
    }
    took.sort_by(|one, other| other.0.total_cmp(&one.0));
    let all: f64 = took.iter().map(|(seconds, _)| seconds).sum();
    let worst: Vec<String> =
        took.iter().take(5).map(|(seconds, name)| format!("{name} {seconds:.1} s")).collect();
    Ok(format!("; {} hostile files each alone, {all:.1} s, the slowest {}", took.len(), worst.join(", ")))
}

/// Writes all files; what must become of them, and how many of these are the good ones, which come first.
fn fill(root: &Path, seed: u64, scale: &Scale) -> Result<(Vec<Case>, usize), String> {
    let mut folder = Folder::new(root, scale.full).map_err(|error| unwritable(&error))?;
    let mut random = Random::new(seed);
    let shipped = if scale.full { good::shipped(&mut folder)? } else { 0 };
    good::write(&mut folder, scale.good.saturating_sub(shipped), &mut random);
    let good = folder.cases.len();
    archives::write(&mut folder);
    pdfs::write(&mut folder);
    office::write(&mut folder);
    texts::write(&mut folder);
    names::write(&mut folder);
    Ok((folder.finish().map_err(|error| unwritable(&error))?, good))
}

fn index(tool: &Tool, dir: &Path, what: impl AsRef<OsStr>) -> Result<Seen, String> {
    let memory = format!("{}MiB", BUDGET / MIB);
    let mut command = tool.command(dir);
    // A name may begin with a dash.
    command.args(["index", "--json", "--memory", &memory, "--"]).arg(what.as_ref());
    let seen = watch::run(&mut command)?;
    // 3 says that some are in quarantine.
    match seen.code {
        Some(0 | 3) => Ok(seen),
        code => Err(format!("indexing {} ended with {code:?}: {}", what.as_ref().display(), seen.stderr)),
    }
}

fn report(seen: &Seen) -> Result<Value, String> {
    serde_json::from_str(&seen.stdout).map_err(|error| format!("no report ({error}): {}", seen.stdout))
}

/// Nobody took more memory than allowed.
fn bounded(seen: &Seen) -> Result<(), String> {
    if seen.children.is_empty() {
        return Err("no parser was seen, so nothing is shown of them".to_owned());
    }
    for (what, peak, most) in
        [("tidegate", seen.peak, BUDGET + BESIDE), ("a parser", seen.largest_child(), CHILD)]
    {
        if peak > most {
            return Err(format!("{what} took {} MiB; {} is the most", peak / MIB, most / MIB));
        }
    }
    Ok(())
}

/// No file was handed to a parser again.
fn unread(seen: &Seen) -> Result<(), String> {
    let report = report(seen)?;
    let stages = report["stages"].as_array().ok_or("the report has no stages")?;
    let parse =
        stages.iter().find(|stage| stage["name"] == "parse").ok_or("the report has no parse stage")?;
    let parsed = count(parse, "/in")?;
    match (parsed, seen.children.len()) {
        (0, 0) => Ok(()),
        (files, children) => {
            Err(format!("the second run parsed {files} files again with {children} parsers"))
        }
    }
}

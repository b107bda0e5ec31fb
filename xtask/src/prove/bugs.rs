//! Bugs planted on the way of an answer that was paid for, each of which the proof about calls must catch.

use std::path::Path;

use super::calls::{ROUNDS, Round, Tally};
use super::crash::{Plan, in_a_folder};
use super::paying::Paying;
use super::strike::Kill;
use crate::random::Random;
use crate::tool::Tool;

/// A planted bug.
struct Bug {
    name: &'static str,
    /// What it does wrong.
    wrong: &'static str,
    /// How texts go to the provider; see [`ROUNDS`].
    round: usize,
    /// Where the run is killed, and at which passage.
    at: (&'static str, u64),
}

const fn bug(name: &'static str, round: usize, at: (&'static str, u64), wrong: &'static str) -> Bug {
    Bug { name, wrong, round, at }
}

#[rustfmt::skip]
const BUGS: &[Bug] = &[
    bug("paid-late", 0, ("store.commit.begin", 1), "keeps an answer only when its document is committed"),
    bug("paid-late", 1, ("store.commit.begin", 1), "the same with many texts in a call"),
    bug("paid-first", 1, ("store.commit.begin", 1), "keeps the first answer of a batch and leaves the rest to the commit"),
    bug("paid-shifted", 1, ("call.keep.after", 3), "keeps every vector under the key of the next text"),
    bug("answers-swapped", 1, ("call.keep.after", 3), "gives every text of a batch the answer of the next"),
    bug("paid-forgotten", 0, ("call.keep.after", 200), "does not look for what was paid for before it sends"),
    bug("flights-apart", 0, ("call.keep.after", 200), "sends equal texts that are asked for at the same time"),
    bug("journal-torn", 0, ("journal.append.before", 9), "writes keys to the journal in a transaction before their vectors"),
];

/// Documents of a world and paragraphs of each: more texts in a document than may be in flight.
const SIZE: (u64, u64) = (5, 240);

/// Runs each bug until it is caught; an error if one never is.
pub(crate) fn mutants(tool: &Tool, plan: &Plan, only: Option<&str>) -> Result<String, String> {
    let chosen: Vec<&Bug> = BUGS.iter().filter(|bug| only.is_none_or(|only| only == bug.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = BUGS.iter().map(|bug| bug.name).collect();
        return Err(format!("there is no such planted bug; there are {}", names.join(", ")));
    }
    let mut missed = Vec::new();
    for bug in &chosen {
        // A proof that fails anyway would seem to catch everything.
        if let Some(error) = caught(tool, plan, bug) {
            return Err(format!("without a planted bug the proof fails at {}: {error}", bug.at.0));
        }
        match caught(&tool.with("TIDEGATE_MUTANT", bug.name), plan, bug) {
            Some(how) => println!("caught  {:<16} {}\n        by: {how}", bug.name, bug.wrong),
            None => {
                println!("MISSED  {:<16} {}", bug.name, bug.wrong);
                missed.push(bug.name);
            }
        }
    }
    if missed.is_empty() {
        return Ok(format!("{} planted bugs, all caught", chosen.len()));
    }
    Err(format!(
        "planted bugs that nothing caught: {}\nhint: is the binary built with --features killpoints, and does it know them?",
        missed.join(", ")
    ))
}

fn caught(tool: &Tool, plan: &Plan, bug: &Bug) -> Option<String> {
    let seed = Random::new(plan.seed).next();
    let plan = Plan { kills: 0, seed, keep: plan.keep };
    let result = in_a_folder(&plan, seed, |dir| play(tool, (dir, seed), &ROUNDS[bug.round], bug.at));
    result.err().map(|error| error.replace('\n', " ").chars().take(200).collect())
}

/// A run that is killed, one that ends, and one that finds nothing to do.
fn play(
    tool: &Tool,
    (dir, seed): (&Path, u64),
    round: &'static Round,
    (point, nth): (&'static str, u64),
) -> Result<(), String> {
    let (mut paying, mut tally) = (Paying::new(tool, (dir, seed), round, SIZE)?, Tally::default());
    paying.change()?;
    if !paying.killed(&Kill::Point(point, nth), &mut tally)? {
        return Err(format!("{point} was not passed {nth} times"));
    }
    paying.change()?;
    paying.end(&mut tally)?;
    paying.again(&mut tally)
}

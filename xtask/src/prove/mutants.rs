//! Bugs planted on purpose, each of which the crash proof must catch.
//!
//! A binary built with `--features killpoints` behaves wrongly in the named way while `TIDEGATE_MUTANT=NAME` is set.
//! Without the feature the variable does nothing, and no other build contains the code.

use super::crash::{Plan, Tally, at_point, in_a_folder};
use crate::random::Random;
use crate::tool::Tool;

/// A planted bug.
struct Mutant {
    name: &'static str,
    /// What it does wrong.
    wrong: &'static str,
    /// Where a kill must bring it to light, and at which passages.
    point: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "commit-twice",
        wrong: "removes old chunks in a transaction before the one that writes the new",
        point: "store.commit.middle",
    },
    Mutant {
        name: "ledger-first",
        wrong: "writes the ledger row in a transaction before the chunks",
        point: "store.commit.middle",
    },
    Mutant { name: "text-apart", wrong: "writes full text after the commit", point: "store.commit.after" },
    Mutant { name: "codes-apart", wrong: "writes the codes after the commit", point: "store.commit.after" },
    Mutant {
        name: "quarantine-apart",
        wrong: "writes quarantine rows in a transaction before the ledger's",
        point: "store.commit.middle",
    },
    Mutant {
        name: "keep-staged",
        wrong: "does not sweep what a killed run had staged",
        point: "store.stage.after",
    },
    Mutant {
        name: "append-staged",
        wrong: "takes staged rows of a killed run for its own",
        point: "store.stage.after",
    },
    Mutant {
        name: "sweep-first",
        wrong: "removes vanished documents before what replaces them is stored",
        point: "store.sweep.before",
    },
    Mutant {
        name: "journal-late",
        wrong: "writes vectors to the journal only with the document",
        point: "journal.append.after",
    },
    Mutant {
        name: "trust-journal",
        wrong: "takes a vector as journalled before it is",
        point: "journal.append.before",
    },
    Mutant {
        name: "no-truncate",
        wrong: "does not cut the file back to the committed length at the start",
        point: "jsonl.append.middle",
    },
    Mutant {
        name: "length-first",
        wrong: "commits the length before the bytes are synced",
        point: "jsonl.append.middle",
    },
    Mutant {
        name: "merge-in-place",
        wrong: "merges retried lines into the file itself",
        point: "merge.rename.before",
    },
    Mutant {
        name: "merge-unledgered",
        wrong: "renames the merged file without a word in the ledger",
        point: "merge.rename.after",
    },
    Mutant {
        name: "drain-acks",
        wrong: "counts what is in flight as stored when it is asked to stop",
        point: "engine.drain",
    },
];

/// Passages and worlds tried before a mutant counts as missed.
const PASSAGES: &[u64] = &[1, 2, 3, 5, 8];

/// Runs each mutant until it is caught; an error if one never is.
pub(crate) fn crash(tool: &Tool, plan: &Plan, only: Option<&str>) -> Result<String, String> {
    let mut missed = Vec::new();
    let chosen: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.is_none_or(|only| only == mutant.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        return Err(format!("there is no such planted bug; there are {}", names.join(", ")));
    }
    for mutant in &chosen {
        // A proof that fails anyway would seem to catch everything.
        if let Some(error) = caught(tool, plan, mutant) {
            return Err(format!("without a planted bug the proof fails at {}: {error}", mutant.point));
        }
        let tool = tool.with("TIDEGATE_MUTANT", mutant.name);
        match caught(&tool, plan, mutant) {
            Some(how) => println!("caught  {:<18} {}\n        by: {how}", mutant.name, mutant.wrong),
            None => {
                println!("MISSED  {:<18} {}", mutant.name, mutant.wrong);
                missed.push(mutant.name);
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

fn caught(tool: &Tool, plan: &Plan, mutant: &Mutant) -> Option<String> {
    let mut random = Random::new(plan.seed);
    for nth in PASSAGES {
        let seed = random.next();
        let mut tally = Tally::default();
        let quiet = Plan { kills: 0, seed, keep: false };
        let result =
            in_a_folder(&quiet, seed, |dir| at_point(tool, dir, seed, (mutant.point, *nth), &mut tally));
        if let Err(error) = result {
            return Some(error.chars().take(200).collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kill_point_has_a_planted_bug_or_brackets_one() {
        for mutant in MUTANTS {
            assert!(tidegate_core::killpoint::POINTS.contains(&mutant.point), "{}", mutant.name);
        }
        for family in ["store.commit", "store.stage", "store.sweep", "journal", "jsonl", "merge", "engine"] {
            assert!(MUTANTS.iter().any(|mutant| mutant.point.starts_with(family)), "{family}");
        }
    }
}

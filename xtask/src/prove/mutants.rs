//! Bugs planted on purpose, each of which the crash proof must catch.
//!
//! A binary built with `--features killpoints` behaves wrongly in the named way while `TIDEGATE_MUTANT=NAME` is set.
//! Without the feature the variable does nothing, and no other build contains the code.

use super::acts::{Act, Cast};
use super::crash::{Plan, Tally, in_a_folder};
use crate::random::Random;
use crate::tool::Tool;

/// A planted bug.
struct Mutant {
    name: &'static str,
    /// What it does wrong.
    wrong: &'static str,
    /// What brings it to light.
    act: Act,
    /// Where a kill in that act does.
    point: &'static str,
}

const fn mutant(name: &'static str, act: Act, point: &'static str, wrong: &'static str) -> Mutant {
    Mutant { name, wrong, act, point }
}

#[rustfmt::skip]
const MUTANTS: &[Mutant] = &[
    mutant("commit-split", Act::Changed, "store.commit.middle",
        "removes old chunks in a transaction before the one that writes the new"),
    mutant("ledger-first", Act::Changed, "store.commit.middle",
        "writes the ledger row in a transaction before the chunks"),
    mutant("text-apart", Act::Changed, "store.commit.before",
        "removes full text in a transaction before its chunks"),
    mutant("text-left", Act::Changed, "store.commit.after", "leaves full text behind when chunks go"),
    mutant("chunks-left", Act::Changed, "store.commit.after", "leaves old chunks behind when new ones come"),
    mutant("codes-left", Act::Changed, "store.commit.after", "leaves codes behind that no chunk points to"),
    mutant("staged-kept", Act::Large, "store.stage.after", "does not sweep what a killed run had staged"),
    mutant("staged-taken", Act::Large, "store.stage.after", "takes staged rows of a killed run for its own"),
    mutant("staged-seen", Act::Large, "store.stage.after", "puts staged chunks where readers see them"),
    mutant("sweep-first", Act::Renamed, "store.commit.begin",
        "removes vanished documents before what replaces them is stored"),
    mutant("sweep-split", Act::Changed, "store.commit.before",
        "removes the chunks of vanished documents in a transaction before their ledger rows"),
    mutant("journal-torn", Act::Changed, "journal.append.before",
        "writes keys to the journal in a transaction before their vectors"),
    mutant("journal-late", Act::Edited, "store.commit.begin",
        "acts on vectors that are not in the journal yet"),
    mutant("no-truncate", Act::Lines, "jsonl.append.synced",
        "does not cut the file back to the committed length at the start"),
    mutant("unclaimed", Act::Lines, "jsonl.append.middle",
        "appends to a new file before the ledger knows it"),
    mutant("outcome-first", Act::Lines, "jsonl.append.middle", "commits outcomes before their lines are appended"),
    mutant("length-late", Act::Lines, "store.commit.after",
        "commits the length in a transaction after the outcomes"),
    mutant("length-lazy", Act::Lines, "jsonl.commit.after", "commits the length at the end of a run only"),
    mutant("drain-stored", Act::Drained, "journal.append.after",
        "counts what was in flight as stored when it is asked to stop"),
    mutant("lease-shared", Act::Fenced, "journal.append.after", "lets a second run in beside a living one"),
    mutant("lease-unchecked", Act::Fenced, "journal.append.after",
        "commits without looking whether another run took over"),
    mutant("generation-torn", Act::Regenerated, "generation.switch.middle",
        "lets go of the old generation in a transaction before it takes the new one"),
];

/// Passages and worlds tried before a mutant counts as missed.
const PASSAGES: &[u64] = &[1, 2, 3];

/// Runs each mutant until it is caught; an error if one never is.
pub(crate) fn crash(tool: &Tool, plan: &Plan, only: Option<&str>) -> Result<String, String> {
    let mut missed = Vec::new();
    let chosen: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.is_none_or(|only| only == mutant.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        return Err(format!("there is no such planted bug; there are {}", names.join(", ")));
    }
    let mut sound = Vec::new();
    for mutant in &chosen {
        // A proof that fails anyway would seem to catch everything.
        let place = (mutant.act, mutant.point);
        if !sound.contains(&place) {
            if let Some(error) = caught(tool, plan, mutant) {
                return Err(format!("without a planted bug the proof fails at {}: {error}", mutant.point));
            }
            sound.push(place);
        }
        let tool = tool.with("TIDEGATE_MUTANT", mutant.name);
        match caught(&tool, plan, mutant) {
            Some(how) => println!("caught  {:<16} {}\n        by: {how}", mutant.name, mutant.wrong),
            None => {
                println!("MISSED  {:<16} {}", mutant.name, mutant.wrong);
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
        let result = in_a_folder(&Plan { kills: 0, seed, keep: false }, seed, |dir| {
            Cast::new(tool, dir, seed).play(mutant.act, (mutant.point, *nth), false, &mut Tally::default())
        });
        match result {
            Err(error) => return Some(error.replace('\n', " ").chars().take(200).collect()),
            Ok(_) if mutant.act.once() => return None,
            Ok(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_point_has_a_planted_bug() {
        for mutant in MUTANTS {
            assert!(mutant.act.points().contains(&mutant.point), "{}", mutant.name);
        }
        for act in Act::ALL.iter().filter(|act| !matches!(act, Act::Rows | Act::Retried)) {
            assert!(MUTANTS.iter().any(|mutant| mutant.act == *act), "{act:?}");
        }
        for family in ["store.commit", "store.stage", "journal", "jsonl", "generation"] {
            assert!(MUTANTS.iter().any(|mutant| mutant.point.starts_with(family)), "{family}");
        }
    }
}

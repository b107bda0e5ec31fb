//! A store is built anew beside itself, killed on the way, and built to the end: searches answer as before or as after,
//! never anything between, and nothing is embedded a second time.

use std::path::Path;

use super::crash::{Tally, unwritable};
use super::scene::{Answer, answers};
use super::strike::{ENDED, Kill, strike};
use super::world::World;
use crate::tool::{Tool, count};

/// What the store is made with, and what it is made anew with.
const OLD: &[&str] =
    &["index", "docs", "--store", "store.db", "--overlap", "0", "--chunk-tokens", "64", "--json"];
const NEW: &[&str] =
    &["index", "docs", "--store", "store.db", "--overlap", "0", "--chunk-tokens", "40", "--json"];
const REGENERATE: &str = "--regenerate";

/// One store, killed while it is built anew; whether it was.
pub(super) fn rounds(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<bool, String> {
    tally.round();
    let mut world = World::new(dir, seed).map_err(|error| unwritable(&error))?;
    tool.json(dir, OLD, ENDED)?;
    let mut fresh = NEW.to_vec();
    fresh[3] = "fresh.db";
    tool.json(dir, &fresh, ENDED)?;
    let mut queries = world.some_markers(1).map_err(|error| unwritable(&error))?;
    queries.push("glacier thunder velvet".to_owned());
    let all = |store: &str| said(tool, dir, store, &queries);
    let (before, after) = (all("store.db")?, all("fresh.db")?);
    if before == after {
        return Err("both ways of cutting answer alike, so nothing is proved".to_owned());
    }

    let build: Vec<&str> = NEW.iter().copied().chain([REGENERATE]).collect();
    if !strike(tool, dir, &build, kill)? {
        return Ok(false);
    }
    tally.note(kill);
    let killed = all("store.db")?;
    if killed != before && killed != after {
        return Err(format!("killed, it answers {killed:?}: neither as before nor as after"));
    }
    let left = journalled(tool, dir)?;
    let report = tool.json(dir, &build, ENDED)?;
    let embedded: u64 = report["runs"]
        .as_array()
        .ok_or("the report has no runs")?
        .iter()
        .map(|run| count(run, "/embedded/texts"))
        .sum::<Result<u64, String>>()?;
    let added = journalled(tool, dir)?.saturating_sub(left);
    tally.embedded_again += embedded.saturating_sub(added);
    if embedded > added {
        return Err(format!(
            "embedded {embedded} texts, of which only {added} were not in the journal already"
        ));
    }
    let ended = all("store.db")?;
    if ended != after {
        return Err(format!("built to the end, it answers {ended:?}, a fresh store {after:?}"));
    }
    Ok(true)
}

/// What each query finds in each mode.
fn said(tool: &Tool, dir: &Path, store: &str, queries: &[String]) -> Result<Vec<Vec<Answer>>, String> {
    let each = |query| ["text", "vector", "hybrid"].map(|mode| (query, mode));
    queries.iter().flat_map(each).map(|(query, mode)| answers(tool, dir, store, (query, mode))).collect()
}

/// Vectors in the journal.
fn journalled(tool: &Tool, dir: &Path) -> Result<u64, String> {
    let stats = tool.json(dir, &["journal", "stats", "--store", "store.db", "--json"], &[0])?;
    let rows = stats["vectors"].as_array().ok_or("no vectors in the journal's figures")?;
    rows.iter().map(|row| count(row, "/entries")).sum()
}

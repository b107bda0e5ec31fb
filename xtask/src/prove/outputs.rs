//! Kills while documents go to a JSON Lines file.

use std::path::Path;

use super::checker;
use super::crash::{Tally, unwritable};
use super::strike::{ENDED, Kill, strike};
use super::world::World;
use crate::tool::Tool;

/// From the documents to a file, in order, and nothing between them but what every pipeline does.
const PIPELINE: &str = r#"
[source]
type = "files"
paths = ["docs"]

[[stage]]
type = "parse"

[[stage]]
type = "chunk"
max_tokens = 64
overlap_tokens = 0

[sink]
type = "jsonl"
path = "out.jsonl"
ordered = true

[store]
url = "sqlite:store.db"
"#;

const RUN: &[&str] = &["run", "pipeline.toml", "--json"];
const RETRY: &[&str] = &["quarantine", "retry", "--all", "--config", "../pipeline.toml", "--json"];

/// Kills while lines are appended, to a new file and to one that is there, and runs that end after them. Whether the
/// point was passed.
pub(crate) fn appending(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<bool, String> {
    let mut world = begin(dir, seed)?;
    let mut killed = false;
    for when in ["a new file", "a file that is there"] {
        tally.round();
        killed |= struck(tool, dir, RUN, kill, tally)?;
        tool.json(dir, RUN, ENDED)?;
        judge(&world).map_err(|error| format!("{when}: {error}"))?;
        world.add_some().map_err(|error| unwritable(&error))?;
    }
    Ok(killed)
}

/// A kill while lines of mended documents are appended, and the retry after it. Whether the point was passed.
pub(crate) fn retrying(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<bool, String> {
    let mut world = begin(dir, seed)?;
    tally.round();
    tool.json(dir, RUN, ENDED)?;
    world.mend_all().map_err(|error| unwritable(&error))?;
    // From another folder, because nobody remembers where an output was begun from.
    let elsewhere = dir.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).map_err(|error| unwritable(&error))?;
    let killed = struck(tool, &elsewhere, RETRY, kill, tally)?;
    let again = tool.run(&elsewhere, RETRY)?;
    if again.code != Some(0) {
        return Err(format!("the retry ended with {:?}: {}", again.code, again.stderr));
    }
    rename_mended(&world.docs())?;
    judge(&world).map(|()| killed)
}

fn struck(tool: &Tool, dir: &Path, words: &[&str], kill: &Kill, tally: &mut Tally) -> Result<bool, String> {
    let killed = strike(tool, dir, words, kill)?;
    if killed {
        tally.note(kill);
    }
    Ok(killed)
}

fn judge(world: &World) -> Result<(), String> {
    checker::lines(&world.dir.join("out.jsonl"), &world.docs()).map(drop)
}

fn begin(dir: &Path, seed: u64) -> Result<World, String> {
    let world = World::new(dir, seed).map_err(|error| unwritable(&error))?;
    std::fs::write(dir.join("pipeline.toml"), PIPELINE).map_err(|error| unwritable(&error))?;
    Ok(world)
}

/// The checker knows bad documents by their names; mended ones are good now.
fn rename_mended(docs: &Path) -> Result<(), String> {
    for entry in std::fs::read_dir(docs).map_err(|error| unwritable(&error))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix("bad-") {
            std::fs::rename(entry.path(), docs.join(format!("mended-{rest}")))
                .map_err(|error| unwritable(&error))?;
        }
    }
    Ok(())
}

//! Kills while documents go to a JSON Lines file, and while retried documents are merged into one.

use std::path::Path;

use super::checker;
use super::crash::{Kill, Tally, strike, unwritable};
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
const RETRY: &[&str] = &["quarantine", "retry", "--config", "pipeline.toml", "--json"];
const ENDED: &[i32] = &[0, 3];

/// A kill while lines are appended, and the run after it.
pub(crate) fn appending(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<(), String> {
    let world = begin(dir, seed)?;
    tally.round();
    if strike(tool, dir, RUN, kill)? {
        tally.note(kill);
    }
    tool.json(dir, RUN, ENDED)?;
    checker::lines(&dir.join("out.jsonl"), &world.docs()).map(drop)
}

/// A kill while mended documents are merged into the file, and the retry after it.
pub(crate) fn merging(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut world = begin(dir, seed)?;
    tally.round();
    tool.json(dir, RUN, ENDED)?;
    world.mend_all().map_err(|error| unwritable(&error))?;
    if strike(tool, dir, RETRY, kill)? {
        tally.note(kill);
    }
    tool.run(dir, RETRY)?;
    tool.json(dir, RUN, ENDED)?;
    rename_mended(&world.docs())?;
    checker::lines(&dir.join("out.jsonl"), &world.docs()).map(drop)
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

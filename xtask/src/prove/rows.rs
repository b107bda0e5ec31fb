//! Kills while lines of JSON become documents of the store.

use std::fmt::Write as _;
use std::path::Path;

use super::checker::{self, When};
use super::crash::{Tally, unwritable};
use super::strike::{ENDED, Kill, strike};
use super::world::World;
use crate::tool::Tool;

const INDEX: &[&str] = &[
    "index",
    "docs/rows.jsonl",
    "--text-field",
    "text",
    "--id-field",
    "id",
    "--store",
    "rows.db",
    "--overlap",
    "0",
    "--chunk-tokens",
    "64",
    "--json",
];

/// More lines than the store commits together.
const LINES: u64 = 400;

/// Lines that change between two runs.
const CHANGED: usize = 7;

/// Kills the first run over a file and the one after it changed; each is followed by a run that ends. Whether the
/// point was passed.
pub(crate) fn rounds(
    tool: &Tool,
    dir: &Path,
    seed: u64,
    kill: &Kill,
    tally: &mut Tally,
) -> Result<bool, String> {
    let mut rows = Rows::new(dir, seed).map_err(|error| unwritable(&error))?;
    let (store, docs, old) = (dir.join("rows.db"), rows.world.docs(), rows.world.old());
    let mut killed = false;
    for when in ["a new file of lines", "a file of lines that changed"] {
        tally.round();
        if strike(tool, dir, INDEX, kill)? {
            killed = true;
            tally.note(kill);
            checker::store(&store, &docs, When::Killed { old: &old })
                .map_err(|error| format!("{when}: after the kill: {error}"))?;
        }
        tool.json(dir, INDEX, ENDED)?;
        checker::store(&store, &docs, When::Ended).map_err(|error| format!("{when}: {error}"))?;
        rows.change().map_err(|error| unwritable(&error))?;
    }
    Ok(killed)
}

/// A file of lines, and where the next change comes from.
struct Rows {
    world: World,
    /// Id and text.
    lines: Vec<(u64, String)>,
    made: u64,
}

impl Rows {
    fn new(dir: &Path, seed: u64) -> std::io::Result<Self> {
        let mut world = World::bare(dir, seed)?;
        world.forget()?;
        let mut rows = Self { world, lines: Vec::new(), made: 0 };
        (0..LINES).for_each(|_| rows.add());
        rows.write()?;
        Ok(rows)
    }

    fn add(&mut self) {
        self.made += 1;
        let line = (self.made, self.world.paragraphs(1));
        let at = self.world.random().index(self.lines.len() + 1);
        self.lines.insert(at, line);
    }

    /// Keeps a copy of the file, then changes, removes, adds and moves lines.
    fn change(&mut self) -> std::io::Result<()> {
        self.world.snapshot()?;
        for _ in 0..CHANGED {
            let at = self.world.random().index(self.lines.len());
            self.lines[at].1 = self.world.paragraphs(1);
            let gone = self.world.random().index(self.lines.len());
            self.lines.swap_remove(gone);
            self.add();
        }
        self.write()
    }

    fn write(&self) -> std::io::Result<()> {
        let mut text = String::new();
        for (id, line) in &self.lines {
            let _ = writeln!(text, "{}", serde_json::json!({ "id": format!("r{id}"), "text": line }));
        }
        std::fs::write(self.world.docs().join("rows.jsonl"), text)
    }
}

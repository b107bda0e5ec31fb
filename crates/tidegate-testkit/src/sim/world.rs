//! The source as it really is, beyond what any run knows of it.

use std::collections::BTreeMap;

use tidegate_core::{ContentHash, Version};

use super::plan::Plan;
use super::rng::Rng;
use super::tally::Tally;

/// One item of the source. What will become of a line can be read from its first letter (see `expect.rs`).
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) key: String,
    pub(crate) lines: Vec<String>,
    pub(crate) stamp: u64,
    /// Listed with its content.
    pub(crate) inline: bool,
}

impl Thing {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    pub(crate) fn version(&self) -> Version {
        Version(format!("v{}", self.stamp))
    }

    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::of(self.text().as_bytes())
    }
}

/// Everything the source holds, in listing order, and every content it ever held.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) things: Vec<Thing>,
    pub(crate) contents: BTreeMap<ContentHash, Vec<String>>,
    next_key: u64,
    next_stamp: u64,
}

impl World {
    pub(crate) fn draw(rng: &mut Rng, plan: &Plan) -> Self {
        let mut world = Self::default();
        for _ in 0..plan.things {
            world.append(rng, plan);
        }
        world
    }

    /// Adds one item at the end.
    pub(crate) fn append(&mut self, rng: &mut Rng, plan: &Plan) {
        let lines = draw_lines(rng, plan);
        let key = format!("k{:03}", self.next_key);
        self.next_key += 1;
        let inline = plan.stream || rng.chance(200);
        let stamp = self.stamp();
        self.remember(&lines);
        self.things.push(Thing { key, lines, stamp, inline });
    }

    /// Gives an item new content.
    pub(crate) fn edit(&mut self, index: usize, rng: &mut Rng, plan: &Plan) {
        let lines = draw_lines(rng, plan);
        self.remember(&lines);
        let stamp = self.stamp();
        let thing = &mut self.things[index];
        (thing.lines, thing.stamp) = (lines, stamp);
    }

    /// What people do to their files between two runs.
    pub(crate) fn meddle(&mut self, rng: &mut Rng, (plan, tally): (&Plan, &mut Tally)) {
        for _ in 0..rng.below(5) {
            if plan.append_only || self.things.is_empty() || rng.chance(250) {
                self.append(rng, plan);
                tally.add("append");
                continue;
            }
            let index = rng.below(self.things.len() as u64) as usize;
            match rng.below(4) {
                0 => {
                    self.edit(index, rng, plan);
                    tally.add("edit");
                }
                1 => {
                    self.things[index].stamp = self.stamp();
                    tally.add("touch");
                }
                2 => {
                    self.things.remove(index);
                    tally.add("delete");
                }
                _ => {
                    self.things[index].key = format!("k{:03}", self.next_key);
                    self.next_key += 1;
                    tally.add("rename");
                }
            }
        }
    }

    fn stamp(&mut self) -> u64 {
        self.next_stamp += 1;
        self.next_stamp
    }

    fn remember(&mut self, lines: &[String]) {
        self.contents.insert(ContentHash::of(lines.join("\n").as_bytes()), lines.to_vec());
    }
}

/// A few lines; at most one of them is poisoned, so that there is one right answer.
fn draw_lines(rng: &mut Rng, plan: &Plan) -> Vec<String> {
    let count = if rng.chance(60) { rng.between(8, 30) } else { rng.between(1, 4) };
    let mut lines: Vec<String> = (0..count).map(|_| line('w', rng)).collect();
    if rng.chance(200) {
        let index = rng.below(count) as usize;
        lines[index] = line(rng.pick(&['d', 'D']), rng);
    }
    if rng.chance(plan.poison) {
        let index = rng.below(count) as usize;
        lines[index] = line(rng.pick(&['x', 'q', 'e', 'E', 'r', 'R', 'P', 's', 'f', 'l']), rng);
    }
    lines
}

/// Words come from a small stock, so that the same text occurs in several items and must be paid once.
fn line(tag: char, rng: &mut Rng) -> String {
    let word = rng.below(400);
    let padding = 100 + (word % 7) as usize * 60;
    format!("{tag}{word}:{}", "z".repeat(padding))
}

//! Numbering of a Word document: what stands before the items of a list.

use std::collections::HashMap;

use tidegate_core::Fault;

use crate::budget::Budget;
use crate::xml::{Node, Xml};

/// Lists by id, and how far each has counted.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Abstract numberings: for each level, whether it counts.
    kinds: HashMap<String, Vec<bool>>,
    /// Which abstract numbering a list follows.
    lists: HashMap<String, String>,
    counts: HashMap<String, Vec<u32>>,
}

/// Word has nine levels.
const LEVELS: usize = 9;

impl Numbers {
    pub(super) fn read(text: &str, budget: &Budget<'_>) -> Result<Self, Fault> {
        let mut out = Self::default();
        let (mut kind, mut list, mut level) = (String::new(), String::new(), 0);
        let mut xml = Xml::new(text, budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            let Node::Open(tag) = node else { continue };
            match tag.name() {
                "abstractNum" => kind = tag.attr("abstractNumId").unwrap_or_default(),
                "lvl" => level = tag.number("ilvl").unwrap_or(0),
                "numFmt" if level < LEVELS => {
                    let counts = !matches!(tag.attr("val").as_deref(), Some("bullet" | "none"));
                    let levels = out.kinds.entry(kind.clone()).or_default();
                    levels.resize(levels.len().max(level + 1), false);
                    levels[level] = counts;
                }
                "num" => list = tag.attr("numId").unwrap_or_default(),
                "abstractNumId" => {
                    out.lists.insert(list.clone(), tag.attr("val").unwrap_or_default());
                }
                _ => {}
            }
        }
        Ok(out)
    }

    /// What stands before the next item of a list at a level.
    pub(super) fn marker(&mut self, list: &str, level: usize) -> String {
        let level = level.min(LEVELS - 1);
        let kind = self.lists.get(list).and_then(|kind| self.kinds.get(kind));
        if !kind.and_then(|levels| levels.get(level)).is_some_and(|counts| *counts) {
            return "- ".to_owned();
        }
        let counts = self.counts.entry(list.to_owned()).or_default();
        counts.resize(level + 1, 0); // deeper levels begin anew
        counts[level] = counts[level].saturating_add(1);
        format!("{}. ", counts[level])
    }
}

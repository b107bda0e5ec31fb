//! Paragraph styles of a Word document: which are headings, which are lists.

use std::collections::HashMap;

use tidegate_core::Fault;

use crate::budget::Budget;
use crate::xml::{Node, Xml};

/// What a style says about its paragraphs.
#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    /// The level of a heading from 0, as Word counts.
    pub(super) outline: Option<u8>,
    /// Numbering and level.
    pub(super) list: Option<(String, usize)>,
    based_on: Option<String>,
}

/// All styles by id.
#[derive(Debug, Default)]
pub(super) struct Styles(HashMap<String, Style>);

impl Styles {
    pub(super) fn read(text: &str, budget: &Budget<'_>) -> Result<Self, Fault> {
        let mut styles = HashMap::new();
        let mut open: Option<(String, Style)> = None;
        let mut xml = Xml::new(text, budget.limits.max_nesting);
        while let Some(node) = xml.next()? {
            match node {
                Node::Open(tag) if tag.name() == "style" => {
                    open = tag.attr("styleId").map(|id| (id, Style::default()));
                }
                Node::Open(tag) => {
                    let Some((_, style)) = &mut open else { continue };
                    match tag.name() {
                        "name" => style.outline = style.outline.or_else(|| by_name(&tag.attr("val")?)),
                        "basedOn" => style.based_on = tag.attr("val"),
                        "outlineLvl" => style.outline = tag.number("val"),
                        "numId" => style.list = Some((tag.attr("val").unwrap_or_default(), 0)),
                        _ => {}
                    }
                }
                Node::Close(name) if name.name() == "style" => styles.extend(open.take()),
                _ => {}
            }
        }
        Ok(Self(styles))
    }

    /// What a style says, with what it inherits.
    pub(super) fn get(&self, id: &str) -> Style {
        /// Word itself allows eleven.
        const MOST_ANCESTORS: usize = 16;
        let mut out = Style::default();
        let mut next = Some(id);
        for _ in 0..MOST_ANCESTORS {
            let Some(style) = next.and_then(|id| self.0.get(id)) else { break };
            out.outline = out.outline.or(style.outline);
            out.list = out.list.or_else(|| style.list.clone());
            next = style.based_on.as_deref();
        }
        out.outline = out.outline.or_else(|| by_name(id));
        out
    }
}

/// The level of a built-in heading. Word stores built-in names in English whatever the language of its user.
fn by_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase().replace(' ', "");
    if name == "title" {
        return Some(0);
    }
    let level: u8 = name.strip_prefix("heading")?.parse().ok()?;
    level.checked_sub(1)
}

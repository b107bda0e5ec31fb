//! A document as sections: a heading and what stands under it up to the next heading.

use std::ops::Range;
use std::sync::Arc;

use tidegate_core::{BlockKind, Document};

use super::prefix;
use super::ruler::Ruler;

/// The headings above something, outermost first.
pub(super) type Path = Arc<[Arc<str>]>;

/// A heading's longest share of a path, in bytes.
const MAX_HEADING: usize = 160;

/// A stretch of blocks under one heading.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Indices into the document's blocks, the heading's own included.
    pub(super) blocks: Range<usize>,
    /// Level of the heading; 0 before the first one.
    pub(super) level: u8,
    pub(super) path: Path,
    /// Tokens of the path as it is embedded.
    pub(super) prefix_tokens: usize,
}

/// Splits `doc` at its headings. Paths are cut from the outside until they have at most `max_prefix` tokens.
pub(super) fn sections(doc: &Document, ruler: &impl Ruler, max_prefix: usize) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut open = Headings::new(doc);
    let mut start = 0;
    let mut level = 0;
    for (index, block) in doc.blocks.iter().enumerate() {
        if let BlockKind::Heading(next) = block.kind {
            if index > start {
                sections.push(section(start..index, level, &open, ruler, max_prefix));
            }
            (start, level) = (index, next.clamp(1, 6));
            open.enter(level, &doc.text[block.span.clone()]);
        }
    }
    if start < doc.blocks.len() {
        sections.push(section(start..doc.blocks.len(), level, &open, ruler, max_prefix));
    }
    sections
}

fn section(
    blocks: Range<usize>,
    level: u8,
    open: &Headings,
    ruler: &impl Ruler,
    max_prefix: usize,
) -> Section {
    let (path, prefix_tokens) = fit(&open.path(), ruler, max_prefix);
    Section { blocks, level, path, prefix_tokens }
}

/// Drops outer headings until the path fits.
pub(super) fn fit(path: &[Arc<str>], ruler: &impl Ruler, max_prefix: usize) -> (Path, usize) {
    for from in 0..path.len() {
        // The line break between prefix and text may be a token of its own to some tokenizers.
        let mut text = prefix(&path[from..]);
        text.push('\n');
        let tokens = ruler.count(&text);
        if tokens <= max_prefix {
            return (path[from..].into(), tokens);
        }
    }
    (Arc::from([]), 0)
}

/// The open headings, by level, under the document's title.
struct Headings {
    title: Option<Arc<str>>,
    open: Vec<(u8, Arc<str>)>,
}

impl Headings {
    fn new(doc: &Document) -> Self {
        let title = doc.title.as_deref().map(tidy).filter(|title| !title.is_empty());
        Self { title, open: Vec::new() }
    }

    fn enter(&mut self, level: u8, text: &str) {
        self.open.retain(|(above, _)| *above < level);
        self.open.push((level, tidy(text)));
    }

    fn path(&self) -> Vec<Arc<str>> {
        let first = self.open.first().map(|(_, text)| text);
        let title = self.title.iter().filter(|title| !first.is_some_and(|first| same_words(title, first)));
        title.cloned().chain(self.open.iter().map(|(_, text)| text.clone())).collect()
    }
}

/// Whether two headings differ in nothing but white space: pages write their title with plain spaces and their first
/// heading with spaces that do not break.
fn same_words(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// A heading on one line and not longer than its share.
fn tidy(text: &str) -> Arc<str> {
    let cut = &text[..text.floor_char_boundary(MAX_HEADING)];
    if cut.contains(['\n', '\r']) {
        cut.split_whitespace().collect::<Vec<_>>().join(" ").into()
    } else {
        cut.trim().into()
    }
}

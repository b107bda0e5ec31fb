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

/// Splits a document at its headings, from front to back.
pub(super) struct Sections {
    open: Headings,
    /// The block to be looked at next, and where the section that it may end begins.
    next: usize,
    start: usize,
    level: u8,
    /// Most tokens of a path; it is cut from the outside until it has no more.
    max_prefix: usize,
}

impl Sections {
    pub(super) fn new(doc: &Document, max_prefix: usize) -> Self {
        Self { open: Headings::new(doc), next: 0, start: 0, level: 0, max_prefix }
    }

    /// The next section of the document that this was made for.
    pub(super) fn next(&mut self, doc: &Document, ruler: &impl Ruler) -> Option<Section> {
        while let Some(block) = doc.blocks.get(self.next) {
            let index = self.next;
            self.next += 1;
            if let BlockKind::Heading(next) = block.kind {
                let done = (index > self.start).then(|| self.section(self.start..index, ruler));
                (self.start, self.level) = (index, next.clamp(1, 6));
                self.open.enter(self.level, &doc.text[block.span.clone()]);
                if done.is_some() {
                    return done;
                }
            }
        }
        let rest = std::mem::replace(&mut self.start, doc.blocks.len())..doc.blocks.len();
        (!rest.is_empty()).then(|| self.section(rest, ruler))
    }

    fn section(&self, blocks: Range<usize>, ruler: &impl Ruler) -> Section {
        let (path, prefix_tokens) = fit(&self.open.path(), ruler, self.max_prefix);
        Section { blocks, level: self.level, path, prefix_tokens }
    }
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

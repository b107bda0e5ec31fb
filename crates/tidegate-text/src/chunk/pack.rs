//! Puts sections together to chunks, and cuts those that are too large.
//!
//! A section is the best guess at one topic, so chunks do not cross headings, with one exception: a section much
//! smaller than the budget is merged with what follows it at its own level or below. Alone it would be a vector
//! of a dozen words that matches everything a little; together with its siblings under their common heading it is
//! found by any of them. It is never merged with what follows a higher heading, which starts another topic.

use std::collections::VecDeque;
use std::ops::Deref;

use tidegate_core::{Block, BlockKind, Document, Place};

use super::body_of;
use super::cut::Cutter;
use super::ruler::Ruler;
use super::section::{Section, Sections, fit};
use super::{ChunkOptions, ChunkPlan};
use crate::page::trim;

/// The chunks of a document, planned section by section.
pub(super) struct Plans<D, R> {
    doc: D,
    ruler: R,
    options: ChunkOptions,
    sections: Sections,
    /// A section that was looked at and belongs to the next chunk.
    ahead: Option<Section>,
    /// Chunks of the section that was planned last.
    ready: VecDeque<ChunkPlan>,
    /// Chunks planned so far.
    count: u32,
}

impl<D: Deref<Target = Document>, R: Ruler> Iterator for Plans<D, R> {
    type Item = ChunkPlan;

    fn next(&mut self) -> Option<ChunkPlan> {
        while self.ready.is_empty() {
            let section = self.gather()?;
            self.section(&section);
        }
        self.ready.pop_front()
    }
}

impl<D: Deref<Target = Document>, R: Ruler> Plans<D, R> {
    pub(super) fn new(doc: D, ruler: R, options: ChunkOptions) -> Self {
        let sections = Sections::new(&doc, options.max_tokens / 3);
        Self { doc, ruler, options, sections, ahead: None, ready: VecDeque::new(), count: 0 }
    }

    /// The next section, together with those after it that make one chunk with it.
    fn gather(&mut self) -> Option<Section> {
        let mut group = match self.ahead.take() {
            Some(section) => section,
            None => self.sections.next(&self.doc, &self.ruler)?,
        };
        while let Some(next) = self.sections.next(&self.doc, &self.ruler) {
            let small = self.is_small(&group) || self.is_small(&next);
            let joined = if small && next.level >= group.level { self.join(&group, &next) } else { None };
            match joined {
                Some(joined) => group = joined,
                None => {
                    self.ahead = Some(next);
                    break;
                }
            }
        }
        Some(group)
    }

    fn is_small(&self, section: &Section) -> bool {
        let span = span(&self.doc, section);
        self.ruler.tokens(span.start, span.end) < self.options.min_tokens
    }

    /// Both under the headings they share, if that fits the budget.
    fn join(&self, group: &Section, next: &Section) -> Option<Section> {
        let blocks = group.blocks.start..next.blocks.end;
        let shared = group.path.iter().zip(next.path.iter()).take_while(|(a, b)| a == b).count();
        let (path, prefix_tokens) = if shared == group.path.len() {
            (group.path.clone(), group.prefix_tokens)
        } else {
            fit(&group.path[..shared], &self.ruler, self.options.max_tokens / 3)
        };
        let joined = Section { blocks, level: group.level, path, prefix_tokens };
        let span = span(&self.doc, &joined);
        let fits = self.cutter(&joined).fits(span.start, span.end).is_some();
        fits.then_some(joined)
    }

    fn cutter(&self, section: &Section) -> Cutter<'_, R> {
        Cutter {
            doc: &self.doc,
            ruler: &self.ruler,
            blocks: &self.doc.blocks[section.blocks.clone()],
            budget: self.options.max_tokens - section.prefix_tokens,
            overlap: self.options.overlap_tokens,
            row_tokens: self.options.min_tokens,
        }
    }

    /// Cuts one section into chunks.
    fn section(&mut self, section: &Section) {
        let blocks = &self.doc.blocks[section.blocks.clone()];
        let whole = span(&self.doc, section);
        // The heading is said once, by the path: the body starts after it, the first chunk's span before it.
        let text = &self.doc.text[whole.clone()];
        let said = text.len() - body_of(text, &section.path).len();
        let heading_only = matches!(blocks[0].kind, BlockKind::Heading(_)) && blocks.len() == 1;
        if said == text.len() || (heading_only && said > 0) {
            return self.push(section, whole, section.prefix_tokens);
        }
        let mut cutter = self.cutter(section);
        cutter.blocks = after(blocks, whole.start + said);
        let mut start = whole.start + said;
        let (mut done, mut next) = (start, start);
        let mut first_start = whole.start;
        let mut found: Vec<(std::ops::Range<usize>, usize)> = Vec::new();
        while start < whole.end {
            let cut = cutter.cut(start, done);
            if cut.end <= done && start < next {
                // What is repeated leaves no room for anything new: go on without it.
                start = next;
                continue;
            }
            let span = trim(&self.doc.text, start..cut.end);
            let covered = found.last().map_or(whole.start, |(last, _)| last.end);
            // A piece of which only the repeated part is not blank would say nothing new.
            if !span.is_empty() && span.end > covered {
                let counted = cut.counted.filter(|_| span == (start..cut.end));
                let tokens = counted.unwrap_or_else(|| cutter.measure(span.start, span.end));
                found.push((first_start.min(span.start)..span.end, tokens));
            }
            if cut.next >= whole.end || cut.end >= whole.end {
                break;
            }
            done = done.max(cut.end);
            next = cut.next;
            start = cutter.overlap_start(start, &cut);
            first_start = usize::MAX;
        }
        for (span, tokens) in found {
            self.push(section, span, tokens + section.prefix_tokens);
        }
    }

    fn push(&mut self, section: &Section, span: std::ops::Range<usize>, tokens: usize) {
        let place = Place {
            ordinal: self.count,
            heading: section.path.clone(),
            span: span.start as u64..span.end as u64,
            page: self.doc.page_at(span.start as u64),
        };
        self.count = self.count.saturating_add(1);
        self.ready.push_back(ChunkPlan { place, tokens: u32::try_from(tokens).unwrap_or(u32::MAX) });
    }
}

fn span(doc: &Document, section: &Section) -> std::ops::Range<usize> {
    let blocks = &doc.blocks[section.blocks.clone()];
    blocks[0].span.start..blocks[blocks.len() - 1].span.end
}

/// The blocks that end after `at`.
fn after(blocks: &[Block], at: usize) -> &[Block] {
    &blocks[blocks.partition_point(|block| block.span.end <= at)..]
}

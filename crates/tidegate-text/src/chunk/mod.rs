//! Cuts a document into chunks: by structure first, under an exact token budget.
//!
//! Sections under their headings come first, then blocks, sentences and lines, words, characters. The document is
//! tokenised once; a candidate range is then measured by two look-ups, and text is looked at only around a cut.
//! The refused alternative, splitting recursively and counting every piece, costs as much as tokenising the
//! document several times.

mod cut;
mod marks;
mod pack;
mod ruler;
mod section;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tidegate_core::{Document, Place, Tokenizer};

pub use ruler::ByteEstimate;

/// How large chunks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkOptions {
    /// The most tokens of a chunk as it is embedded, headings included; at least 32.
    pub max_tokens: usize,
    /// The most tokens of a chunk that are repeated from the one before it, in whole sentences or lines; at most a
    /// quarter of the budget counts. 0 turns overlap off.
    pub overlap_tokens: usize,
    /// Sections and rows smaller than this are merged with their neighbours where the budget allows.
    pub min_tokens: usize,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { max_tokens: 256, overlap_tokens: 32, min_tokens: 64 }
    }
}

impl ChunkOptions {
    fn clamped(&self) -> Self {
        let max_tokens = self.max_tokens.max(32);
        Self {
            max_tokens,
            overlap_tokens: self.overlap_tokens.min(max_tokens / 4),
            min_tokens: self.min_tokens.min(max_tokens / 2),
        }
    }
}

/// One chunk to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkPlan {
    /// Where it stands. `heading` begins with the document's title, unless the first heading says the same; it is
    /// shortened from the outside if it would eat a third of the budget. `span` is the chunk's text.
    pub place: Place,
    /// Tokens of [`embed_text`], as the tokenizer counts them.
    pub tokens: u32,
}

/// Plans the chunks of `doc` in order, so that [`embed_text`] of each has at most [`ChunkOptions::max_tokens`] tokens.
///
/// Every character of every block that is not white space is in at least one chunk. The tokenizer must honour the
/// contract of [`Tokenizer::token_starts`] for ranges between white space; other cuts are counted afresh.
///
/// The tokens are counted up front, for about an eighth of the text in memory; chunks are planned as they are asked
/// for, because a document of tiny sections has more to plan than it has text.
pub fn chunk<'a>(
    doc: &'a Document,
    tokenizer: &'a dyn Tokenizer,
    options: &ChunkOptions,
) -> impl Iterator<Item = ChunkPlan> + 'a {
    pack::Plans::new(doc, ruler::TokenRuler::new(&doc.text, tokenizer), options.clamped())
}

/// Like [`chunk`], for plans that are made elsewhere and later.
pub fn chunk_shared(
    doc: Arc<Document>,
    tokenizer: Arc<dyn Tokenizer>,
    options: &ChunkOptions,
) -> impl Iterator<Item = ChunkPlan> + Send + use<> {
    let ruler = ruler::TokenRuler::new(&doc.text, tokenizer);
    pack::Plans::new(doc, ruler, options.clamped())
}

/// Plans chunks by structure and size alone, four bytes a token, without reading all of the text: for embedders
/// whose tokens nobody can count here.
pub fn chunk_estimated<'a>(
    doc: &'a Document,
    options: &ChunkOptions,
) -> impl Iterator<Item = ChunkPlan> + 'a {
    pack::Plans::new(doc, ruler::ByteRuler::new(&doc.text), options.clamped())
}

/// What is embedded and indexed for the chunk at `place`: its heading path, a line break, its text. A chunk that
/// begins with the last heading of its path does not say it twice.
///
/// `place` must come from the same document; a span outside of it counts as empty.
#[must_use]
pub fn embed_text(doc: &Document, place: &Place) -> String {
    let start = usize::try_from(place.span.start).unwrap_or(usize::MAX);
    let end = usize::try_from(place.span.end).unwrap_or(usize::MAX);
    with_heading(&place.heading, doc.text.get(start..end).unwrap_or(""))
}

/// Like [`embed_text`], for a chunk that has left its document.
#[must_use]
pub fn with_heading(heading: &[Arc<str>], text: &str) -> String {
    let body = body_of(text, heading);
    let mut out = prefix(heading);
    if !out.is_empty() && !body.is_empty() {
        out.push('\n');
    }
    out.push_str(body);
    out
}

/// The heading path as one line.
fn prefix(heading: &[Arc<str>]) -> String {
    heading.join(" > ")
}

/// `text` without the heading it begins with and the line under it, if that heading is the last of `heading`.
fn body_of<'t>(text: &'t str, heading: &[Arc<str>]) -> &'t str {
    let Some(rest) = heading.last().and_then(|last| text.strip_prefix(&**last)) else { return text };
    if !rest.is_empty() && !rest.starts_with(['\n', '\r']) {
        return text;
    }
    let rest = rest.trim_start();
    let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
    let line = line.trim_end().as_bytes();
    let underline =
        line.len() > 1 && matches!(line[0], b'=' | b'-' | b'~' | b'^') && line.iter().all(|b| *b == line[0]);
    if underline { below.trim_start() } else { rest }
}

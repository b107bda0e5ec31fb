//! Chooses what of a page is content.
//!
//! In order: what the page declares as main, without chrome, without lists of links. Each step is taken only if
//! enough remains, because a page that is all links or all sidebar is still what the user asked to index.

use std::ops::Range;

use tidegate_core::{Block, BlockKind};

use super::zone::{CHROME, FORM, HEADER, MAIN, Zone};

/// A block with what is needed to judge it. Pages of millions of them are why it is small: no page is larger than
/// four gigabytes.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) kind: BlockKind,
    pub(crate) zone: Zone,
    span: Range<u32>,
    /// Bytes of it that are inside links.
    links: u32,
}

impl Piece {
    pub(crate) fn new(kind: BlockKind, span: Range<usize>, (links, zone): (usize, Zone)) -> Self {
        let small = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { kind, zone, span: small(span.start)..small(span.end), links: small(links) }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.start as usize..self.span.end as usize
    }

    fn length(&self) -> usize {
        self.span.len()
    }
}

/// Drops boilerplate from `text` and returns it with the blocks that are left.
pub(crate) fn main_content(text: String, pieces: &[Piece]) -> (String, Vec<Block>) {
    let mut keep = by_zone(pieces);
    drop_link_lists(pieces, &mut keep);
    drop_bare_headings(pieces, &mut keep);
    if keep.iter().all(|kept| *kept) || !keep.contains(&true) {
        return (text, all_blocks(pieces));
    }
    compact(&text, pieces, &keep)
}

/// Every piece as a block.
pub(crate) fn all_blocks(pieces: &[Piece]) -> Vec<Block> {
    pieces.iter().map(|piece| Block { kind: piece.kind, span: piece.span() }).collect()
}

fn size(pieces: &[Piece], mut wanted: impl FnMut(&Piece) -> bool) -> usize {
    pieces.iter().filter(|piece| wanted(piece)).map(|piece| piece.length()).sum()
}

fn by_zone(pieces: &[Piece]) -> Vec<bool> {
    let total = size(pieces, |_| true);
    // Some frameworks put the whole page into one form.
    let form_is_page = size(pieces, |piece| piece.zone & FORM != 0) * 2 > total;
    let is_body = |piece: &Piece| {
        piece.zone & CHROME == 0
            && (piece.zone & FORM == 0 || form_is_page)
            && (piece.zone & HEADER == 0 || piece.zone & MAIN != 0)
    };
    let body = size(pieces, is_body);
    let main = size(pieces, |piece| is_body(piece) && piece.zone & MAIN != 0);
    if body * 10 < total {
        return vec![true; pieces.len()]; // nearly all of it would go: the marks are wrong
    }
    let main_only = main * 4 >= body;
    pieces.iter().map(|piece| is_body(piece) && (!main_only || piece.zone & MAIN != 0)).collect()
}

/// Drops paragraphs, lists and tables that are nearly all links, unless the page itself is a list of links.
fn drop_link_lists(pieces: &[Piece], keep: &mut [bool]) {
    let kept = || pieces.iter().zip(keep.iter()).filter(|(_, kept)| **kept).map(|(piece, _)| piece);
    let linked: usize = kept().map(|piece| piece.links as usize).sum();
    let total: usize = kept().map(|piece| piece.length()).sum();
    if linked * 2 > total {
        return;
    }
    for (piece, kept) in pieces.iter().zip(keep.iter_mut()) {
        let judged = matches!(piece.kind, BlockKind::Paragraph | BlockKind::List | BlockKind::Table);
        if judged && piece.links as usize * 4 > piece.length() * 3 {
            *kept = false;
        }
    }
}

/// Drops a heading if everything below it was dropped.
fn drop_bare_headings(pieces: &[Piece], keep: &mut [bool]) {
    // For each level, whether something kept and something dropped stands below the next heading of that level.
    let (mut kept_below, mut dropped_below) = ([false; 7], [false; 7]);
    for (piece, kept) in pieces.iter().zip(keep.iter_mut()).rev() {
        if let BlockKind::Heading(level) = piece.kind {
            let level = usize::from(level.min(6));
            if *kept && dropped_below[level] && !kept_below[level] {
                *kept = false;
            }
            let (any_kept, any_dropped) = (*kept || kept_below[level], !*kept || dropped_below[level]);
            for above in 0..=6 {
                if above < level {
                    kept_below[above] |= any_kept;
                    dropped_below[above] |= any_dropped;
                } else {
                    (kept_below[above], dropped_below[above]) = (false, false);
                }
            }
        } else {
            kept_below.iter_mut().for_each(|flag| *flag |= *kept);
            dropped_below.iter_mut().for_each(|flag| *flag |= !*kept);
        }
    }
}

fn compact(text: &str, pieces: &[Piece], keep: &[bool]) -> (String, Vec<Block>) {
    let mut out = String::with_capacity(text.len());
    let mut blocks = Vec::with_capacity(pieces.len());
    for (piece, _) in pieces.iter().zip(keep).filter(|(_, kept)| **kept) {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        let start = out.len();
        out.push_str(&text[piece.span()]);
        blocks.push(Block { kind: piece.kind, span: start..out.len() });
    }
    (out, blocks)
}

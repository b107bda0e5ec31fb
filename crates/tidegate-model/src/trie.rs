//! A vocabulary as a double-array trie: one array of nodes in which each step costs one load.
//!
//! A hash map of whole words was refused: to be fast it needs a cache of split words beside it, which is state,
//! and its worst case (a word none of whose prefixes is known) costs a probe per length. Walking a trie costs the
//! same for every text, and the array is laid out when the crate is built, so that starting up costs nothing.
//!
//! The build script includes this file too, so it must not refer to the rest of the crate.

use std::collections::VecDeque;
use std::ops::Range;

/// A node: bits 0–7 the label of the edge that leads to it, bits 8–31 its base, bits 32–63 the token's id plus
/// one, or zero where no token ends. The child along `label` is at `base ^ label`. No two nodes share a base, so
/// a matching label is proof enough that the child is ours.
pub(crate) type Node = u64;

/// The base of a node without children: combined with any label it lies beyond every array.
pub(crate) const LEAF: u32 = 0x00FF_FFFF;

/// How many nodes there can be: bases are 24 bits wide, and [`LEAF`]'s block is not used.
const MOST_NODES: usize = 0x00FF_FF00;

/// Only the last so many positions are searched for room. A search from the first gap makes the array 5 % smaller
/// and takes twelve times as long (BERT's vocabulary: 560 ms instead of 42).
const WINDOW: usize = 512;

/// Where the children of `node` are.
pub(crate) fn base(node: Node) -> u32 {
    (node as u32) >> 8
}

/// The token that ends at `node`.
pub(crate) fn id(node: Node) -> Option<u32> {
    ((node >> 32) as u32).checked_sub(1)
}

/// The child along `label` of the node with this base.
#[inline]
pub(crate) fn child(nodes: &[Node], base: u32, label: u8) -> Option<Node> {
    let node = *nodes.get((base ^ u32::from(label)) as usize)?;
    (node as u8 == label).then_some(node)
}

/// Lays out a vocabulary, one token per line; the number of the line is the id. Empty lines and tokens with a zero
/// byte can match nothing and are left out; of equal tokens the last counts.
///
/// Returns `None` if there are more tokens than a trie holds.
pub(crate) fn build(vocab: &str) -> Option<Vec<Node>> {
    let mut tokens = Vec::new();
    for (number, line) in vocab.lines().enumerate() {
        let token = line.trim_end().as_bytes();
        if !token.is_empty() && !token.contains(&0) {
            tokens.push((token, u32::try_from(number).ok()?));
        }
    }
    tokens.sort_unstable();
    let mut layout = Layout { nodes: vec![0; 256], bases: vec![false; 256], first_free: 1 };
    // Breadth first, so that the nodes near the root, which every word visits, end up side by side.
    let mut open = VecDeque::from([(0, 0..tokens.len(), 0)]);
    while let Some((at, mut range, depth)) = open.pop_front() {
        // In sorted order a token stands before everything that it begins.
        while range.start < range.end && tokens[range.start].0.len() == depth {
            layout.end(at, tokens[range.start].1);
            range.start += 1;
        }
        let children = children(&tokens, range, depth);
        let base = layout.place(at, &children)?;
        for (label, range) in children {
            open.push_back(((base ^ u32::from(label)) as usize, range, depth + 1));
        }
    }
    Some(layout.nodes)
}

/// Groups a sorted range of tokens by their byte at `depth`.
fn children(tokens: &[(&[u8], u32)], range: Range<usize>, depth: usize) -> Vec<(u8, Range<usize>)> {
    let mut children: Vec<(u8, Range<usize>)> = Vec::new();
    for (i, (token, _)) in tokens.iter().enumerate().take(range.end).skip(range.start) {
        match children.last_mut() {
            Some((label, range)) if *label == token[depth] => range.end = i + 1,
            _ => children.push((token[depth], i..i + 1)),
        }
    }
    children
}

/// A trie being laid out. A position is free while its node is zero: every placed node has a label, and no label
/// is zero. The root, at zero, has none and is never looked for.
struct Layout {
    /// The nodes; a multiple of 256, so that all children of a base in the array are in the array.
    nodes: Vec<Node>,
    /// Which bases are taken.
    bases: Vec<bool>,
    /// No position before this one is free.
    first_free: usize,
}

impl Layout {
    /// Says that token `id` ends at `at`.
    fn end(&mut self, at: usize, id: u32) {
        self.nodes[at] = (self.nodes[at] & 0xFFFF_FFFF) | (u64::from(id) + 1) << 32;
    }

    /// Finds room for the children of `at`, labels them and returns the base.
    fn place(&mut self, at: usize, children: &[(u8, Range<usize>)]) -> Option<u32> {
        let base = match children.first() {
            None => LEAF,
            Some((first, _)) => self.find(*first, children)?,
        };
        for (label, _) in children {
            self.nodes[(base ^ u32::from(*label)) as usize] = u64::from(*label);
        }
        self.nodes[at] |= u64::from(base) << 8;
        Some(base)
    }

    /// The first base that is free and leads to free positions only.
    fn find(&mut self, first: u8, children: &[(u8, Range<usize>)]) -> Option<u32> {
        while self.first_free < self.nodes.len() && self.nodes[self.first_free] != 0 {
            self.first_free += 1;
        }
        let mut at = self.first_free.max(self.nodes.len().saturating_sub(WINDOW));
        loop {
            if at == self.nodes.len() {
                self.nodes.resize(at + 256, 0);
                self.bases.resize(at + 256, false);
            }
            if at >= MOST_NODES {
                return None;
            }
            let base = at ^ usize::from(first);
            // Position zero is the root's though its node may still be zero.
            let free =
                |label: u8| base ^ usize::from(label) != 0 && self.nodes[base ^ usize::from(label)] == 0;
            if !self.bases[base] && children.iter().all(|(label, _)| free(*label)) {
                self.bases[base] = true;
                return u32::try_from(base).ok();
            }
            at += 1;
        }
    }
}

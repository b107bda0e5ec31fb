//! The tokenizers of OpenAI's models, whose vocabularies are compiled in.
//!
//! A vocabulary is a list of byte strings; its order is the order in which pairs are merged. Where it comes from is
//! told in `assets/README.md`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hasher;
use std::sync::LazyLock;

use rustc_hash::FxHasher;
use tidegate_core::Tokenizer;

use super::split::{Rules, pieces};

static CL100K: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::new(include_bytes!("../../assets/cl100k.bpe")));
static O200K: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::new(include_bytes!("../../assets/o200k.bpe")));

/// A byte-pair encoding. Cheap to make; the first use builds a table, which takes some milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Bpe(Rules);

impl Bpe {
    /// The encoding of the embedding models, and of GPT-4 and GPT-3.5.
    #[must_use]
    pub fn cl100k() -> Self {
        Self(Rules::Cl100k)
    }

    /// The encoding of GPT-4o and later.
    #[must_use]
    pub fn o200k() -> Self {
        Self(Rules::O200k)
    }

    /// Appends the ids of the tokens of `text`. Special tokens are text like any other.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.each(text, |id, _, _| ids.push(id));
    }

    /// Gives each token of `text` to `token`: its id, where it begins and where it ends.
    fn each(&self, text: &str, mut token: impl FnMut(u32, usize, usize)) {
        let vocabulary: &Vocabulary = match self.0 {
            Rules::Cl100k => &CL100K,
            Rules::O200k => &O200K,
        };
        let (mut merger, mut at) = (Merger::default(), 0);
        for piece in pieces(self.0, text) {
            match vocabulary.id(piece.as_bytes()) {
                Some(id) => token(id, at, at + piece.len()),
                None => merger
                    .each(vocabulary, piece.as_bytes(), |id, start, end| token(id, at + start, at + end)),
            }
            at += piece.len();
        }
    }
}

impl Tokenizer for Bpe {
    /// A token that begins with white space is said to start behind it, so that a range which begins at a word holds
    /// that word's first token. Alone, such a word may be a token more than within the text.
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        self.each(text, |_, start, end| {
            let bytes = &text.as_bytes()[start..end];
            let space = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let start = if space < bytes.len() { start + space } else { start };
            starts.push(start as u32);
        });
    }

    fn count(&self, text: &str) -> usize {
        let mut count = 0;
        self.each(text, |_, _, _| count += 1);
        count
    }
}

/// The ids of byte strings.
struct Vocabulary {
    /// All tokens, each after its length.
    bytes: &'static [u8],
    /// Where the length of each token stands.
    places: Vec<u32>,
    /// Ids by hash, with open addressing; at most half full.
    slots: Vec<u32>,
}

const EMPTY: u32 = u32::MAX;

impl Vocabulary {
    fn new(bytes: &'static [u8]) -> Self {
        let mut places = Vec::new();
        let mut at = 0;
        while let Some(&length) = bytes.get(at) {
            places.push(at as u32);
            at += 1 + usize::from(length);
        }
        let slots = vec![EMPTY; (places.len() * 2).next_power_of_two()];
        let mut vocabulary = Self { bytes, places, slots };
        for id in 0..vocabulary.places.len() as u32 {
            let slot = vocabulary.slot(vocabulary.token(id));
            vocabulary.slots[slot] = id;
        }
        vocabulary
    }

    fn token(&self, id: u32) -> &'static [u8] {
        let at = self.places[id as usize] as usize;
        &self.bytes[at + 1..][..usize::from(self.bytes[at])]
    }

    /// Where `token` is, or where it would be.
    fn slot(&self, token: &[u8]) -> usize {
        let mut hasher = FxHasher::default();
        hasher.write(token);
        let mask = self.slots.len() - 1;
        let mut slot = hasher.finish() as usize & mask;
        while self.slots[slot] != EMPTY && self.token(self.slots[slot]) != token {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn id(&self, token: &[u8]) -> Option<u32> {
        Some(self.slots[self.slot(token)]).filter(|&id| id != EMPTY)
    }
}

/// Merges the bytes of a piece, the pair that comes first in the vocabulary first. A heap keeps a piece of a million
/// letters from taking a million million steps.
#[derive(Default)]
struct Merger {
    /// For each byte that begins a part: where the part ends.
    ends: Vec<usize>,
    /// For each byte that begins a part: where the part before it begins.
    befores: Vec<usize>,
    /// Pairs that can be merged: id, where the pair begins and where it ends.
    pairs: BinaryHeap<Reverse<(u32, usize, usize)>>,
}

impl Merger {
    fn each(&mut self, vocabulary: &Vocabulary, piece: &[u8], mut token: impl FnMut(u32, usize, usize)) {
        self.ends = (1..=piece.len()).collect();
        self.befores = (0..piece.len()).map(|at| at.saturating_sub(1)).collect();
        self.pairs.clear();
        for start in 1..piece.len() {
            self.offer(vocabulary, piece, start - 1, start + 1);
        }
        while let Some(Reverse((_, start, end))) = self.pairs.pop() {
            self.merge(vocabulary, piece, start, end);
        }
        let mut start = 0;
        while start < piece.len() {
            let end = self.ends[start];
            let id = vocabulary.id(&piece[start..end]).expect("every byte and every merged pair is a token");
            token(id, start, end);
            start = end;
        }
    }

    /// Makes one part of the two from `start` to `end`, unless they have changed since they were offered.
    fn merge(&mut self, vocabulary: &Vocabulary, piece: &[u8], start: usize, end: usize) {
        let middle = self.ends[start];
        // A part that was merged into the one before it has no end of its own any more.
        if middle == 0 || middle >= end || self.ends[middle] != end {
            return;
        }
        self.ends[start] = end;
        self.ends[middle] = 0;
        if end < piece.len() {
            self.befores[end] = start;
            self.offer(vocabulary, piece, start, self.ends[end]);
        }
        if start > 0 {
            self.offer(vocabulary, piece, self.befores[start], end);
        }
    }

    fn offer(&mut self, vocabulary: &Vocabulary, piece: &[u8], start: usize, end: usize) {
        if let Some(id) = vocabulary.id(&piece[start..end]) {
            self.pairs.push(Reverse((id, start, end)));
        }
    }
}

//! WordPiece, as BERT models use it: text is cleaned, lower-cased and stripped of accents unless the model tells these
//! apart, split at white space and punctuation, and each word is cut into the longest known pieces from left to right.
//!
//! The ids are those of Hugging Face's `BertTokenizer` without special tokens: `[CLS]` and `[SEP]` are not
//! added, and a literal `[MASK]` in a text is brackets and a word, not a command to the model.
//!
//! There is no cache and no other state: every method can be called from any number of threads.

use std::borrow::Cow;

use tidegate_core::{Fault, FaultKind, Tokenizer};

use crate::normalise::{Class, cased, class};
use crate::trie::{self, Node};

include!(concat!(env!("OUT_DIR"), "/trie_table.rs"));

/// Words of more characters than this are one unknown token.
const MOST_CHARS: usize = 100;

/// What a byte of text means to the fast path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// An ASCII letter or digit.
    Word,
    /// ASCII white space.
    Space,
    /// ASCII punctuation, which is a word of its own.
    Alone,
    /// Anything that needs the normaliser's table.
    Other,
}

/// The meaning of each byte.
const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Other; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() {
            bytes[at] = Byte::Word;
        } else if byte.is_ascii_punctuation() {
            bytes[at] = Byte::Alone;
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            bytes[at] = Byte::Space;
        }
        at += 1;
    }
    bytes
};

/// Takes the tokens of a text as they are found.
trait Sink {
    /// Takes a token that starts at byte `start` of the text.
    fn token(&mut self, id: u32, start: usize);
    /// How many tokens were taken.
    fn taken(&self) -> usize;
    /// Forgets all but the first `taken` tokens.
    fn back_to(&mut self, taken: usize);
}

/// Keeps ids.
struct Ids<'a>(&'a mut Vec<u32>);

impl Sink for Ids<'_> {
    #[inline]
    fn token(&mut self, id: u32, _: usize) {
        self.0.push(id);
    }
    #[inline]
    fn taken(&self) -> usize {
        self.0.len()
    }
    fn back_to(&mut self, taken: usize) {
        self.0.truncate(taken);
    }
}

/// Keeps where tokens start.
struct Starts<'a>(&'a mut Vec<u32>);

impl Sink for Starts<'_> {
    #[inline]
    fn token(&mut self, _: u32, start: usize) {
        // Texts are far below 4 GiB; past that, offsets stay at the largest so that they still ascend.
        self.0.push(u32::try_from(start).unwrap_or(u32::MAX));
    }
    #[inline]
    fn taken(&self) -> usize {
        self.0.len()
    }
    fn back_to(&mut self, taken: usize) {
        self.0.truncate(taken);
    }
}

/// A WordPiece tokenizer for one vocabulary.
#[derive(Debug, Clone)]
pub struct WordPiece {
    nodes: Cow<'static, [Node]>,
    /// The base from which words are looked up.
    word: u32,
    /// The base from which the rest of a word is looked up: the node that `##` leads to.
    rest: u32,
    /// The token of words that cannot be cut into known pieces.
    unknown: u32,
    /// The tokens of single ASCII characters.
    ascii: [u32; 128],
    /// Whether capital letters and accents are told apart.
    cased: bool,
}

impl WordPiece {
    /// Reads the vocabulary of an uncased model: one token per line, the line's number being its id.
    ///
    /// # Errors
    /// [`FaultKind::Config`] if there is no `[UNK]` among the tokens, or more tokens than can be held.
    pub fn new(vocab: &str) -> Result<Self, Fault> {
        let nodes = trie::build(vocab).ok_or_else(|| {
            Fault::new(FaultKind::Config, "the vocabulary has more tokens than can be held")
        })?;
        Self::of(Cow::Owned(nodes)).ok_or_else(|| {
            Fault::new(FaultKind::Config, "the vocabulary has no [UNK]")
                .hint("give the vocab.txt of a BERT model: one token per line")
        })
    }

    /// Reads the vocabulary of a model that tells capital letters and accents apart.
    ///
    /// ```
    /// let wordpiece = tidegate_model::WordPiece::cased("[UNK]\nUs\nus\n")?;
    /// let mut ids = Vec::new();
    /// wordpiece.encode("Us us US", &mut ids);
    /// assert_eq!(ids, [1, 2, 0]);
    /// # Ok::<(), tidegate_core::Fault>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn cased(vocab: &str) -> Result<Self, Fault> {
        Ok(Self { cased: true, ..Self::new(vocab)? })
    }

    /// The tokenizer of the built-in embedder. Costs microseconds: the vocabulary was laid out at build time.
    #[must_use]
    pub fn builtin() -> Self {
        Self::of(Cow::Borrowed(&NODES))
            .expect("the vocabulary that is compiled in has [UNK]; a test calls this")
    }

    fn of(nodes: Cow<'static, [Node]>) -> Option<Self> {
        let word = trie::base(*nodes.first()?);
        let find = |token: &[u8]| {
            let first = trie::child(&nodes, word, *token.first()?)?;
            token[1..].iter().try_fold(first, |node, &label| trie::child(&nodes, trie::base(node), label))
        };
        let unknown = trie::id(find(b"[UNK]")?)?;
        let rest = find(b"##").map_or(trie::LEAF, trie::base);
        let ascii = std::array::from_fn(|code| find(&[code as u8]).and_then(trie::id).unwrap_or(unknown));
        Some(Self { word, rest, unknown, ascii, cased: false, nodes })
    }

    /// Appends the ids of the tokens of `text`, without special tokens.
    ///
    /// ```
    /// let mut ids = Vec::new();
    /// tidegate_model::WordPiece::builtin().encode("Embeddings!", &mut ids);
    /// assert_eq!(ids, [7861, 8270, 4667, 2015, 999]); // em ##bed ##ding ##s !
    /// ```
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        self.split(text, &mut Ids(ids));
    }

    /// The id of a token as it stands in the vocabulary, such as `[CLS]`.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        let (first, rest) = token.as_bytes().split_first()?;
        let node = trie::child(&self.nodes, self.word, *first)?;
        trie::id(
            rest.iter().try_fold(node, |node, &label| trie::child(&self.nodes, trie::base(node), label))?,
        )
    }

    /// The largest id that a text can have.
    #[must_use]
    pub fn most_id(&self) -> u32 {
        self.nodes.iter().filter_map(|node| trie::id(*node)).max().unwrap_or(self.unknown)
    }

    fn split(&self, text: &str, sink: &mut impl Sink) {
        if self.cased { self.split_as::<true>(text, sink) } else { self.split_as::<false>(text, sink) }
    }

    fn split_as<const CASED: bool>(&self, text: &str, sink: &mut impl Sink) {
        let bytes = text.as_bytes();
        let mut rare = Rare::default();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match BYTES[usize::from(byte)] {
                Byte::Space => at += 1,
                Byte::Alone => {
                    sink.token(self.ascii[usize::from(byte)], at);
                    at += 1;
                }
                Byte::Other => at = self.split_rare::<CASED>(text, at, &mut rare, sink),
                Byte::Word => {
                    let start = at;
                    while bytes.get(at).is_some_and(|&byte| BYTES[usize::from(byte)] == Byte::Word) {
                        at += 1;
                    }
                    match bytes.get(at) {
                        Some(&byte) if BYTES[usize::from(byte)] == Byte::Other => {
                            at = self.split_rare::<CASED>(text, start, &mut rare, sink);
                        }
                        _ if at - start > MOST_CHARS => sink.token(self.unknown, start),
                        _ => self.word::<CASED>(&bytes[start..at], |offset| start + offset, sink),
                    }
                }
            }
        }
    }

    /// Splits from `start` up to the next ASCII space or punctuation, with the normaliser; returns where that is.
    ///
    /// Characters are not put into canonical order, as normalising would: that concerns marks that are not
    /// stripped, and a word with one of those is unknown in every order.
    fn split_rare<const CASED: bool>(
        &self,
        text: &str,
        start: usize,
        rare: &mut Rare,
        sink: &mut impl Sink,
    ) -> usize {
        for (offset, c) in text[start..].char_indices() {
            let at = start + offset;
            if c.is_ascii() && matches!(BYTES[c as usize], Byte::Space | Byte::Alone) {
                self.flush::<CASED>(rare, sink);
                return at;
            }
            match if CASED { cased(c) } else { class(c) } {
                Class::Keep => rare.push(c, at),
                Class::Drop => {}
                Class::Space => self.flush::<CASED>(rare, sink),
                Class::Alone => self.alone::<CASED>(c, at, rare, sink),
                Class::Letters(letters, last) => {
                    letters.into_iter().chain(last).for_each(|c| rare.push(c, at));
                }
                Class::Replace(with) => {
                    for c in with.chars() {
                        if class(c) == Class::Alone {
                            self.alone::<CASED>(c, at, rare, sink);
                        } else {
                            rare.push(c, at);
                        }
                    }
                }
            }
        }
        self.flush::<CASED>(rare, sink);
        text.len()
    }

    /// Ends the word before, and looks `c` up as a word of its own.
    fn alone<const CASED: bool>(&self, c: char, at: usize, rare: &mut Rare, sink: &mut impl Sink) {
        self.flush::<CASED>(rare, sink);
        rare.push(c, at);
        self.flush::<CASED>(rare, sink);
    }

    /// Looks up the word gathered so far, if there is one, and forgets it.
    fn flush<const CASED: bool>(&self, rare: &mut Rare, sink: &mut impl Sink) {
        match rare.starts.first() {
            None => {}
            Some(&start) if rare.chars > MOST_CHARS => sink.token(self.unknown, start),
            Some(_) => self.word::<CASED>(&rare.word, |offset| rare.starts[offset], sink),
        }
        rare.word.clear();
        rare.starts.clear();
        rare.chars = 0;
    }

    /// Cuts a word into the longest known pieces. `start` says where in the text a byte of the word comes from.
    #[inline]
    fn word<const CASED: bool>(&self, word: &[u8], start: impl Fn(usize) -> usize, sink: &mut impl Sink) {
        let before = sink.taken();
        let (mut at, mut root) = (0, self.word);
        while at < word.len() {
            let Some((id, end)) = self.longest::<CASED>(root, word, at) else {
                sink.back_to(before);
                sink.token(self.unknown, start(0));
                return;
            };
            sink.token(id, start(at));
            (at, root) = (end, self.rest);
        }
    }

    /// The longest token that `word` has at `at`, and where it ends. Upper case counts as lower case, unless cased.
    #[inline]
    fn longest<const CASED: bool>(&self, mut base: u32, word: &[u8], at: usize) -> Option<(u32, usize)> {
        let mut found = None;
        for (offset, byte) in word[at..].iter().enumerate() {
            let label = if CASED { *byte } else { byte.to_ascii_lowercase() };
            let Some(node) = trie::child(&self.nodes, base, label) else { break };
            if let Some(id) = trie::id(node) {
                found = Some((id, at + offset + 1));
            }
            base = trie::base(node);
        }
        found
    }
}

impl Tokenizer for WordPiece {
    /// A token's offset is that of the character it begins with, or, where one character becomes several tokens,
    /// of that character for each of them; an unknown word's is that of its first character.
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        self.split(text, &mut Starts(starts));
    }

    fn count(&self, text: &str) -> usize {
        let mut count = Count(0);
        self.split(text, &mut count);
        count.0
    }
}

/// Only counts.
struct Count(usize);

impl Sink for Count {
    #[inline]
    fn token(&mut self, _: u32, _: usize) {
        self.0 += 1;
    }
    #[inline]
    fn taken(&self) -> usize {
        self.0
    }
    fn back_to(&mut self, taken: usize) {
        self.0 = taken;
    }
}

/// A word that had to be normalised, on its way.
#[derive(Default)]
struct Rare {
    /// The normalised bytes, of the first [`MOST_CHARS`] characters.
    word: Vec<u8>,
    /// For each byte, where in the text the character begins that it comes from.
    starts: Vec<usize>,
    /// How many characters the word has.
    chars: usize,
}

impl Rare {
    /// Adds a character that comes from `at`.
    fn push(&mut self, c: char, at: usize) {
        self.chars += 1;
        if self.chars <= MOST_CHARS {
            self.word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            self.starts.resize(self.word.len(), at);
        }
    }
}

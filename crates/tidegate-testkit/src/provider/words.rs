//! What this provider says when it is asked something.

/// Short and long, in one letter and in several bytes, so that a stream cut anywhere cuts characters too.
const WORDS: [&str; 32] = [
    "the", "tide", "turns", "and", "boats", "rise", "über", "quiet", "water", "while", "gates", "open",
    "naïve", "gulls", "cry", "at", "dawn", "汐", "lamps", "fade", "along", "stone", "quays", "with", "salt",
    "on", "every", "rope", "señal", "of", "slow", "change",
];

/// The answer of `words` words to the question whose last message has this hash, see
/// [`text_hash`](super::text_hash). Whoever holds the question can say whether an answer belongs to it.
///
/// ```
/// use tidegate_testkit::provider::{reply_of, text_hash};
/// assert_eq!(reply_of(text_hash(b"why?"), 3).split(' ').count(), 3);
/// assert_ne!(reply_of(text_hash(b"why?"), 8), reply_of(text_hash(b"who?"), 8));
/// ```
#[must_use]
pub fn reply_of(hash: u64, words: usize) -> String {
    let mut state = hash;
    let mut said = Vec::with_capacity(words);
    for _ in 0..words {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        said.push(WORDS[(state >> 59) as usize]);
    }
    said.join(" ")
}

/// How well the document with hash `document` answers the query with hash `query`, from 0 to 1, for rerankers.
#[must_use]
pub fn relevance_of(query: u64, document: u64) -> f64 {
    let mixed = (query.rotate_left(32) ^ document).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 44) as f64 / 1_048_576.0
}

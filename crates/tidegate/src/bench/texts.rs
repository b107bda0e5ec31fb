//! The texts that are sent: distinct, of given lengths, worked out from a seed, so that every way of calling is given
//! the same ones and a judge can work them out again.
//!
//! Text number n (from 0) comes from splitmix64 seeded with `seed ^ (n + 1) * 0x9E3779B97F4A7C15`: the first draw
//! decides its length; then each draw gives eight words, one of each byte, lowest first. A token is four bytes: a word
//! of three letters and a space, the last one with a stop instead. The first two tokens are n in seven digits.

use std::ops::RangeInclusive;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Shorter ones have no room for their number.
const SHORTEST: u32 = 3;

/// Texts of some lengths.
#[derive(Debug, Clone)]
pub(super) struct Texts {
    shortest: u32,
    spread: u32,
    seed: u64,
}

/// Splitmix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Texts {
    /// Texts whose tokens, four bytes each, are in `tokens`.
    pub(super) fn new(tokens: &RangeInclusive<u32>, seed: u64) -> Self {
        let shortest = (*tokens.start()).max(SHORTEST);
        Self { shortest, spread: (*tokens.end()).max(shortest) - shortest + 1, seed }
    }

    /// Text number `number`, and its tokens.
    pub(super) fn text(&self, number: u64) -> (String, u32) {
        let mut draws = Draws(self.seed ^ number.wrapping_add(1).wrapping_mul(GOLDEN));
        let drawn = u32::try_from(draws.next() % u64::from(self.spread)).unwrap_or_default();
        let tokens = self.shortest + drawn;
        let mut text = String::with_capacity(tokens as usize * 4 + 8);
        text.push_str(&format!("{number:07x}"));
        let mut bytes = [0; 8];
        for at in 0..tokens as usize - 2 {
            if at % 8 == 0 {
                bytes = draws.next().to_le_bytes();
            }
            let byte = usize::from(bytes[at % 8]);
            text.push(' ');
            text.push(char::from(b"bdfgklmnprstvwyz"[byte >> 4]));
            text.push(char::from(b"aeio"[byte >> 2 & 3]));
            text.push(char::from(b"lnrs"[byte & 3]));
        }
        text.push('.');
        (text, tokens)
    }

    /// The mean number of tokens.
    pub(super) fn mean_tokens(&self) -> f64 {
        f64::from(self.shortest) + f64::from(self.spread - 1) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_distinct_and_as_long_as_they_say() {
        let texts = Texts::new(&(20..=340), 1);
        let mut seen = std::collections::HashSet::new();
        for number in 0..2_000 {
            let (text, tokens) = texts.text(number);
            assert_eq!(text.len().div_ceil(4), tokens as usize, "{text}");
            assert!((20..=340).contains(&tokens));
            assert!(seen.insert(text));
        }
        assert_eq!(texts.mean_tokens(), 180.0);
    }

    #[test]
    fn a_text_is_what_it_was_in_every_version() {
        // Peers make the same texts in another language; this is one of theirs.
        let (text, tokens) = Texts::new(&(20..=340), 1).text(0);
        assert_eq!((&text[..40], tokens), (FIRST, FIRST_TOKENS));
    }

    const FIRST: &str = "0000000 yin pan nar tar kol zil fos gil ";
    const FIRST_TOKENS: u32 = 116;

    #[test]
    fn odd_lengths_make_texts_all_the_same() {
        for (from, to) in [(0, 0), (1, 2), (5, 3), (3, 3)] {
            let (text, tokens) = Texts::new(&(from..=to), 7).text(9);
            assert!(text.starts_with("0000009 ") && tokens >= 3, "{text}");
        }
    }
}

//! Which texts of a store the teacher is asked about.
//!
//! Every distinct chunk has the same chance, whenever and in whatever order it was stored: those are taken whose hash,
//! together with the seed, is smallest. Each is cut into segments of the length that fitting works best with; of every
//! chunk one segment is taken before of any a second, so that long documents do not crowd out short ones.

use std::collections::{BTreeMap, HashSet};

use tidegate_core::draws::Draws;
use tidegate_core::{ContentHash, Fault, Tokenizer as _};
use tidegate_model::WordPiece;
use tidegate_store::{Passage, Store};

/// Words of a segment.
const SHORTEST: usize = 16;
const LONGEST: usize = 64;
/// Fewer words than this say too little; the rest of a chunk may be so short.
const LEAST_WORDS: usize = 4;
/// Bytes of a segment at most, so that nothing longer is looked at: what has so long words is no language.
const MOST_BYTES: usize = 1_000;
/// Tokens of a segment at most: more of them teach less about each.
const MOST_TOKENS: usize = 128;
/// One chunk in so many is kept from the fit, to measure it with.
const HELD_ONE_IN: usize = 10;
/// Segments that a fit is measured with, at most: each is compared with each other.
const MOST_HELD: usize = 500;
/// Chunks read at a time.
const PAGE: usize = 500;

/// Segments of the texts of a store.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Distinct chunks that segments were taken of.
    pub(super) chunks: usize,
    /// What the table is fitted to.
    pub(super) lessons: Vec<String>,
    /// What the fit is measured with: segments of other chunks.
    pub(super) held: Vec<String>,
}

/// Takes up to `most` segments of the chunks of `store`. The same chunks and the same seed give the same segments.
///
/// # Errors
/// Storage faults.
pub(super) fn sample(store: &Store, most: usize, seed: u64) -> Result<Sample, Fault> {
    let mut lottery = Lottery { most, seed, drawn: BTreeMap::new() };
    let mut after = i64::MIN;
    loop {
        let page = store.passages(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(lottery.segments()) };
        after = last.id;
        page.iter().for_each(|passage| lottery.enter(passage));
    }
}

/// The chunks drawn so far, by what decides.
struct Lottery {
    most: usize,
    seed: u64,
    drawn: BTreeMap<ContentHash, String>,
}

impl Lottery {
    fn enter(&mut self, passage: &Passage) {
        let text = tidegate_text::with_heading(&passage.heading, &passage.text);
        let number = ContentHash::of_parts(&[&self.seed.to_le_bytes(), text.as_bytes()]);
        let beaten = self.drawn.len() >= self.most;
        if beaten && self.drawn.last_key_value().is_some_and(|(last, _)| *last <= number) {
            return;
        }
        self.drawn.insert(number, text);
        if self.drawn.len() > self.most {
            self.drawn.pop_last();
        }
    }

    fn segments(self) -> Sample {
        let tokenizer = WordPiece::builtin();
        let mut sample = Sample::default();
        let mut cut: Vec<(bool, std::vec::IntoIter<String>)> = Vec::with_capacity(self.drawn.len());
        for (at, (number, text)) in self.drawn.into_iter().enumerate() {
            let segments = cut_up(&text, &tokenizer, &mut draws_of(number));
            sample.chunks += usize::from(!segments.is_empty());
            cut.push((at % HELD_ONE_IN == 0, segments.into_iter()));
        }
        let held_most = (self.most / HELD_ONE_IN).clamp(1, MOST_HELD);
        let mut met = HashSet::new();
        let mut any = true;
        while any {
            any = false;
            for (held, segments) in &mut cut {
                let (into, most) = match held {
                    true => (&mut sample.held, held_most),
                    false => (&mut sample.lessons, self.most),
                };
                if into.len() < most
                    && let Some(segment) = segments.next()
                {
                    any = true;
                    if met.insert(ContentHash::of(segment.as_bytes())) {
                        into.push(segment);
                    }
                }
            }
        }
        sample
    }
}

fn draws_of(number: ContentHash) -> Draws {
    let bytes = number.0.first_chunk().copied().unwrap_or_default();
    Draws::new(u64::from_le_bytes(bytes))
}

/// A text in segments of drawn lengths, in a drawn order.
fn cut_up(text: &str, tokenizer: &WordPiece, draws: &mut Draws) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut segments = Vec::new();
    let mut rest = words.as_slice();
    while rest.len() >= LEAST_WORDS {
        let length = SHORTEST + draws.below(LONGEST - SHORTEST + 1);
        let (segment, after) = rest.split_at(length.min(rest.len()));
        let segment = segment.join(" ");
        if segment.len() <= MOST_BYTES && tokenizer.count(&segment) <= MOST_TOKENS {
            segments.push(segment);
        }
        rest = after;
    }
    draws.shuffle(&mut segments);
    segments
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passage(text: &str) -> Passage {
        Passage { id: 0, heading: Vec::new(), text: text.to_owned() }
    }

    fn drawn(texts: &[String], most: usize, seed: u64) -> Sample {
        let mut lottery = Lottery { most, seed, drawn: BTreeMap::new() };
        texts.iter().for_each(|text| lottery.enter(&passage(text)));
        lottery.segments()
    }

    /// Texts in which every second word is the text's own number, from 1000.
    fn texts(count: usize, words: usize) -> Vec<String> {
        let word = |text: usize, at: usize| if at.is_multiple_of(2) { 1_000 + text } else { at };
        (0..count)
            .map(|text| (0..words).map(|at| word(text, at).to_string()).collect::<Vec<_>>().join(" "))
            .collect()
    }

    fn number(segment: &str) -> usize {
        segment.split(' ').map(|word| word.parse().unwrap()).max().unwrap()
    }

    #[test]
    fn order_and_repetition_change_nothing_and_the_seed_does() {
        let texts = texts(300, 40);
        let sample = drawn(&texts, 100, 1);
        assert!(sample.lessons.len() >= 80 && sample.lessons.len() <= 100, "{}", sample.lessons.len());
        assert_eq!((sample.chunks, sample.held.len()), (100, 10));
        let mut turned = texts.clone();
        turned.reverse();
        turned.extend(texts.clone());
        assert_eq!(drawn(&turned, 100, 1), sample);
        assert_ne!(drawn(&texts, 100, 2), sample);
    }

    #[test]
    fn every_chunk_has_its_turn_before_any_has_a_second() {
        let mut texts = texts(50, 60);
        texts.push((0..60_000).map(|word| format!("long{word}")).collect::<Vec<_>>().join(" "));
        let sample = drawn(&texts, 60, 1);
        let long = sample.lessons.iter().chain(&sample.held).filter(|text| text.starts_with("long")).count();
        assert!(long <= 4, "{long} of {}", sample.lessons.len() + sample.held.len());
    }

    #[test]
    fn what_the_fit_is_measured_with_is_of_other_chunks() {
        let sample = drawn(&texts(40, 200), 1_000, 3);
        let seen: HashSet<usize> = sample.lessons.iter().map(|text| number(text)).collect();
        assert!(!sample.held.is_empty() && sample.held.iter().all(|text| !seen.contains(&number(text))));
    }

    #[test]
    fn every_chunk_is_as_likely_as_another() {
        let texts = texts(200, 20);
        let mut met = vec![0_u32; texts.len()];
        for seed in 0..400 {
            let mut lottery = Lottery { most: 50, seed, drawn: BTreeMap::new() };
            texts.iter().for_each(|text| lottery.enter(&passage(text)));
            for text in lottery.drawn.values() {
                met[texts.iter().position(|other| other == text).unwrap()] += 1;
            }
        }
        // A quarter of 400, give or take five standard deviations.
        assert!(met.iter().all(|count| (57..=143).contains(count)), "{met:?}");
    }

    proptest! {
        #[test]
        fn segments_are_of_the_text_and_within_bounds(text in "\\PC{0,400}", repeat in 1usize..30, seed in any::<u64>()) {
            let text = format!("{text} ").repeat(repeat);
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for segment in cut_up(&text, &WordPiece::builtin(), &mut Draws::new(seed)) {
                let count = segment.split(' ').count();
                prop_assert!((LEAST_WORDS..=LONGEST).contains(&count) && segment.len() <= MOST_BYTES);
                prop_assert!(WordPiece::builtin().count(&segment) <= MOST_TOKENS);
                prop_assert!(words.contains(&segment));
            }
        }
    }
}

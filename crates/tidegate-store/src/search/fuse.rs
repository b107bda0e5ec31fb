//! One order from two: normalised score fusion.
//!
//! Each leg's score is put on a scale where 1 is about the best (BM25 by the query's best, cosine as it is) and the
//! two are averaged. Fusion by rank was refused: it gives the weaker leg as much say as the stronger, and measured
//! worse than BM25 alone when the vectors are from a small model.

use rustc_hash::FxHashMap;

use super::Parts;

/// Weight of BM25 over the query's best.
const TEXT: f64 = 1.0;
/// Weight of the cosine.
const VECTOR: f64 = 1.0;

/// A chunk on its way to being a hit.
pub(super) struct Scored {
    pub(super) chunk: i64,
    pub(super) score: f64,
    pub(super) parts: Parts,
}

/// Puts the chunks of one leg in order.
pub(super) fn single(found: Vec<(i64, f64)>, parts: impl Fn(f64) -> Parts) -> Vec<Scored> {
    found.into_iter().map(|(chunk, score)| Scored { chunk, score, parts: parts(score) }).collect()
}

/// Puts the chunks of both legs in one order. `cosines` holds every known cosine, also of chunks that only the text
/// leg found; a chunk that only the vector leg found counts as having none of the words.
pub(super) fn both(text: &[(i64, f64)], cosines: &FxHashMap<i64, f64>) -> Vec<Scored> {
    let best = text.iter().map(|(_, bm25)| *bm25).fold(0.0, f64::max);
    let words: FxHashMap<i64, f64> = text.iter().copied().collect();
    let score = |parts: &Parts| {
        let text = parts.text.filter(|_| best > 0.0).map_or(0.0, |bm25| bm25 / best);
        let vector = parts.vector.map_or(0.0, |cosine| cosine.max(0.0));
        (TEXT * text + VECTOR * vector) / (TEXT + VECTOR)
    };
    let chunks = words.keys().chain(cosines.keys().filter(|id| !words.contains_key(id)));
    let mut scored: Vec<Scored> = chunks
        .map(|chunk| {
            let parts = Parts { vector: cosines.get(chunk).copied(), text: words.get(chunk).copied() };
            Scored { chunk: *chunk, score: score(&parts), parts }
        })
        .collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
    scored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_both_legs_like_wins() {
        let text = [(1, 10.0), (2, 9.0)];
        let cosines = FxHashMap::from_iter([(2, 0.9), (3, 0.95), (1, 0.1)]);
        let order: Vec<i64> = both(&text, &cosines).iter().map(|scored| scored.chunk).collect();
        assert_eq!(order, [2, 1, 3]);
    }

    #[test]
    fn scores_stay_between_zero_and_one() {
        let text = [(1, 1e-9), (2, 0.0)];
        let cosines = FxHashMap::from_iter([(3, -1.0), (1, 1.0)]);
        for scored in both(&text, &cosines) {
            assert!((0.0..=1.0).contains(&scored.score), "{}", scored.score);
        }
    }
}

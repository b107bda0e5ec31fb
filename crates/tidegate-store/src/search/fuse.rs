//! One order from two: normalised score fusion.
//!
//! Each leg's score is put on a scale where 1 is about the best (BM25 by the query's best, cosine as it is) and the
//! weighed mean of the two decides: with weights t and v, `(t · bm25 / best + v · max(cosine, 0)) / (t + v)`. That is
//! CombSUM of Fox and Shaw (1994) with weights, the convex combination that Bruch, Gai and Ingber (2023) found to do
//! better than fusion by rank. That was refused: it gives the weaker leg as much say as the stronger, and measured
//! worse than BM25 alone when the vectors are from a small model.

use rustc_hash::FxHashMap;

use super::{Parts, Weights};

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
pub(super) fn both(text: &[(i64, f64)], cosines: &FxHashMap<i64, f64>, weights: Weights) -> Vec<Scored> {
    let best = text.iter().map(|(_, bm25)| *bm25).fold(0.0, f64::max);
    let words: FxHashMap<i64, f64> = text.iter().copied().collect();
    let score = |parts: &Parts| {
        let words = parts.text.filter(|_| best > 0.0).map_or(0.0, |bm25| bm25 / best);
        let meaning = parts.vector.map_or(0.0, |cosine| cosine.max(0.0));
        let Weights { text, vector } = weights;
        (text * words + vector * meaning) / (text + vector)
    };
    let chunks = words.keys().chain(cosines.keys().filter(|id| !words.contains_key(id)));
    let mut scored: Vec<Scored> = chunks
        .map(|chunk| {
            let parts = Parts {
                vector: cosines.get(chunk).copied(),
                text: words.get(chunk).copied(),
                ..Parts::default()
            };
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
        let order: Vec<i64> =
            both(&text, &cosines, Weights::default()).iter().map(|scored| scored.chunk).collect();
        assert_eq!(order, [2, 1, 3]);
    }

    #[test]
    fn scores_stay_between_zero_and_one() {
        let text = [(1, 1e-9), (2, 0.0)];
        let cosines = FxHashMap::from_iter([(3, -1.0), (1, 1.0)]);
        for weights in
            [Weights::default(), Weights { text: 0.0, vector: 1e-9 }, Weights { text: 1e9, vector: 1.0 }]
        {
            for scored in both(&text, &cosines, weights) {
                assert!((0.0..=1.0).contains(&scored.score), "{}", scored.score);
            }
        }
    }

    #[test]
    fn weights_decide_which_leg_is_heard() {
        let text = [(1, 10.0), (2, 5.0)];
        let cosines = FxHashMap::from_iter([(1, 0.1), (2, 0.9)]);
        let first = |text_weight, vector| {
            let weights = Weights { text: text_weight, vector };
            let scored = both(&text, &cosines, weights);
            (scored[0].chunk, (scored[0].score * 1e3).round())
        };
        assert_eq!(first(1.0, 1.0), (2, 700.0)); // (.5 + .9) / 2
        assert_eq!(first(3.0, 1.0), (1, 775.0)); // (3 + .1) / 4
        assert_eq!(first(1.0, 0.0), (1, 1_000.0));
        assert_eq!(first(0.0, 1.0), (2, 900.0));
    }
}

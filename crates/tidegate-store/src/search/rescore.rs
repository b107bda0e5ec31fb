//! The order of hits once a better model has looked at the first of them.
//!
//! The first score is put on the scale from 0 to 1, on which a hybrid's is already, and the weighed mean of it and the
//! better model's cosine decides: with weight w, `(first + w · max(cosine, 0)) / (1 + w)`. That is the formula by which
//! the first score itself was fused. Letting the better model decide alone was refused: on every collection that was
//! measured, both together found more than either.

use super::{Hit, Mode};

/// Puts `hits`, which were found by `mode`, in the order of their scores fused with `cosines`, those of a better model
/// for the first of them, which counts `weight` times what the first score does. A hit without one counts as
/// having cosine 0, so that it cannot come before one that stood above it because nobody looked.
pub fn rescored(hits: &mut [Hit], cosines: &[Option<f64>], (mode, weight): (Mode, f64)) {
    let best = hits.iter().map(|hit| hit.score).fold(0.0, f64::max);
    let first = |score: f64| match mode {
        Mode::Text if best > 0.0 => score / best,
        Mode::Text | Mode::Vector | Mode::Hybrid => score.max(0.0),
    };
    for (at, hit) in hits.iter_mut().enumerate() {
        hit.parts.rescore = cosines.get(at).copied().flatten();
        let better = hit.parts.rescore.map_or(0.0, |cosine| cosine.max(0.0));
        hit.score = (first(hit.score) + weight * better) / (1.0 + weight);
    }
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rank.cmp(&b.rank)));
    (1..).zip(hits).for_each(|(rank, hit)| hit.rank = rank);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::search::Parts;

    fn hits(scores: &[f64]) -> Vec<Hit> {
        let hit = |(rank, score): (usize, &f64)| Hit {
            rank,
            score: *score,
            source: String::new(),
            id: rank as i64,
            title: None,
            heading: Vec::new(),
            page: None,
            span: (0, 0),
            text: String::new(),
            parts: Parts::default(),
        };
        (1..).zip(scores).map(hit).collect()
    }

    fn order(scores: &[f64], cosines: &[Option<f64>], way: (Mode, f64)) -> Vec<(i64, i64)> {
        let mut hits = hits(scores);
        rescored(&mut hits, cosines, way);
        hits.iter().map(|hit| (hit.id, (hit.score * 1e3).round() as i64)).collect()
    }

    #[test]
    fn a_better_model_changes_the_order() {
        let better = [Some(0.2), Some(0.9)];
        assert_eq!(order(&[20.0, 16.0, 2.0], &better, (Mode::Text, 1.0)), [(2, 850), (1, 600), (3, 50)]);
        assert_eq!(order(&[0.9, 0.8], &better, (Mode::Vector, 1.0)), [(2, 850), (1, 550)]);
        assert_eq!(order(&[0.6, 0.5], &better, (Mode::Hybrid, 3.0)), [(2, 800), (1, 300)]);
        assert_eq!(order(&[0.6, 0.5], &better, (Mode::Hybrid, 0.0)), [(1, 600), (2, 500)]);
        assert_eq!(order(&[0.6, 0.5], &[None, Some(-1.0)], (Mode::Hybrid, 1.0)), [(1, 300), (2, 250)]);
        assert_eq!(order(&[], &[], (Mode::Text, 1.0)), []);
    }

    proptest! {
        #[test]
        fn what_was_not_looked_at_stays_behind_and_in_order(
            mut scores in proptest::collection::vec(-1.0f64..1.0, 0..30),
            cosines in proptest::collection::vec(proptest::option::of(-1.0f64..1.0), 0..30),
            weight in 0.0f64..10.0,
            vector in any::<bool>(),
        ) {
            scores.sort_by(|a, b| b.total_cmp(a));
            let mode = if vector { Mode::Vector } else { Mode::Hybrid };
            let mut found = hits(&scores);
            rescored(&mut found, &cosines, (mode, weight));
            let ranks: Vec<usize> = found.iter().map(|hit| hit.rank).collect();
            prop_assert_eq!(ranks, (1..=scores.len()).collect::<Vec<_>>());
            prop_assert!(found.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));
            let looked = cosines.len().min(scores.len());
            let behind: Vec<i64> = found[looked..].iter().map(|hit| hit.id).collect();
            prop_assert_eq!(behind, (looked as i64 + 1..=scores.len() as i64).collect::<Vec<_>>());
        }
    }
}

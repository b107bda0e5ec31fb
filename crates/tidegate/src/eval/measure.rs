//! The figures: what each question scores, and what that says of all questions.

use serde::Serialize;
use tidegate_core::draws::Draws;

/// How often the questions are drawn anew to find out how much a mean depends on them.
const DRAWS: usize = 2_000;
/// Part of the draws outside the interval, on each side.
const OUTSIDE: f64 = 0.025;

/// What one question scores, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scores {
    ndcg_10: f64,
    recall_10: f64,
    recall_100: f64,
    reciprocal_rank: f64,
}

impl Scores {
    /// From the grades of the documents found, best first, and those of all relevant ones, highest first.
    ///
    /// nDCG discounts a grade by the logarithm of its rank and compares with the best order possible (Järvelin and
    /// Kekäläinen, 2002; grades themselves as gains, as `trec_eval` has it). Recall is the part of the relevant
    /// documents that is found. The reciprocal rank is one by the rank of the first relevant document.
    pub(super) fn of(found: &[f64], ideal: &[f64]) -> Self {
        let recall = |depth: usize| {
            let hits = found.iter().take(depth).filter(|grade| **grade > 0.0).count();
            hits as f64 / ideal.len().max(1) as f64
        };
        let first = found.iter().position(|grade| *grade > 0.0);
        Self {
            ndcg_10: discounted(found) / discounted(ideal).max(f64::MIN_POSITIVE),
            recall_10: recall(10),
            recall_100: recall(100),
            reciprocal_rank: first.map_or(0.0, |at| 1.0 / (at + 1) as f64),
        }
    }
}

/// The first ten grades, each divided by the binary logarithm of its rank plus one.
fn discounted(grades: &[f64]) -> f64 {
    // Folded from zero: the sum of no floats is minus zero, which a reader would see.
    grades.iter().take(10).enumerate().fold(0.0, |sum, (at, grade)| sum + grade / ((at + 2) as f64).log2())
}

/// A mean, and where it would lie, 95 times of 100, had other questions of the same kind been asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The mean over all questions.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The figures of one way to search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Normalised discounted cumulative gain of the first ten documents.
    pub ndcg_10: Figure,
    /// Part of the relevant documents among the first ten.
    pub recall_10: Figure,
    /// Part of the relevant documents among the first hundred.
    pub recall_100: Figure,
    /// Mean of one by the rank of the first relevant document, among the first hundred.
    pub mrr: Figure,
}

/// Means of all questions. The intervals are percentiles of means over questions drawn anew with replacement (Efron,
/// 1979). The draws are the same each time, so equal searches give equal figures, and ways of searching are compared
/// on the same draws.
pub(super) fn figures(scores: &[Scores]) -> Figures {
    let of = |score: fn(&Scores) -> f64| figure(&scores.iter().map(score).collect::<Vec<f64>>());
    Figures {
        ndcg_10: of(|scores| scores.ndcg_10),
        recall_10: of(|scores| scores.recall_10),
        recall_100: of(|scores| scores.recall_100),
        mrr: of(|scores| scores.reciprocal_rank),
    }
}

fn figure(values: &[f64]) -> Figure {
    let mean = |sum: f64| sum / values.len().max(1) as f64;
    let mut draws = Draws::new(0);
    let mut means: Vec<f64> =
        (0..DRAWS).map(|_| mean(values.iter().map(|_| values[draws.below(values.len())]).sum())).collect();
    means.sort_by(f64::total_cmp);
    let at = |part: f64| means[(part * (DRAWS - 1) as f64).round() as usize];
    Figure { mean: mean(values.iter().sum()), low: at(OUTSIDE), high: at(1.0 - OUTSIDE) }
}

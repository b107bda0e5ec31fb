//! What a batch of texts is away from its teacher, and in which direction each vector should go.

use super::matrix::{add, cosines, dot};

/// The matrices of one batch, kept from step to step because they are large.
#[derive(Default)]
pub(super) struct Loss {
    ours: Vec<f32>,
    theirs: Vec<f32>,
}

/// Unit vectors of a batch, one after another.
pub(super) struct Batch<'a> {
    /// Of the table, and their length.
    pub(super) vectors: &'a [f32],
    pub(super) width: usize,
    /// Of the teacher, projected to the same length.
    pub(super) wanted: &'a [f32],
    /// Of the teacher, in full, and their length.
    pub(super) full: &'a [f32],
    pub(super) full_width: usize,
}

impl Loss {
    /// The mean cosine to what is wanted. `slopes` becomes the gradient, at each vector, of
    /// `mean(1 - cosine) + between * mean((our cosines - the teacher's)^2)`, the second mean over all pairs.
    pub(super) fn slopes(&mut self, batch: &Batch<'_>, between: f32, slopes: &mut Vec<f32>) -> f32 {
        let (width, count) = (batch.width, batch.vectors.len() / batch.width);
        let share = 1.0 / count as f32;
        slopes.clear();
        slopes.extend(batch.wanted.iter().map(|x| -share * x));
        let pairs = batch.vectors.chunks_exact(width).zip(batch.wanted.chunks_exact(width));
        let cosine = pairs.map(|(a, b)| dot(a, b)).sum::<f32>() * share;
        if between == 0.0 {
            return cosine;
        }
        cosines(batch.vectors, width, &mut self.ours);
        cosines(batch.full, batch.full_width, &mut self.theirs);
        // Each pair stands in the mean twice, and the square gives another factor of two.
        let factor = 4.0 * between * share * share;
        let differences = self.ours.chunks_exact(count).zip(self.theirs.chunks_exact(count));
        for (slope, (ours, theirs)) in slopes.chunks_exact_mut(width).zip(differences) {
            for ((a, b), other) in ours.iter().zip(theirs).zip(batch.vectors.chunks_exact(width)) {
                add(slope, factor * (a - b), other);
            }
        }
        cosine
    }
}

//! Brings the teacher's vectors to the length of a table's rows.

use super::matrix::{Symmetric, dot};
use super::{Lessons, Rows};

/// Part of the largest singular value below which a direction says nothing.
const NOTHING: f64 = 1e-6;

/// A linear map from the teacher's vectors to shorter ones that keeps angles as far as the length allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    pub(super) from: usize,
    pub(super) to: usize,
    /// One axis of `from` numbers for each of the `to` numbers that come out.
    axes: Vec<f32>,
}

impl Projection {
    /// Onto the `to` directions that the lessons' targets use most: the leading right singular vectors of the targets,
    /// which are not centred, because angles are what is to be kept. Fewer targets than directions leave zeros.
    #[must_use]
    pub fn principal(lessons: &Lessons, to: usize) -> Self {
        let from = lessons.width();
        let mut squares = Symmetric::zero(from);
        for at in 0..lessons.len() {
            squares.add_square(lessons.target(at));
        }
        let mut axes = Vec::with_capacity(to * from);
        for (_, axis) in squares.eigen().into_iter().take(to) {
            axes.extend(axis.iter().map(|&x| x as f32));
        }
        axes.resize(to * from, 0.0);
        Self { from, to, axes }
    }

    /// The one under which the lessons' targets come closest to what `rows` makes of their tokens, among those that
    /// keep angles: the orthogonal Procrustes problem (Schönemann, 1966). So a table that exists can be fitted further
    /// without turning all of it first.
    #[must_use]
    pub fn towards(rows: &Rows, lessons: &Lessons) -> Self {
        let (from, to) = (lessons.width(), rows.width());
        let product = correlations(rows, lessons);
        let mut squares = Symmetric::zero(to);
        for (a, left) in product.chunks_exact(from).enumerate() {
            for (b, right) in product.chunks_exact(from).enumerate() {
                squares.values[a * to + b] = left.iter().zip(right).map(|(x, y)| x * y).sum();
            }
        }
        // With the singular values S and vectors U, V of the product, the answer is U times V transposed; the rows of
        // V transposed are those of U transposed times the product, divided by S.
        let eigen = squares.eigen();
        let largest = eigen.first().map_or(0.0, |(value, _)| value.max(0.0).sqrt());
        let mut axes = vec![0.0_f64; to * from];
        for (value, left) in &eigen {
            let singular = value.max(0.0).sqrt();
            if singular <= largest * NOTHING {
                continue;
            }
            let mut right = vec![0.0_f64; from];
            for (row, factor) in product.chunks_exact(from).zip(left) {
                right.iter_mut().zip(row).for_each(|(sum, x)| *sum += factor / singular * x);
            }
            for (axis, factor) in axes.chunks_exact_mut(from).zip(left) {
                axis.iter_mut().zip(&right).for_each(|(sum, x)| *sum += factor * x);
            }
        }
        Self { from, to, axes: axes.into_iter().map(|x| x as f32).collect() }
    }

    /// The projection of a vector, scaled to unit length; zeros if nothing of it is left.
    pub(super) fn unit(&self, vector: &[f32], into: &mut Vec<f32>) {
        let start = into.len();
        into.extend(self.axes.chunks_exact(self.from).map(|axis| dot(axis, vector)));
        crate::pool::normalise(&mut into[start..]);
    }

    /// The projection of a vector, as long as it comes.
    pub(super) fn plain(&self, vector: &[f32], into: &mut [f32]) {
        for (x, axis) in into.iter_mut().zip(self.axes.chunks_exact(self.from)) {
            *x = dot(axis, vector);
        }
    }
}

/// The sum over all lessons of the table's vector times the teacher's: one row for each number of the table's.
fn correlations(rows: &Rows, lessons: &Lessons) -> Vec<f64> {
    let from = lessons.width();
    let mut product = vec![0.0_f64; rows.width() * from];
    for at in 0..lessons.len() {
        let mut vector = rows.sum(lessons.ids(at));
        crate::pool::normalise(&mut vector);
        let target = lessons.target(at);
        for (row, &x) in product.chunks_exact_mut(from).zip(&vector) {
            row.iter_mut().zip(target).for_each(|(sum, &y)| *sum += f64::from(x) * f64::from(y));
        }
    }
    product
}

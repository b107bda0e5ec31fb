//! Fits a table of token vectors to a larger model, the teacher: so that the normalised sum of a text's token vectors
//! comes as close as possible to the vector that the teacher gives to the whole text.
//!
//! Two things are asked of a batch of texts: that each vector points where the teacher's does (one minus the cosine),
//! and that texts are as alike or unlike each other as the teacher finds them (the squared difference of all cosines
//! within the batch). The second is what a search uses, and it keeps vectors from crowding together. Both are made
//! smaller by Adam (Kingma and Ba, 2015) on the rows that the batch uses.
//!
//! All sums have a fixed order, so the same lessons give the same table, bit by bit, on every machine.

mod agreement;
mod descent;
mod lessons;
mod loss;
mod matrix;
mod projection;
mod rows;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use agreement::Agreement;
pub use lessons::Lessons;
pub use projection::Projection;
pub use rows::{Packed, Rows};

use descent::Descent;
use tidegate_core::draws::Draws;

/// How a table is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// How often each lesson is taken.
    pub passes: usize,
    /// Lessons of a step. The cosines of all pairs of them are compared, so time grows with the square.
    pub batch: usize,
    /// How far a step goes, as Adam counts it; it falls in a straight line to a twentieth of this at the end.
    pub rate: f32,
    /// Weight of the differences between texts, beside one for the texts themselves.
    pub between: f32,
    /// From which the order of the lessons follows.
    pub seed: u64,
}

impl Plan {
    /// For a table made from nothing, with tens of thousands of lessons. More passes fit the lessons better and other
    /// texts worse.
    pub const NEW: Self = Self { passes: 6, batch: 512, rate: 3e-3, between: 20.0, seed: 1 };
    /// For a table that exists, with the thousands of lessons that a corpus of its user gives. Of texts that were kept from
    /// a fit, 10 passes left a table nearer to the teacher than 6 or 20 did, in one collection of abstracts (Cranfield's).
    pub const ADAPT: Self = Self { passes: 10, batch: 256, rate: 3e-3, between: 20.0, seed: 1 };

    /// Steps that this plan takes with so many lessons.
    #[must_use]
    pub fn steps(&self, lessons: usize) -> usize {
        self.passes * lessons.div_ceil(self.batch.max(1))
    }
}

/// How far a fit has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// The mean cosine to the teacher within the last batch, before its step was taken.
    pub cosine: f32,
}

/// Fits `rows` to the lessons, whose targets `projection` brings to the length of a row. Returns whether it came to the
/// end: `watch` is told of every step and may stop there, which leaves the rows as far as they came.
///
/// Lessons without a known token, and those whose target is not finite or has no length, teach nothing.
///
/// # Panics
/// If the projection was made for vectors of other lengths than the lessons' and the rows'.
pub fn fit(
    rows: &mut Rows,
    lessons: &Lessons,
    projection: &Projection,
    plan: &Plan,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> bool {
    assert_eq!(
        (projection.from, projection.to),
        (lessons.width(), rows.width()),
        "lengths of vectors differ"
    );
    let steps = plan.steps(lessons.len());
    let mut descent = Descent::new(rows);
    let mut step = 0;
    for pass in 0..plan.passes {
        let mut order: Vec<usize> = (0..lessons.len()).collect();
        Draws::new(plan.seed.wrapping_add(pass as u64)).shuffle(&mut order);
        for batch in order.chunks(plan.batch.max(1)) {
            let falling = 1.0 - 0.95 * step as f32 / steps as f32;
            let cosine = descent.step(lessons, projection, batch, (plan.rate * falling, plan.between));
            step += 1;
            if watch(Progress { step, steps, cosine }).is_break() {
                return false;
            }
        }
    }
    true
}

//! How nearly a table says what its teacher does, of texts that it was not fitted to.

use serde::Serialize;

use super::matrix::{cosines, dot};
use super::{Lessons, Projection, Rows};

/// Neighbours that are compared.
const NEAREST: usize = 10;

/// How nearly a table agrees with its teacher; 1 is as nearly as can be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// The mean cosine between the table's vectors and the teacher's, projected.
    pub cosine: f32,
    /// How many of the ten texts that the teacher finds nearest to a text are among the ten that the table finds
    /// nearest, as a part of one: what a search by meaning lives on.
    pub neighbours: f32,
}

impl Agreement {
    /// Compares what `rows` and the teacher make of `lessons`, which are compared with each other: time grows with the
    /// square of their number.
    ///
    /// # Panics
    /// If the projection was made for vectors of other lengths than the lessons' and the rows'.
    #[must_use]
    pub fn measure(rows: &Rows, lessons: &Lessons, projection: &Projection) -> Self {
        assert_eq!(
            (projection.from, projection.to),
            (lessons.width(), rows.width()),
            "lengths of vectors differ"
        );
        let (mut ours, mut wanted, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..lessons.len() {
            let mut vector = rows.sum(lessons.ids(at));
            crate::pool::normalise(&mut vector);
            ours.extend_from_slice(&vector);
            projection.unit(lessons.target(at), &mut wanted);
            theirs.extend_from_slice(lessons.target(at));
        }
        let pairs = ours.chunks_exact(rows.width()).zip(wanted.chunks_exact(rows.width()));
        let cosine = pairs.map(|(a, b)| f64::from(dot(a, b))).sum::<f64>() / lessons.len().max(1) as f64;
        let neighbours = overlap((&ours, rows.width()), (&theirs, lessons.width()), lessons.len());
        Self { cosine: cosine as f32, neighbours: neighbours as f32 }
    }

    /// Whether this is nearer to the teacher than `other` in both ways.
    #[must_use]
    pub fn is_better_than(&self, other: &Self) -> bool {
        self.cosine > other.cosine && self.neighbours > other.neighbours
    }
}

/// The mean part of the nearest that two lists of `count` unit vectors have in common.
fn overlap(ours: (&[f32], usize), theirs: (&[f32], usize), count: usize) -> f64 {
    let near = NEAREST.min(count.saturating_sub(1));
    if near == 0 {
        return 0.0;
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    cosines(ours.0, ours.1, &mut a);
    cosines(theirs.0, theirs.1, &mut b);
    let shared: usize = (0..count)
        .map(|at| {
            let place = at * count..(at + 1) * count;
            let (ours, theirs) = (nearest(at, &a[place.clone()], near), nearest(at, &b[place], near));
            ours.iter().filter(|one| theirs.contains(one)).count()
        })
        .sum();
    shared as f64 / (count * near) as f64
}

/// The `near` places with the largest cosines, without the text's own; of equal ones those that come first.
fn nearest(own: usize, cosines: &[f32], near: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..cosines.len()).filter(|at| *at != own).collect();
    let order = |a: &usize, b: &usize| cosines[*b].total_cmp(&cosines[*a]).then(a.cmp(b));
    if places.len() > near {
        places.select_nth_unstable_by(near - 1, order);
        places.truncate(near);
    }
    places
}

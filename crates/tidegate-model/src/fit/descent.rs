//! Adam, on the rows that a batch uses.

use super::loss::{Batch, Loss};
use super::matrix::{add, dot};
use super::{Lessons, Projection, Rows};

/// How much of the mean gradient, and of its mean square, is kept from step to step.
const KEEP_MEAN: f32 = 0.9;
const KEEP_SQUARE: f32 = 0.99;
/// Keeps a row that hardly had a gradient from jumping.
const LEAST: f32 = 1e-8;

pub(super) struct Descent<'a> {
    rows: &'a mut Rows,
    means: Vec<f32>,
    squares: Vec<f32>,
    /// Powers of what is kept: by how much the means are still too small.
    kept: (f32, f32),
    loss: Loss,
    /// The gradient of each row used by the batch, and where in it a row's part is; zero for rows not used.
    gradient: Vec<f32>,
    place: Vec<u32>,
    used: Vec<u32>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    vectors: Vec<f32>,
    lengths: Vec<f32>,
    wanted: Vec<f32>,
    full: Vec<f32>,
    slopes: Vec<f32>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(rows: &'a mut Rows) -> Self {
        let (values, count) = (rows.values.len(), rows.len());
        Self {
            rows,
            means: vec![0.0; values],
            squares: vec![0.0; values],
            kept: (1.0, 1.0),
            loss: Loss::default(),
            gradient: Vec::new(),
            place: vec![0; count],
            used: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// One step with the lessons of `batch`; the mean cosine to the teacher before it.
    pub(super) fn step(
        &mut self,
        lessons: &Lessons,
        projection: &Projection,
        batch: &[usize],
        (rate, between): (f32, f32),
    ) -> f32 {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.forward(lessons, projection, batch, &mut scratch);
        let view = Batch {
            vectors: &scratch.vectors,
            width: self.rows.width(),
            wanted: &scratch.wanted,
            full: &scratch.full,
            full_width: lessons.width(),
        };
        let cosine = self.loss.slopes(&view, between, &mut scratch.slopes);
        self.backward(lessons, batch, &scratch);
        self.apply(rate);
        self.scratch = scratch;
        cosine
    }

    /// The unit vectors of the batch, by the table and by the teacher.
    fn forward(&self, lessons: &Lessons, projection: &Projection, batch: &[usize], scratch: &mut Scratch) {
        scratch.vectors.clear();
        scratch.lengths.clear();
        scratch.wanted.clear();
        scratch.full.clear();
        for &at in batch {
            let mut vector = self.rows.sum(lessons.ids(at));
            scratch.lengths.push(dot(&vector, &vector).sqrt());
            crate::pool::normalise(&mut vector);
            scratch.vectors.extend_from_slice(&vector);
            projection.unit(lessons.target(at), &mut scratch.wanted);
            scratch.full.extend_from_slice(lessons.target(at));
        }
    }

    /// From the slopes at the unit vectors to the gradient of each row.
    fn backward(&mut self, lessons: &Lessons, batch: &[usize], scratch: &Scratch) {
        let width = self.rows.width();
        for id in self.used.drain(..) {
            self.place[id as usize] = 0;
        }
        self.gradient.clear();
        let vectors = scratch.vectors.chunks_exact(width).zip(scratch.slopes.chunks_exact(width));
        for ((&at, &length), (vector, slope)) in batch.iter().zip(&scratch.lengths).zip(vectors) {
            if length <= 0.0 {
                continue;
            }
            // Only what is across the vector turns it; what is along it is lost when it is scaled to unit length.
            let along = dot(slope, vector);
            let mut turn: Vec<f32> = slope.iter().map(|x| x / length).collect();
            add(&mut turn, -along / length, vector);
            for &id in lessons.ids(at) {
                let Some(place) = self.place.get_mut(id as usize) else { continue };
                if *place == 0 {
                    self.used.push(id);
                    *place = self.used.len() as u32;
                    self.gradient.resize(self.used.len() * width, 0.0);
                }
                let start = (*place as usize - 1) * width;
                add(&mut self.gradient[start..start + width], 1.0, &turn);
            }
        }
    }

    /// Moves the rows used.
    fn apply(&mut self, rate: f32) {
        let width = self.rows.width();
        self.kept = (self.kept.0 * KEEP_MEAN, self.kept.1 * KEEP_SQUARE);
        let (mean_scale, square_scale) = (1.0 / (1.0 - self.kept.0), 1.0 / (1.0 - self.kept.1));
        for (&id, gradient) in self.used.iter().zip(self.gradient.chunks_exact(width)) {
            let place = id as usize * width..(id as usize + 1) * width;
            let values = self.rows.values[place.clone()].iter_mut().zip(gradient);
            let means = self.means[place.clone()].iter_mut().zip(&mut self.squares[place]);
            for ((value, slope), (mean, square)) in values.zip(means) {
                *mean = KEEP_MEAN * *mean + (1.0 - KEEP_MEAN) * slope;
                *square = KEEP_SQUARE * *square + (1.0 - KEEP_SQUARE) * slope * slope;
                *value -= rate * (*mean * mean_scale) / ((*square * square_scale).sqrt() + LEAST);
            }
        }
    }
}

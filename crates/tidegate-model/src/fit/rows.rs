//! A table of token vectors while it is fitted, and the form in which it is kept.

use super::{Lessons, Projection};
use crate::half::{f16_to_f32, f32_to_f16};

/// How often a token may occur before it begins to weigh less: a part of all tokens (Arora and others, 2017).
const COMMON: f32 = 1e-3;

/// The mean size of a number of a new table, to which the steps of the descent are made.
const SIZE: f32 = 0.05;

/// One vector of floats per token.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    width: usize,
    pub(super) values: Vec<f32>,
}

/// A table as it is kept: rows of signed bytes, each with a scale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The rows, one after another.
    pub rows: Vec<u8>,
    /// A little-endian half per row, by which the row is multiplied.
    pub scales: Vec<[u8; 2]>,
}

impl Rows {
    /// Rows of `width` numbers each.
    ///
    /// # Panics
    /// If the values are no whole number of rows.
    #[must_use]
    pub fn new(width: usize, values: Vec<f32>) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "no whole number of rows");
        Self { width, values }
    }

    /// A table to begin with: the teacher's vectors of single tokens, without what all have in common, projected, and
    /// shortened the more, the more often the token occurs in the lessons.
    ///
    /// # Panics
    /// If there is not a vector of the teacher's length for each token.
    #[must_use]
    pub fn begin(tokens: &[f32], lessons: &Lessons, projection: &Projection) -> Self {
        assert!(tokens.len().is_multiple_of(projection.from), "no whole number of token vectors");
        let count = tokens.len() / projection.from;
        let mean = mean(tokens, projection.from);
        // Each token once more than it was met, so that those never met have a weight too.
        let counts: Vec<f64> = lessons.counts(count).into_iter().map(|n| f64::from(n) + 1.0).collect();
        let all: f64 = counts.iter().sum();
        let mut values = vec![0.0; count * projection.to];
        let rows = values.chunks_exact_mut(projection.to).zip(tokens.chunks_exact(projection.from));
        for ((row, token), met) in rows.zip(counts) {
            let apart: Vec<f32> = token.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            projection.plain(&apart, row);
            let weight = COMMON / (COMMON + (met / all) as f32);
            row.iter_mut().for_each(|x| *x *= weight);
        }
        let mean_size = values.iter().map(|x| f64::from(x.abs())).sum::<f64>() / values.len().max(1) as f64;
        if mean_size > 0.0 {
            let factor = (f64::from(SIZE) / mean_size) as f32;
            values.iter_mut().for_each(|x| *x *= factor);
        }
        Self { width: projection.to, values }
    }

    /// The floats that a kept table stands for.
    #[must_use]
    pub fn unpack(width: usize, rows: &[u8], scales: &[[u8; 2]]) -> Self {
        let scales = scales.iter().map(|&scale| f16_to_f32(u16::from_le_bytes(scale)));
        let values = rows
            .chunks_exact(width)
            .zip(scales)
            .flat_map(|(row, scale)| row.iter().map(move |&byte| f32::from(byte as i8) * scale))
            .collect();
        Self { width, values }
    }

    /// The table as it is kept: each row rounded to 8 bits with a scale of its own.
    #[must_use]
    pub fn pack(&self) -> Packed {
        let mut packed = Packed { rows: Vec::with_capacity(self.values.len()), scales: Vec::new() };
        for row in self.values.chunks_exact(self.width) {
            let largest = row.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let scale = f32_to_f16(largest / 127.0);
            packed.scales.push(scale.to_le_bytes());
            let scale = f16_to_f32(scale);
            let steps =
                |x: &f32| if scale > 0.0 { (x / scale).round().clamp(-127.0, 127.0) as i8 as u8 } else { 0 };
            packed.rows.extend(row.iter().map(steps));
        }
        packed
    }

    /// Numbers of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn row(&self, id: u32) -> Option<&[f32]> {
        let start = id as usize * self.width;
        self.values.get(start..start + self.width)
    }

    /// The sum of the rows of `ids`; ids past the end add nothing.
    pub(super) fn sum(&self, ids: &[u32]) -> Vec<f32> {
        let mut sum = vec![0.0; self.width];
        for row in ids.iter().filter_map(|&id| self.row(id)) {
            super::matrix::add(&mut sum, 1.0, row);
        }
        sum
    }
}

fn mean(vectors: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; width];
    for vector in vectors.chunks_exact(width) {
        sums.iter_mut().zip(vector).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let count = (vectors.len() / width).max(1) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

//! Layer normalisation.

use rten_simd::SimdOp;
use rten_vecmath::{Normalize, NormalizeOptions, Sum, SumSquareSub};

/// Brings each row to mean 0 and variance 1, then scales and shifts it.
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl Norm {
    /// Normalises one row in place.
    pub(crate) fn apply(&self, row: &mut [f32]) {
        let width = row.len() as f32;
        let mean = Sum::new(row).dispatch() / width;
        let variance = SumSquareSub::new(row, mean).dispatch() / width;
        let options = NormalizeOptions {
            pre_scale_bias: mean,
            scale: 1.0 / (variance + self.epsilon).sqrt(),
            element_scale: Some(&self.scale),
            bias: 0.0,
            element_bias: Some(&self.shift),
        };
        Normalize::new_mut(row, options).dispatch();
    }

    /// Adds `more` to `rows` and normalises each.
    pub(crate) fn add(&self, rows: &mut [f32], more: &[f32]) {
        let width = self.scale.len();
        for (row, more) in rows.chunks_exact_mut(width).zip(more.chunks_exact(width)) {
            for (number, more) in row.iter_mut().zip(more) {
                *number += more;
            }
            self.apply(row);
        }
    }
}

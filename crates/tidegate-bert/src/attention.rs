//! Attention: every token of a text looks at every other, in each head by itself.

use rten_simd::SimdOp;
use rten_vecmath::Softmax;

use crate::gemm::{Gemm, View};

/// The heads of a layer, each `width` numbers wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) count: usize,
    pub(crate) width: usize,
}

/// What attention needs on the way.
#[derive(Default)]
pub(crate) struct Scratch {
    scores: Vec<f32>,
    looked: Vec<f32>,
}

impl Heads {
    /// Attends within one text. A row of `asked` holds a token's query (scaled beforehand), key and value; its row of
    /// `out` becomes what it gathers.
    pub(crate) fn attend(self, gemm: &impl Gemm, asked: &[f32], (out, scratch): (&mut [f32], &mut Scratch)) {
        let Self { count, width } = self;
        let hidden = count * width;
        let stride = 3 * hidden;
        let tokens = asked.len() / stride;
        scratch.scores.resize(tokens * tokens, 0.0);
        scratch.looked.resize(tokens * width, 0.0);
        for head in 0..count {
            let part = |which: usize| {
                let from = which * hidden + head * width;
                let data = &asked[from..(tokens - 1) * stride + from + width];
                View { data, rows: tokens, columns: width, stride }
            };
            let [query, key, value] = [0, 1, 2].map(part);
            gemm.product(query, (key, true), &mut scratch.scores);
            for row in scratch.scores.chunks_exact_mut(tokens) {
                Softmax::new_mut(row).dispatch();
            }
            let scores = View { data: &scratch.scores, rows: tokens, columns: tokens, stride: tokens };
            gemm.product(scores, (value, false), &mut scratch.looked);
            let rows = out.chunks_exact_mut(hidden).zip(scratch.looked.chunks_exact(width));
            for (row, looked) in rows {
                row[head * width..][..width].copy_from_slice(looked);
            }
        }
    }
}

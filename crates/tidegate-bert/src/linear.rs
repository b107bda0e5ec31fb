//! A linear layer, `x · weightsᵀ + bias`, in floats or in bytes.

use crate::bert::Precision;
use crate::gemm::Gemm;
use crate::quantise::{self, Row, Tokens};

/// A layer's weights, one row of `inputs` numbers for each output, and its bias.
pub(crate) struct Weights {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// What layers need on the way, kept so that nothing is allocated for each.
#[derive(Default)]
pub(crate) struct Scratch {
    tokens: Tokens,
    sums: Vec<i32>,
}

/// A layer, ready to be applied.
pub(crate) struct Linear<G: Gemm> {
    inputs: usize,
    bias: Vec<f32>,
    packed: Packed<G>,
}

enum Packed<G: Gemm> {
    Floats(G::Floats),
    Bytes(G::Integers, Vec<Output>),
}

/// What turns a sum of products of bytes into an output.
#[derive(Clone, Copy)]
struct Output {
    scale: f32,
    /// The sum of its weights: what the sum of products would be less if zero were one byte less.
    shift: f32,
    bias: f32,
}

impl<G: Gemm> Linear<G> {
    pub(crate) fn new(gemm: &G, Weights { weights, bias }: Weights, precision: Precision) -> Self {
        let inputs = weights.len() / bias.len();
        let packed = match precision {
            Precision::F32 => Packed::Floats(gemm.pack(&weights, inputs)),
            Precision::Int8 => {
                let rows = quantise::rows(&weights, inputs, gemm.most());
                let of = |((row, &scale), &bias): ((&[i8], &f32), &f32)| {
                    let sum: i32 = row.iter().map(|&weight| i32::from(weight)).sum();
                    Output { scale, shift: sum as f32 * scale, bias }
                };
                let outputs = rows.bytes.chunks_exact(inputs).zip(&rows.scales).zip(&bias).map(of).collect();
                Packed::Bytes(gemm.pack_bytes(&rows.bytes, inputs), outputs)
            }
        };
        Self { inputs, bias, packed }
    }

    /// Applies it to rows; `out` becomes as long as it must be.
    pub(crate) fn apply(&self, gemm: &G, x: &[f32], (out, scratch): (&mut Vec<f32>, &mut Scratch)) {
        let outputs = self.bias.len();
        out.resize(x.len() / self.inputs * outputs, 0.0);
        match &self.packed {
            Packed::Floats(packed) => gemm.floats(x, (packed, &self.bias), out),
            Packed::Bytes(packed, columns) => {
                let Scratch { tokens, sums } = scratch;
                tokens.take(x, self.inputs);
                sums.resize(out.len(), 0);
                gemm.integers(&tokens.bytes, packed, sums);
                let rows = out.chunks_exact_mut(outputs).zip(sums.chunks_exact(outputs));
                for ((out, sums), &Row { scale, zero }) in rows.zip(&tokens.rows) {
                    for (out, (&sum, column)) in out.iter_mut().zip(sums.iter().zip(columns)) {
                        *out = (sum as f32 * column.scale - zero * column.shift) * scale + column.bias;
                    }
                }
            }
        }
    }
}

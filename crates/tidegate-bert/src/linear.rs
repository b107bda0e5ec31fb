//! A linear layer, `x · weightsᵀ + bias`, in floats or in bytes.

use rten_simd::SimdUnaryOp;
use rten_vecmath::{ApproxGelu, Gelu};

use crate::bert::Precision;
use crate::gemm::Gemm;
use crate::quantise::{self, Outputs, Tokens};
use crate::spec::Activation;

/// A layer's weights, one row of inputs for each output, and its bias.
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
    outputs: usize,
    packed: Packed<G>,
}

enum Packed<G: Gemm> {
    /// With the bias.
    Floats(G::Floats, Vec<f32>),
    Bytes(G::Integers, Outputs),
}

impl<G: Gemm> Linear<G> {
    pub(crate) fn new(gemm: &G, Weights { weights, bias }: Weights, precision: Precision) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs;
        let packed = match precision {
            Precision::F32 => Packed::Floats(gemm.pack(&weights, inputs), bias),
            Precision::Int8 => {
                let rows = quantise::rows(&weights, inputs, gemm.most());
                Packed::Bytes(gemm.pack_bytes(&rows.bytes, inputs), Outputs::new(&rows, bias))
            }
        };
        Self { inputs, outputs, packed }
    }

    /// Applies it to rows, and `then` to what comes; `out` becomes as long as it must be.
    pub(crate) fn apply(
        &self,
        (gemm, x): (&G, &[f32]),
        then: Option<Activation>,
        (out, scratch): (&mut Vec<f32>, &mut Scratch),
    ) {
        out.resize(x.len() / self.inputs * self.outputs, 0.0);
        match &self.packed {
            Packed::Floats(packed, bias) => {
                gemm.floats(x, (packed, bias), out);
                if let Some(then) = then {
                    then.apply(out);
                }
            }
            Packed::Bytes(packed, columns) => {
                let Scratch { tokens, sums } = scratch;
                tokens.take(x, self.inputs);
                sums.resize(out.len(), 0);
                gemm.integers(&tokens.bytes, packed, sums);
                let rows = out.chunks_exact_mut(self.outputs).zip(sums.chunks_exact(self.outputs));
                for ((out, sums), row) in rows.zip(&tokens.rows) {
                    columns.take(sums, *row, out);
                    if let Some(then) = then {
                        then.apply(out);
                    }
                }
            }
        }
    }
}

impl Activation {
    fn apply(self, numbers: &mut [f32]) {
        match self {
            Self::Gelu => Gelu {}.map_mut(numbers),
            Self::GeluTanh => ApproxGelu {}.map_mut(numbers),
            Self::Relu => numbers.iter_mut().for_each(|number| *number = number.max(0.0)),
        }
    }
}

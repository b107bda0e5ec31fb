//! Products of matrices, behind a trait of our own: the one file that names the library which computes them.

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

/// A matrix within a larger one: rows may be further apart than they are long.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// From the first number of the first row to the last of the last.
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// From the beginning of a row to that of the next.
    pub(crate) stride: usize,
}

/// What is asked of whoever multiplies. One is made for each call of the model: it may belong to its thread.
pub(crate) trait Gemm {
    /// Packed weights.
    type Floats: Send + Sync;
    /// Packed weights that are bytes.
    type Integers: Send + Sync;
    /// Packs weights, one row of `inputs` numbers for each output.
    fn pack(&self, weights: &[f32], inputs: usize) -> Self::Floats;
    /// Packs weights that are bytes, likewise.
    fn pack_bytes(&self, weights: &[i8], inputs: usize) -> Self::Integers;
    /// The largest byte that a weight may be, so that no sum overflows on the way.
    fn most(&self) -> f32;
    /// `out = x · weightsᵀ + bias`.
    fn floats(&self, x: &[f32], layer: (&Self::Floats, &[f32]), out: &mut [f32]);
    /// `out = x · weightsᵀ`. Which byte stands for zero is the caller's to take into account.
    fn integers(&self, x: &[u8], weights: &Self::Integers, out: &mut [i32]);
    /// `out = a · b`, or `a · bᵀ` where `transposed`.
    fn product(&self, a: View<'_>, b: (View<'_>, bool), out: &mut [f32]);
}

/// `rten-gemm`: pure Rust, picks the widest instructions there are when it starts.
pub(crate) struct Rten {
    floats: GemmExecutor<f32>,
    integers: GemmExecutor<u8, i8, i32>,
}

impl Rten {
    /// Costs no more than asking what the processor can do.
    pub(crate) fn new() -> Self {
        Self { floats: GemmExecutor::new(), integers: GemmExecutor::new() }
    }
}

/// All sizes are worked out from the model's configuration, against which every tensor was checked.
const FITS: &str = "the sides of all matrices were checked when the model was read";

impl Gemm for Rten {
    type Floats = PackedBMatrix<f32>;
    type Integers = PackedBMatrix<i8>;

    fn pack(&self, weights: &[f32], inputs: usize) -> Self::Floats {
        let outputs = weights.len() / inputs;
        self.floats.prepack_b(NdTensorView::from_data([outputs, inputs], weights).transposed())
    }

    fn pack_bytes(&self, weights: &[i8], inputs: usize) -> Self::Integers {
        let outputs = weights.len() / inputs;
        self.integers.prepack_b(NdTensorView::from_data([outputs, inputs], weights).transposed())
    }

    fn most(&self) -> f32 {
        // Without instructions that add products up in 32 bits, two of them must fit in 16.
        if self.integers.may_saturate() { 63.0 } else { 127.0 }
    }

    fn floats(&self, x: &[f32], (weights, bias): (&Self::Floats, &[f32]), out: &mut [f32]) {
        let rows = out.len() / bias.len();
        let x = NdTensorView::from_data([rows, x.len() / rows], x);
        let options = GemmOptions { bias: Some(BiasVector::Row(bias)), ..GemmOptions::default() };
        let done = self.floats.gemm(out, GemmInputA::Unpacked(x), GemmInputB::Packed(weights), options);
        done.expect(FITS);
    }

    fn integers(&self, x: &[u8], weights: &Self::Integers, out: &mut [i32]) {
        let rows = out.len() / weights.cols();
        let x = NdTensorView::from_data([rows, x.len() / rows], x);
        let (x, weights) = (GemmInputA::Unpacked(x), GemmInputB::Packed(weights));
        // No zeros are given, although there are options for them: rows of later blocks would get those of the first.
        self.integers.gemm(out, x, weights, GemmOptions::default()).expect(FITS);
    }

    fn product(&self, a: View<'_>, (b, transposed): (View<'_>, bool), out: &mut [f32]) {
        let (a, b) = (tensor(a), tensor(b));
        let b = if transposed { b.transposed() } else { b };
        let done =
            self.floats.gemm(out, GemmInputA::Unpacked(a), GemmInputB::Unpacked(b), GemmOptions::default());
        done.expect(FITS);
    }
}

fn tensor(view: View<'_>) -> NdTensorView<'_, f32, 2> {
    NdTensorView::from_data_with_strides([view.rows, view.columns], view.data, [view.stride, 1]).expect(FITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look drawn.
    fn drawn(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn bytes_are_multiplied_as_the_textbook_says() {
        for (rows, inputs, outputs) in [(1, 4, 1), (1, 384, 1152), (3, 7, 5), (33, 64, 17), (130, 384, 96)] {
            let x: Vec<u8> =
                drawn(rows * inputs, 1).iter().map(|number| (number * 127.0 + 127.0) as u8).collect();
            let weights: Vec<i8> =
                drawn(outputs * inputs, 2).iter().map(|number| (number * 63.0) as i8).collect();
            let gemm = Rten::new();
            let packed = gemm.pack_bytes(&weights, inputs);
            let mut out = vec![0; rows * outputs];
            gemm.integers(&x, &packed, &mut out);
            for (at, sum) in out.iter().enumerate() {
                let (row, output) = (at / outputs, at % outputs);
                let of = |i: usize| i32::from(x[row * inputs + i]) * i32::from(weights[output * inputs + i]);
                assert_eq!(*sum, (0..inputs).map(of).sum::<i32>(), "{rows} x {inputs} x {outputs} at {at}");
            }
        }
    }
}

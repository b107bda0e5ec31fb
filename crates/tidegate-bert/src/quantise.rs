//! Numbers as bytes: weights with a scale for each row, activations with a scale and a zero for each token.
//!
//! One scale for a whole matrix was refused: a few large weights or one loud token would cost all others their digits
//! (a mean cosine of 0.93 to the exact vectors, instead of 0.998).

use rten_simd::ops::{BitOps as _, FloatOps as _, NarrowSaturate as _, NumOps as _, ToFloat as _};
use rten_simd::{Isa, SimdOp};
use rten_vecmath::MinMax;

/// Rows of bytes with the scale of each.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) bytes: Vec<i8>,
    pub(crate) scales: Vec<f32>,
}

/// Rounds rows of `width` numbers to whole multiples of a scale of their own, at most `most` of it.
pub(crate) fn rows(numbers: &[f32], width: usize, most: f32) -> Rows {
    let mut out = Rows { bytes: Vec::with_capacity(numbers.len()), scales: Vec::new() };
    append_rows((numbers, width), most, &mut out);
    out
}

/// The same, after the rows that are there.
pub(crate) fn append_rows((numbers, width): (&[f32], usize), most: f32, out: &mut Rows) {
    for row in numbers.chunks_exact(width) {
        let (low, high) = MinMax::new(row).dispatch();
        let scale = high.max(-low).max(f32::MIN_POSITIVE) / most;
        let inverse = 1.0 / scale;
        out.bytes.extend(row.iter().map(|number| nearest(number * inverse) as i8));
        out.scales.push(scale);
    }
}

/// The nearest whole number of one that is far below 2^22. Adding 1.5 · 2^23 leaves no room for a fraction; the
/// standard library's way is a call for each number on processors of the oldest kind, which binaries are made for.
fn nearest(number: f32) -> i32 {
    const ROOM: f32 = 12_582_912.0;
    ((number + ROOM).to_bits() as i32).wrapping_sub(ROOM.to_bits() as i32)
}

/// Activations as bytes; kept from layer to layer so that nothing is allocated.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: Vec<Row>,
}

/// What a row's bytes mean: their distance from `zero`, times `scale`.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) scale: f32,
    /// A whole number from 0 to 255.
    pub(crate) zero: f32,
}

impl Tokens {
    /// Takes rows of `width` numbers. What follows GELU is nearly all positive, so a zero in the middle would waste
    /// half the bytes: each row spreads from its lowest number, or zero, to its highest.
    pub(crate) fn take(&mut self, numbers: &[f32], width: usize) {
        self.bytes.resize(numbers.len(), 0);
        self.rows.clear();
        for (row, bytes) in numbers.chunks_exact(width).zip(self.bytes.chunks_exact_mut(width)) {
            let (low, high) = MinMax::new(row).dispatch();
            let (low, high) = (low.min(0.0), high.max(0.0));
            let scale = (high - low).max(f32::MIN_POSITIVE) / 255.0;
            let zero = nearest(-low / scale).clamp(0, 255);
            ToBytes { row, bytes, inverse: 1.0 / scale, zero }.dispatch();
            self.rows.push(Row { scale, zero: zero as f32 });
        }
    }
}

/// Rounds a row to bytes. Written out rather than taken from the library, whose own spends four times as long in
/// functions that were not inlined.
struct ToBytes<'a> {
    row: &'a [f32],
    bytes: &'a mut [u8],
    inverse: f32,
    zero: i32,
}

impl SimdOp for ToBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let (floats, whole, half) = (isa.f32(), isa.i32(), isa.i16());
        let (inverse, zero) = (floats.splat(self.inverse), whole.splat(self.zero));
        let lanes = floats.len();
        let mut from = self.row.chunks_exact(4 * lanes);
        let mut to = self.bytes.chunks_exact_mut(4 * lanes);
        for (row, bytes) in from.by_ref().zip(to.by_ref()) {
            let [a, b, c, d] = floats.load_many::<4>(row);
            let a = whole.add(floats.to_int_round(floats.mul(a, inverse)), zero);
            let b = whole.add(floats.to_int_round(floats.mul(b, inverse)), zero);
            let c = whole.add(floats.to_int_round(floats.mul(c, inverse)), zero);
            let d = whole.add(floats.to_int_round(floats.mul(d, inverse)), zero);
            let low = whole.narrow_saturate(a, b);
            let high = whole.narrow_saturate(c, d);
            isa.u8().store(half.narrow_saturate(low, high), bytes);
        }
        for (number, byte) in from.remainder().iter().zip(to.into_remainder()) {
            *byte = (nearest(number * self.inverse) + self.zero).clamp(0, 255) as u8;
        }
    }
}

/// What turns sums of products of bytes into the outputs of a layer.
pub(crate) struct Outputs {
    /// Of each output's weights.
    pub(crate) scales: Vec<f32>,
    /// The sum of each output's weights, scaled: what a sum of products is too much for each byte that zero is above 0.
    pub(crate) shifts: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl Outputs {
    pub(crate) fn new(Rows { bytes, scales }: &Rows, bias: Vec<f32>) -> Self {
        let sum = |row: &[i8]| row.iter().map(|&weight| i32::from(weight)).sum::<i32>() as f32;
        let rows = bytes.chunks_exact(bytes.len() / scales.len());
        let shifts = rows.zip(scales).map(|(row, scale)| sum(row) * scale).collect();
        Self { scales: scales.clone(), shifts, bias }
    }

    /// The outputs of one token.
    pub(crate) fn take(&self, sums: &[i32], row: Row, out: &mut [f32]) {
        FromSums { outputs: self, sums, row, out }.dispatch();
    }
}

struct FromSums<'a> {
    outputs: &'a Outputs,
    sums: &'a [i32],
    row: Row,
    out: &'a mut [f32],
}

impl SimdOp for FromSums<'_> {
    type Output = ();

    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) {
        let Self { outputs: Outputs { scales, shifts, bias }, sums, row: Row { scale, zero }, out } = self;
        let (floats, whole) = (isa.f32(), isa.i32());
        let lanes = floats.len();
        let (all_scale, all_zero) = (floats.splat(scale), floats.splat(zero));
        let whole_rows = sums.len() / lanes * lanes;
        let parts = scales.chunks_exact(lanes).zip(shifts.chunks_exact(lanes)).zip(bias.chunks_exact(lanes));
        let rows = sums.chunks_exact(lanes).zip(out.chunks_exact_mut(lanes));
        for ((sums, out), ((scales, shifts), bias)) in rows.zip(parts) {
            let sums = floats.mul(whole.to_float(whole.load(sums)), floats.load(scales));
            let sums = floats.sub(sums, floats.mul(all_zero, floats.load(shifts)));
            floats.store(floats.mul_add(sums, all_scale, floats.load(bias)), out);
        }
        for at in whole_rows..sums.len() {
            out[at] = (sums[at] as f32 * scales[at] - zero * shifts[at]) * scale + bias[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_any_length_is_rounded_to_the_nearest_byte() {
        for width in [1, 3, 64, 65, 200] {
            let row: Vec<f32> = (0..width).map(|at| (at as f32 * 0.37).sin() * 3.0 + 1.0).collect();
            let mut tokens = Tokens::default();
            tokens.take(&row, width);
            let Row { scale, zero } = tokens.rows[0];
            for (number, byte) in row.iter().zip(&tokens.bytes) {
                let back = (f32::from(*byte) - zero) * scale;
                assert!((back - number).abs() <= scale * 0.51, "{width}: {number} became {back}");
            }
        }
    }

    #[test]
    fn rows_of_nothing_and_of_one_sign_are_rounded_too() {
        for (row, expected) in
            [([0.0; 3], [0, 0, 0]), ([1.0, 2.0, 4.0], [64, 128, 255]), ([-4.0, -2.0, 0.0], [0, 128, 255])]
        {
            let mut tokens = Tokens::default();
            tokens.take(&row, 3);
            let expected: &[u8] = &expected;
            assert!(
                tokens.bytes.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1),
                "{:?}",
                tokens.bytes
            );
        }
        assert_eq!(rows(&[0.0; 4], 2, 127.0).bytes, [0; 4]);
        assert_eq!(rows(&[-1.0, 0.5, 2.0, 2.0], 2, 127.0).bytes, [-127, 64, 127, 127]);
    }

    #[test]
    fn outputs_are_the_products_of_what_the_bytes_mean() {
        let inputs = 24;
        let weights: Vec<f32> = (0..37 * inputs).map(|at| (at as f32 * 0.7).cos()).collect();
        let x: Vec<f32> = (0..inputs).map(|at| (at as f32 * 0.3).sin() + 0.4).collect();
        let bias: Vec<f32> = (0..37).map(|at| at as f32 * 0.1).collect();
        let packed = rows(&weights, inputs, 127.0);
        let mut tokens = Tokens::default();
        tokens.take(&x, inputs);
        let bytes = packed.bytes.chunks_exact(inputs);
        let product =
            |row: &[i8]| row.iter().zip(&tokens.bytes).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum();
        let sums: Vec<i32> = bytes.map(product).collect();
        let mut out = vec![0.0; 37];
        Outputs::new(&packed, bias.clone()).take(&sums, tokens.rows[0], &mut out);
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let exact: f32 = row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>() + bias[output];
            assert!((out[output] - exact).abs() < 0.05, "{output}: {} {exact}", out[output]);
        }
    }
}

//! Numbers as bytes: weights with a scale for each row, activations with a scale and a zero for each token.
//!
//! One scale for a whole matrix was refused: a few large weights or one loud token would cost all others their digits
//! (a mean cosine of 0.93 to the exact vectors, instead of 0.998).

use std::mem::MaybeUninit;

use rten_simd::SimdOp;
use rten_vecmath::{ExtendInit, MinMax, Quantize};

/// Rows of bytes with the scale of each.
pub(crate) struct Rows {
    pub(crate) bytes: Vec<i8>,
    pub(crate) scales: Vec<f32>,
}

/// Rounds rows of `width` numbers to whole multiples of a scale of their own, at most `most` of it.
pub(crate) fn rows(numbers: &[f32], width: usize, most: f32) -> Rows {
    let mut out = Rows { bytes: Vec::with_capacity(numbers.len()), scales: Vec::new() };
    for row in numbers.chunks_exact(width) {
        let (low, high) = MinMax::new(row).dispatch();
        let scale = high.max(-low).max(f32::MIN_POSITIVE) / most;
        let inverse = 1.0 / scale;
        out.bytes.extend(row.iter().map(|number| nearest(number * inverse) as i8));
        out.scales.push(scale);
    }
    out
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
        self.bytes.clear();
        self.rows.clear();
        self.bytes.reserve(numbers.len());
        for row in numbers.chunks_exact(width) {
            let (low, high) = MinMax::new(row).dispatch();
            let (low, high) = (low.min(0.0), high.max(0.0));
            let scale = (high - low).max(f32::MIN_POSITIVE) / 255.0;
            let zero = nearest(-low / scale).clamp(0, 255) as u8;
            self.bytes.extend_init(|room: &mut [MaybeUninit<u8>]| {
                Quantize::new(row, &mut room[..width], 1.0 / scale, zero).dispatch()
            });
            self.rows.push(Row { scale, zero: f32::from(zero) });
        }
    }
}

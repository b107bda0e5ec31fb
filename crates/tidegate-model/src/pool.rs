//! Sums of rows of 8-bit integers, and unit length.

use crate::half::f16_to_f32;
use crate::wide;

/// A table of rows, one per token, over bytes that stay where they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a, const WIDTH: usize> {
    /// The rows, one after another, each `WIDTH` signed bytes.
    pub(crate) rows: &'a [[u8; WIDTH]],
    /// One little-endian half per row, by which the row is multiplied.
    pub(crate) scales: &'a [[u8; 2]],
}

impl<const WIDTH: usize> Table<'_, WIDTH> {
    /// The sum of the rows of `ids`, each times its scale. Ids past the end of the table add nothing.
    ///
    /// The order of additions is fixed, so the sum is the same on every machine.
    pub(crate) fn sum(&self, ids: &[u32]) -> [f32; WIDTH] {
        wide::sum(self, ids)
    }

    /// [`Self::sum`] in plain code. Inlined without exception, so that each caller compiles it for its processor.
    #[inline(always)]
    pub(crate) fn sum_portable(&self, ids: &[u32]) -> [f32; WIDTH] {
        let mut sum = [0.0; WIDTH];
        for &id in ids {
            let Some((row, scale)) = self.row(id) else { continue };
            for (sum, &byte) in sum.iter_mut().zip(row) {
                *sum += f32::from(byte as i8) * scale;
            }
        }
        sum
    }

    #[inline(always)]
    fn row(&self, id: u32) -> Option<(&[u8; WIDTH], f32)> {
        let id = id as usize;
        Some((self.rows.get(id)?, f16_to_f32(u16::from_le_bytes(*self.scales.get(id)?))))
    }
}

/// Scales `vector` to length one, in place; the zero vector stays zero.
pub(crate) fn normalise(vector: &mut [f32]) {
    // In f64 no sum of squares of finite floats overflows or vanishes.
    let length = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if length > 0.0 {
        let factor = (1.0 / length) as f32;
        vector.iter_mut().for_each(|x| *x *= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_scaled_and_added() {
        let rows = [[1_u8, 0xFF], [127, 0x80]];
        let scales = [0x3C00_u16.to_le_bytes(), 0x3800_u16.to_le_bytes()]; // 1 and 1/2
        let table = Table { rows: &rows, scales: &scales };
        assert_eq!(table.sum(&[]), [0.0, 0.0]);
        assert_eq!(table.sum(&[0, 1, 1]), [128.0, -129.0]);
        assert_eq!(table.sum(&[2, u32::MAX, 0]), [1.0, -1.0]);
    }

    #[test]
    fn wide_and_plain_sums_are_the_same_bits() {
        let mut random = 1_u32;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random
        };
        let rows: Vec<[u8; 256]> = (0..100).map(|_| std::array::from_fn(|_| next() as u8)).collect();
        // Exponents up to 2^-1: nothing that overflows, and small numbers beside large ones.
        let scales: Vec<[u8; 2]> = (0..100).map(|_| ((next() % 0x3C00) as u16).to_le_bytes()).collect();
        let table = Table { rows: &rows, scales: &scales };
        for length in [0, 1, 2, 3, 7, 64, 1_000] {
            let ids: Vec<u32> = (0..length).map(|_| next() % 101).collect();
            let (wide, plain) = (table.sum(&ids), table.sum_portable(&ids));
            assert_eq!(wide.map(f32::to_bits), plain.map(f32::to_bits), "{length} rows");
        }
    }

    #[test]
    fn lengths_become_one_or_stay_zero() {
        let mut vector = [3.0, -4.0];
        normalise(&mut vector);
        assert_eq!(vector, [0.6, -0.8]);
        let mut zero = [0.0; 3];
        normalise(&mut zero);
        assert_eq!(zero, [0.0; 3]);
    }
}

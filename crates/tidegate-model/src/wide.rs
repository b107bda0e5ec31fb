//! The one place of this crate with `unsafe`: calling a function compiled for a processor with AVX2 after asking
//! whether this is one.
//!
//! The default x86-64 target has only SSE2, in which widening bytes to floats takes three times as long; text to
//! vectors as a whole is nearly twice as fast with this. The function is the portable one compiled again: no pointers, no
//! intrinsics, no fused operations, so its results are the same to the last bit.

#![allow(unsafe_code, reason = "see above; everything else in the crate is safe")]

use crate::pool::Table;

/// What [`Table::sum_portable`] computes, on the widest registers there are.
pub(crate) fn sum<const WIDTH: usize>(table: &Table<'_, WIDTH>, ids: &[u32]) -> [f32; WIDTH] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: all that the function asks for is AVX2, and the line above has found it.
        return unsafe { sum_avx2(table, ids) };
    }
    table.sum_portable(ids)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2<const WIDTH: usize>(table: &Table<'_, WIDTH>, ids: &[u32]) -> [f32; WIDTH] {
    table.sum_portable(ids)
}

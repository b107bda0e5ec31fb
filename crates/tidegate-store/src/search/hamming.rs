//! Hamming distances between one code and many: the inner loop of vector search.
//!
//! The only place of the crate where `unsafe` is allowed, and only to call code compiled for instructions that were
//! just found to be there. All variants are the same safe loop; a test holds them against each other.

#![allow(unsafe_code)]

/// Writes the distance of `query` to each of `codes` (as many words each) into `out`.
pub(super) fn distances(query: &[u64], codes: &[u64], out: &mut [u16]) {
    debug_assert_eq!(codes.len(), query.len() * out.len());
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512vpopcntdq") && is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor has the instructions the function is compiled for.
            return unsafe { with_avx512(query, codes, out) };
        }
        if is_x86_feature_detected!("popcnt") {
            // SAFETY: as above.
            return unsafe { with_popcnt(query, codes, out) };
        }
    }
    scan(query, codes, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512vpopcntdq,popcnt")]
fn with_avx512(query: &[u64], codes: &[u64], out: &mut [u16]) {
    scan(query, codes, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn with_popcnt(query: &[u64], codes: &[u64], out: &mut [u16]) {
    scan(query, codes, out);
}

#[inline(always)]
fn scan(query: &[u64], codes: &[u64], out: &mut [u16]) {
    match query.len() {
        2 => fixed::<2>(query, codes, out),
        4 => fixed::<4>(query, codes, out),
        6 => fixed::<6>(query, codes, out),
        8 => fixed::<8>(query, codes, out),
        12 => fixed::<12>(query, codes, out),
        16 => fixed::<16>(query, codes, out),
        24 => fixed::<24>(query, codes, out),
        words => {
            for (code, out) in codes.chunks_exact(words.max(1)).zip(out) {
                let ones: u32 = code.iter().zip(query).map(|(code, query)| (code ^ query).count_ones()).sum();
                *out = ones.min(u32::from(u16::MAX)) as u16;
            }
        }
    }
}

/// The common lengths, unrolled.
#[inline(always)]
fn fixed<const WORDS: usize>(query: &[u64], codes: &[u64], out: &mut [u16]) {
    let Some(query) = query.first_chunk::<WORDS>() else { return };
    for (code, out) in codes.as_chunks::<WORDS>().0.iter().zip(out) {
        let mut ones = 0;
        for word in 0..WORDS {
            ones += (code[word] ^ query[word]).count_ones();
        }
        *out = ones as u16; // at most 24 × 64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(query: &[u64], codes: &[u64]) -> Vec<u16> {
        let bit = |word: u64, bit: usize| word >> bit & 1;
        codes
            .chunks(query.len())
            .map(|code| {
                (0..64 * query.len())
                    .filter(|at| bit(code[at / 64], at % 64) != bit(query[at / 64], at % 64))
                    .count() as u16
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_variant_counts_bits(words in 1usize..26, count in 0usize..20, seed in any::<u64>()) {
            let mut state = seed | 1;
            let mut next = || { state = state.wrapping_mul(6364136223846793005).wrapping_add(97); state ^ state >> 29 };
            let query: Vec<u64> = (0..words).map(|_| next()).collect();
            let codes: Vec<u64> = (0..words * count).map(|_| next()).collect();
            let expected = slow(&query, &codes);
            let mut out = vec![0; count];
            distances(&query, &codes, &mut out);
            prop_assert_eq!(&out, &expected);
            out.fill(0);
            scan(&query, &codes, &mut out);
            prop_assert_eq!(&out, &expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("popcnt") {
                out.fill(0);
                // SAFETY: just detected.
                unsafe { with_popcnt(&query, &codes, &mut out) };
                prop_assert_eq!(&out, &expected);
            }
        }
    }
}

//! The vectors this provider gives: worked out from the text, the model and the number of dimensions alone, so that
//! whoever holds a text can say whether a vector belongs to it.

/// The 64-bit FNV-1a hash of `bytes` (Fowler, Noll and Vo): simple enough that a checker in any language can work it
/// out again. It names texts and keys in the log.
///
/// ```
/// assert_eq!(tidegate_testkit::provider::text_hash(b"a"), 0xaf63dc4c8601ec8c);
/// ```
#[must_use]
pub fn text_hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The vector of the text with `hash`, by `model`, in `dimensions` components; its length is 1.
///
/// Component i comes from splitmix64 at position i of the stream seeded with `hash ^ text_hash(model) ^ dimensions`:
/// its upper 24 bits, as a number from -1 to 1. Then all are divided by their length.
///
/// ```
/// use tidegate_testkit::provider::{text_hash, vector_of};
/// let vector = vector_of(text_hash(b"a text"), "a-model", 8);
/// let length: f32 = vector.iter().map(|x| x * x).sum();
/// assert!(vector.len() == 8 && (length - 1.0).abs() < 1e-5);
/// ```
#[must_use]
pub fn vector_of(hash: u64, model: &str, dimensions: usize) -> Vec<f32> {
    let mut state = hash ^ text_hash(model.as_bytes()) ^ dimensions as u64;
    let mut square = 0.0;
    let mut vector: Vec<f32> = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let value = (z >> 40) as f32 / 8_388_608.0 - 1.0;
        square += value * value;
        vector.push(value);
    }
    let scale = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
    vector.iter_mut().for_each(|value| *value *= scale);
    vector
}

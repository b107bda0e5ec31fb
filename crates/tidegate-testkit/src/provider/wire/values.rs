//! Writing many numbers fast: bodies of vectors are built by hand, everything else by serde.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Row;

/// Appends the vector as a JSON list. What is not a number is written as Python's servers write it: `NaN`,
/// `Infinity`.
pub(super) fn push_floats(out: &mut Vec<u8>, row: &Row) {
    out.push(b'[');
    for (n, value) in row.values.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        if row.null_at == Some(n) {
            out.extend_from_slice(b"null");
        } else if value.is_finite() {
            serde_json::to_writer(&mut *out, value).expect("a finite number is always written to memory");
        } else if value.is_nan() {
            out.extend_from_slice(b"NaN");
        } else {
            out.extend_from_slice(if *value > 0.0 { b"Infinity" } else { b"-Infinity" });
        }
    }
    out.push(b']');
}

/// Appends the vector as base64 of little-endian floats, in quotes.
pub(super) fn push_base64(out: &mut Vec<u8>, row: &Row) {
    let bytes: Vec<u8> = row.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    push_json(out, &STANDARD.encode(bytes));
}

/// Appends any value as JSON.
pub(super) fn push_json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(&mut *out, value).expect("plain data is always written to memory");
}

//! Paths as keys: text that every store can hold and every terminal can show, and from which the exact path can be
//! had back.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Writes a path as a key. Bytes that are not UTF-8, control characters (a file name may hold escape sequences that
/// a terminal would obey), `%` itself, and `#`, which sets off the rows of a file, are percent-encoded; everything else
/// stays readable.
///
/// ```
/// use std::path::Path;
/// use tidegate_connect::{decode_key, encode_key};
/// assert_eq!(encode_key(Path::new("/docs/100% größe.md")), "/docs/100%25 größe.md");
/// assert_eq!(decode_key("/docs/100%25 größe.md"), Path::new("/docs/100% größe.md"));
/// ```
#[must_use]
pub fn encode_key(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let mut key = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c == '#' || c.is_control() {
                let mut utf8 = [0; 4];
                escape(&mut key, c.encode_utf8(&mut utf8).as_bytes());
            } else {
                key.push(c);
            }
        }
        escape(&mut key, chunk.invalid());
    }
    key
}

/// The path that a key stands for. A `%` that does not introduce two hexadecimal digits stands for itself.
#[must_use]
pub fn decode_key(key: &str) -> PathBuf {
    let bytes = key.as_bytes();
    let mut path = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| Some(nibble(digits[0])? << 4 | nibble(digits[1])?));
        path.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    PathBuf::from(OsString::from_vec(path))
}

/// The start of every row's key of a file of rows. `#` ends the path, so one inside the path is encoded as well;
/// otherwise row `b#L1` of `a` and row `L1` of `a#b` would be the same.
#[must_use]
pub fn row_prefix(path: &str) -> String {
    format!("{}#", path.replace('#', "%23"))
}

fn escape(key: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(key, "%{byte:02X}");
    }
}

fn nibble(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

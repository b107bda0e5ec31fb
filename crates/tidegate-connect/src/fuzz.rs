//! A door for whoever wants to feed the readers of lines with bytes of their own.

use std::collections::BTreeMap;
use std::path::Path;

use crate::guard::Policy;
use crate::key::{decode_key, encode_key};
use crate::manifest::fuzz_line;
use crate::row::{self, RowFields};

/// Reads each line of `bytes` as a line of a list of URLs and as a row, and returns how many of both were read.
///
/// # Panics
/// If a line was read as something that the rest of the program could not rely on.
#[must_use]
pub fn fuzz_lines(bytes: &[u8]) -> usize {
    let secrets = BTreeMap::new();
    let closed = Policy { private: false, any_port: false };
    let open = Policy { private: true, any_port: true };
    let named = RowFields { text: "text".to_owned(), id: Some("id".to_owned()) };
    let mut read = 0;
    for line in bytes.split(|byte| *byte == b'\n') {
        let (strict, lenient) = (fuzz_line(line, closed, &secrets), fuzz_line(line, open, &secrets));
        assert!(lenient || !strict, "what the public may fetch is refused where more is allowed");
        let rows = [row::parse(line, &RowFields::default()), row::parse(line, &named), row::parse_text(line)];
        for row in rows.iter().flatten() {
            let id = Path::new(row.id.as_deref().unwrap_or_default());
            assert_eq!(decode_key(&encode_key(id)), id, "a key stands for another row");
        }
        read += rows.iter().flatten().count() + usize::from(strict);
    }
    read
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_are_counted_each_way_they_can_be_read() {
        let lines = "https://example.org/a\n{\"url\": \"https://example.org/b\", \"text\": \"a\", \"id\": 1}\nnothing";
        // Each is a row of text; the object is also a row, with and without an id; two are documents.
        assert_eq!(super::fuzz_lines(lines.as_bytes()), 3 + 2 + 2);
        assert_eq!(super::fuzz_lines(b"\xff\xfe\n{"), 1);
    }
}

//! Text as JSON has it.

/// Bytes that are looked at together: most hold nothing that needs an escape, and are copied.
const TOGETHER: usize = 64;

/// Appends text as a JSON string, the same bytes as `serde_json` writes.
pub fn put_quoted(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    for piece in text.as_bytes().chunks(TOGETHER) {
        // Without a way out of the loop the compiler looks at many bytes at a time.
        if piece.iter().fold(false, |escapes, byte| escapes | needs_escape(*byte)) {
            piece.iter().for_each(|byte| put(*byte, out));
        } else {
            out.extend_from_slice(piece);
        }
    }
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let escape = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..=0x1f => {
            out.extend_from_slice(b"\\u00");
            return out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        _ => return out.push(byte),
    };
    out.extend([b'\\', escape]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_quoted_as_everywhere(text in "([a-zä\u{0}-\u{1f}\"\\\\/\u{7f}😀]|[a-z]{1,70}){0,12}") {
            let mut out = Vec::new();
            put_quoted(&text, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }
}

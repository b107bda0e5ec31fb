//! Bytes to text: byte-order marks, UTF-8, UTF-16, and the legacy encodings of old files.
//!
//! A file in a legacy encoding must work, a UTF-8 file with a few broken bytes keeps all the rest, and what is
//! not text at all is refused, because half-guessed garbage in an index is worse than a quarantined file.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use tidegate_core::{Fault, FaultKind};

use crate::magic;

/// Text and how it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text, without a byte-order mark.
    pub text: Cow<'a, str>,
    /// The encoding's WHATWG name, such as `UTF-8` or `windows-1252`.
    pub encoding: &'static str,
    /// Malformed sequences that became U+FFFD.
    pub replaced: usize,
}

/// How much of a file is shown to the detector; what it has not seen by then rarely changes its mind.
const DETECT_BYTES: usize = 256 << 10;

/// Reads `bytes` as text.
///
/// ```
/// assert_eq!(tidegate_text::decode(b"caf\xe9 cr\xe8me").unwrap().text, "café crème");
/// ```
///
/// # Errors
/// [`FaultKind::Encoding`] if they are not text in any encoding: NUL bytes, many control characters, or more than
/// one malformed sequence in a hundred characters.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, Fault> {
    decode_labelled(bytes, None)
}

/// Like [`decode`], with the encoding the document itself names; UTF-8 that is valid is believed more than a label.
pub(crate) fn decode_labelled<'a>(
    bytes: &'a [u8],
    label: Option<&'static Encoding>,
) -> Result<Decoded<'a>, Fault> {
    if bytes.starts_with(b"\xff\xfe\0\0") || bytes.starts_with(b"\0\0\xfe\xff") {
        return Err(refused("UTF-32 is not supported".to_owned()));
    }
    match Encoding::for_bom(bytes) {
        Some((encoding, length)) if encoding == UTF_8 => return decode_bytes(&bytes[length..], None),
        Some((encoding, length)) => return decode_as(&bytes[length..], encoding),
        None => {}
    }
    decode_bytes(bytes, label)
}

fn decode_bytes<'a>(bytes: &'a [u8], label: Option<&'static Encoding>) -> Result<Decoded<'a>, Fault> {
    if let Some(nul) = memchr::memchr(0, bytes) {
        return match utf16_by_nuls(bytes) {
            Some(encoding) => decode_as(bytes, encoding),
            None => Err(refused(format!("a NUL byte at offset {nul}: this is binary data"))),
        };
    }
    if magic::too_many_controls(&bytes[..bytes.len().min(64 << 10)]) {
        return Err(refused("too many control characters: this is binary data".to_owned()));
    }
    let stateful = label.filter(|encoding| *encoding == encoding_rs::ISO_2022_JP);
    if let Some(encoding) = stateful {
        return decode_as(bytes, encoding); // its bytes are all ASCII and would pass as UTF-8
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Decoded { text: Cow::Borrowed(text), encoding: UTF_8.name(), replaced: 0 });
    }
    if mostly_utf8(bytes) {
        return decode_as(bytes, UTF_8);
    }
    match label.filter(|encoding| *encoding != UTF_8) {
        Some(encoding) => decode_as(bytes, encoding),
        None => decode_as(bytes, detect(bytes)),
    }
}

/// Whether broken UTF-8 is still far more likely UTF-8 than anything else: text in a legacy encoding hardly ever
/// forms a valid multi-byte character by chance.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().bytes().filter(|b| *b >= 0xc0).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > 2 * bad
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
    // Long ASCII stretches tell the detector nothing: start shortly before the first byte that does.
    let first = bytes.iter().position(|b| *b >= 0x80).unwrap_or(0);
    let from = first.saturating_sub(64);
    let window = &bytes[from..bytes.len().min(from + DETECT_BYTES)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(window, true);
    detector.guess(None, Utf8Detection::Deny)
}

fn decode_as<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Decoded<'a>, Fault> {
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    let replaced = if had_errors { text.matches('\u{fffd}').count() } else { 0 };
    let characters = text.chars().count();
    if replaced * 100 > characters && replaced > 1 {
        let name = encoding.name();
        return Err(refused(format!("{replaced} of {characters} characters are malformed {name}")));
    }
    if let Some(nul) = text.find('\0') {
        return Err(refused(format!("a NUL character at offset {nul}: this is binary data")));
    }
    Ok(Decoded { text, encoding: encoding.name(), replaced })
}

/// UTF-16 without a byte-order mark, told by where the NULs of its ASCII characters stand.
pub(crate) fn utf16_by_nuls(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096) & !1];
    let pairs = head.len() / 2;
    if pairs < 2 || bytes.len() % 2 == 1 {
        return None;
    }
    let high = head.iter().step_by(2).filter(|b| **b == 0).count();
    let low = head.iter().skip(1).step_by(2).filter(|b| **b == 0).count();
    // Half the characters ASCII, and next to no NUL on the other side.
    if low * 2 >= pairs && high * 20 <= low {
        Some(UTF_16LE)
    } else if high * 2 >= pairs && low * 20 <= high {
        Some(UTF_16BE)
    } else {
        None
    }
}

fn refused(message: String) -> Fault {
    Fault::new(FaultKind::Encoding, message).hint("convert the file to UTF-8, or leave it out of the source")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &str, encoding: &str, replaced: usize) {
        let decoded = decode(bytes).unwrap();
        assert_eq!((&*decoded.text, decoded.encoding, decoded.replaced), (expect, encoding, replaced));
    }

    fn refuse(bytes: &[u8]) {
        assert_eq!(decode(bytes).unwrap_err().kind(), FaultKind::Encoding, "{bytes:?}");
    }

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn reads_unicode_in_its_forms() {
        check(b"", "", "UTF-8", 0);
        check("naïve 日本".as_bytes(), "naïve 日本", "UTF-8", 0);
        check(b"\xef\xbb\xbfbom", "bom", "UTF-8", 0);
        check(&[b"\xff\xfe".as_slice(), &utf16le("wörd")].concat(), "wörd", "UTF-16LE", 0);
        check(b"\xfe\xff\0h\0i", "hi", "UTF-16BE", 0);
        check(&utf16le("no mark at all"), "no mark at all", "UTF-16LE", 0);
        check(b"\0n\0o\0 \0m\0a\0r\0k", "no mark", "UTF-16BE", 0);
    }

    #[test]
    fn reads_legacy_encodings() {
        check(
            "Größe und Übung: schöne Grüße".chars().map(|c| c as u8).collect::<Vec<_>>().as_slice(),
            "Größe und Übung: schöne Grüße",
            "windows-1252",
            0,
        );
        let (russian, _, _) = encoding_rs::WINDOWS_1251.encode("Привет, как дела? Всё хорошо, спасибо.");
        check(&russian, "Привет, как дела? Всё хорошо, спасибо.", "windows-1251", 0);
        let (japanese, _, _) =
            encoding_rs::SHIFT_JIS.encode("これは日本語の文章です。文字コードを判定します。");
        check(&japanese, "これは日本語の文章です。文字コードを判定します。", "Shift_JIS", 0);
    }

    #[test]
    fn keeps_a_utf8_file_with_few_broken_bytes() {
        let good = "Füße, Öl, Äpfel, süß und früh. ".repeat(20);
        let mut bytes = good.clone().into_bytes();
        bytes.push(0xff);
        check(&bytes, &format!("{good}\u{fffd}"), "UTF-8", 1);
    }

    #[test]
    fn refuses_what_is_not_text() {
        refuse(b"text with a \0 in it");
        refuse(b"\xff\xfe\0\0\x41\0\0\0");
        refuse(&[0xff, 0xfe].iter().copied().chain([0x00, 0xd8].repeat(50)).collect::<Vec<_>>());
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 24) as u8).max(1)
        })
        .take(4000)
        .collect();
        refuse(&noise);
    }
}

//! Recognises binary formats by how they begin, so that a refusal can say what the file is.

/// What `bytes` are, if they begin like a known binary format.
pub(crate) fn binary(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(zip_kind(bytes));
    }
    let simple = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, what)| *what);
    simple.or_else(|| compound(bytes))
}

/// Formats told by their first bytes alone; none of these starts can begin a text.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\0\0\x01\0", "an icon"),
    (b"8BPS", "a Photoshop image"),
    (b"\x1f\x8b", "gzip data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"!<arch>\n", "an ar archive or Debian package"),
    (b"\xed\xab\xee\xdb", "an RPM package"),
    (b"\x7fELF", "an ELF program"),
    (b"\xca\xfe\xba\xbe", "a Java class or Mach-O program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"\xce\xfa\xed\xfe", "a Mach-O program"),
    (b"\0asm", "a WebAssembly module"),
    (b"BC\xc0\xde", "LLVM bitcode"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
    (b"OggS", "Ogg media"),
    (b"fLaC", "FLAC audio"),
    (b"\x1aE\xdf\xa3", "Matroska media"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
    (b"OTTO\0", "a font"),
    (b"\0\x01\0\0", "a font"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1\0", "an Arrow file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF model"),
];

/// Formats whose first bytes could also begin a text, so that something further in has to agree.
fn compound(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, what: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(what));
    let head = &bytes[..bytes.len().min(128)];
    let has_nul = head.contains(&0);
    Some(match bytes {
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WEBP") => "a WebP image",
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WAVE") || at(8, b"AVI ") => "RIFF media",
        [b'B', b'Z', b'h', b'1'..=b'9', ..] if at(4, b"1AY&SY") => "bzip2 data",
        [b'B', b'M', ..] if at(6, &[0, 0, 0, 0]) => "a BMP image",
        [b'M', b'Z', ..] if has_nul => "a Windows program",
        [b'I', b'D', b'3', 0..=15, ..] => "MP3 audio",
        _ if at(4, b"ftyp") && has_nul => "MP4 or HEIF media",
        _ if at(257, b"ustar") => "a tar archive",
        _ => return None,
    })
}

fn zip_kind(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(4096)];
    let has = |name: &str| memchr::memmem::find(head, name.as_bytes()).is_some();
    if has("word/") {
        "a Word document"
    } else if has("xl/") {
        "an Excel workbook"
    } else if has("ppt/") {
        "a PowerPoint presentation"
    } else if has("application/epub+zip") {
        "an EPUB book"
    } else if has("application/vnd.oasis") {
        "an OpenDocument file"
    } else if has("META-INF/") {
        "a Java archive"
    } else {
        "a ZIP archive"
    }
}

/// Whether bytes of unknown origin are not text in any encoding: they hold NULs that UTF-16 does not explain, or
/// many control characters.
pub(crate) fn looks_binary(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(64 << 10)];
    if crate::decode::utf16_by_nuls(head).is_some() {
        return false;
    }
    let has_bom = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    !has_bom && (head.contains(&0) || too_many_controls(head))
}

/// More than one control character in a hundred bytes, not counting white space, escape and backspace (terminal
/// logs and manual pages have those).
pub(crate) fn too_many_controls(head: &[u8]) -> bool {
    let controls = head.iter().filter(|b| matches!(b, 0..=7 | 14..=26 | 28..=31 | 127)).count();
    controls > 1 && controls * 100 > head.len()
}

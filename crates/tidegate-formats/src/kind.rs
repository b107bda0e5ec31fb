//! What a file is.

use memchr::memmem::find;

/// A format that this crate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Portable Document Format.
    Pdf,
    /// A Word document (Office Open XML).
    Docx,
    /// A `PowerPoint` presentation (Office Open XML).
    Pptx,
    /// An Excel workbook (Office Open XML).
    Xlsx,
    /// An OpenDocument text.
    Odt,
    /// An OpenDocument presentation.
    Odp,
    /// An OpenDocument spreadsheet.
    Ods,
    /// An EPUB book.
    Epub,
    /// A mail with its attachments (RFC 5322, MIME).
    Mail,
    /// Rich Text Format.
    Rtf,
    /// A ZIP archive that is none of the above.
    Zip,
    /// A tar archive.
    Tar,
    /// Something compressed with gzip; a tar archive as a rule.
    Gzip,
    /// Something compressed with zstd; a tar archive as a rule.
    Zstd,
}

impl Kind {
    /// The short name kept as `format` in a document's metadata.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Odt => "odt",
            Self::Odp => "odp",
            Self::Ods => "ods",
            Self::Epub => "epub",
            Self::Mail => "mail",
            Self::Rtf => "rtf",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The kind of this short name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Pdf,
        Self::Docx,
        Self::Pptx,
        Self::Xlsx,
        Self::Odt,
        Self::Odp,
        Self::Ods,
        Self::Epub,
        Self::Mail,
        Self::Rtf,
        Self::Zip,
        Self::Tar,
        Self::Gzip,
        Self::Zstd,
    ];

    /// Whether it holds other files rather than text of its own. A mail is both.
    #[must_use]
    pub fn is_container(self) -> bool {
        matches!(self, Self::Zip | Self::Tar | Self::Gzip | Self::Zstd | Self::Mail)
    }
}

/// What a file is, told by its first and last bytes and its name, if it is one that only a child process may parse.
///
/// Cheap and safe on any bytes: it searches, it does not parse. A ZIP archive is taken for what its member names
/// suggest; [`parse`](crate::parse()) looks closer.
///
/// ```
/// use tidegate_formats::{Kind, recognise};
/// assert_eq!(recognise("report", b"%PDF-1.7\n"), Some(Kind::Pdf));
/// assert_eq!(recognise("notes.txt", b"plain words"), None);
/// ```
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> Option<Kind> {
    let extension = extension(name);
    let at = |offset: usize, what: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(what));
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return zip_kind(&extension, bytes);
    }
    match bytes {
        _ if bytes.starts_with(crate::parse::OLE) => encrypted_office(&extension, bytes),
        [0x1f, 0x8b, ..] => Some(Kind::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Kind::Zstd),
        _ if bytes.starts_with(b"{\\rtf") => Some(Kind::Rtf),
        _ if at(257, b"ustar") => Some(Kind::Tar),
        _ if starts_like_pdf(bytes) => Some(Kind::Pdf),
        _ if is_mail(&extension, bytes) => Some(Kind::Mail),
        // Archives of programs older than the ustar mark are told by their name alone.
        _ if extension == "tar" && bytes.len() >= 1024 && bytes.len().is_multiple_of(512) => Some(Kind::Tar),
        _ => None,
    }
}

fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// Readers accept a header anywhere in the first kilobyte; some servers put their own bytes before it.
fn starts_like_pdf(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(1024)];
    let Some(found) = find(head, b"%PDF-") else { return false };
    // A text about PDF may say so in its first lines: what follows a header is a version and, soon, binary or objects.
    head.get(found + 5).is_some_and(u8::is_ascii_digit)
        && (found == 0 || (!head[..found].is_ascii() || find(bytes, b"startxref").is_some()))
}

fn is_mail(extension: &str, bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(4096)];
    let starts =
        |name: &str| head.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
    if extension == "eml" {
        return !head.contains(&0);
    }
    let sent = ["Return-Path: ", "Received: ", "Delivered-To: ", "X-Original-To: "];
    matches!(extension, "" | "mail" | "msg" | "mht" | "mhtml")
        && (sent.iter().any(|name| starts(name)) || find(head, b"\nMIME-Version: 1.0").is_some())
        && ["\nFrom: ", "\nSubject: ", "\nMessage-I"].iter().any(|name| find(head, name.as_bytes()).is_some())
}

/// A document that needs a password is wrapped in a file of the old format, with a stream of this name in it.
fn encrypted_office(extension: &str, bytes: &[u8]) -> Option<Kind> {
    const STREAM: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
    find(bytes, STREAM)?;
    Some(match extension {
        "pptx" | "pptm" | "ppsx" => Kind::Pptx,
        "xlsx" | "xlsm" => Kind::Xlsx,
        _ => Kind::Docx,
    })
}

/// Programs that happen to be ZIP archives; what is in them was not written to be read.
const PROGRAMS: &[&str] = &["jar", "war", "ear", "aar", "apk", "ipa", "xpi", "crx", "nupkg", "vsix"];

fn zip_kind(extension: &str, bytes: &[u8]) -> Option<Kind> {
    // Names stand before members and again at the end of the file.
    let head = &bytes[..bytes.len().min(4096)];
    let tail = &bytes[bytes.len().saturating_sub(256 << 10)..];
    let has = |name: &str| {
        let with = |name: &str| find(head, name.as_bytes()).or_else(|| find(tail, name.as_bytes())).is_some();
        with(name) || (name.contains('/') && with(&name.replace('/', "\\")))
    };
    // The first member of EPUB and OpenDocument is stored, so that its content stands right there.
    let starts = |what: &str| find(&head[..head.len().min(200)], what.as_bytes()).is_some();
    Some(if starts("application/epub+zip") {
        Kind::Epub
    } else if starts("application/vnd.oasis.opendocument.text") {
        Kind::Odt
    } else if starts("application/vnd.oasis.opendocument.presentation") {
        Kind::Odp
    } else if starts("application/vnd.oasis.opendocument.spreadsheet") {
        Kind::Ods
    } else if has("[Content_Types].xml") && has("word/") {
        Kind::Docx
    } else if has("[Content_Types].xml") && has("ppt/") {
        Kind::Pptx
    } else if has("[Content_Types].xml") && has("xl/") {
        Kind::Xlsx
    } else if PROGRAMS.contains(&extension) {
        return None;
    } else {
        Kind::Zip
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_lead_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
    }

    #[test]
    fn content_decides() {
        let check = |name: &str, bytes: &[u8], expect: Option<Kind>| {
            assert_eq!(recognise(name, bytes), expect, "{name}");
        };
        check("a.txt", b"%PDF-1.4\n1 0 obj", Some(Kind::Pdf));
        check("a", b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n1 0 obj\nstartxref\n9", Some(Kind::Pdf));
        check("about.txt", b"A file begins with %PDF-1.4 and goes on.", None);
        check("a.pdf", b"no such thing", None);
        check("a.doc", b"{\\rtf1 x}", Some(Kind::Rtf));
        check("a.tgz", b"\x1f\x8b\x08\0", Some(Kind::Gzip));
        check("a.eml", b"From: a@b.c\n\nx", Some(Kind::Mail));
        check("1234", b"Received: from x\nSubject: y\n\nz", Some(Kind::Mail));
        check("notes.txt", b"Received: from x\nSubject: y\n\nz", None);
        check("a.jar", b"PK\x03\x04....META-INF/MANIFEST.MF", None);
        check("a.zip", b"PK\x03\x04....readme.txt", Some(Kind::Zip));
        check("a", b"PK\x03\x04..[Content_Types].xml..word/document.xml", Some(Kind::Docx));
        check("", b"", None);
    }
}

//! Archives and mails, and what is in them.

use std::ops::ControlFlow;

use tidegate_core::FaultKind;
use tidegate_formats::{Limits, Listener, Part, Resume, parse, parse_from};

use crate::kit::{fault, files, read, read_with, text};
use crate::made::{docx, gzip, page, tar, xlsx, zip};

fn paths(parts: &[Part]) -> Vec<(&str, &str)> {
    parts.iter().map(|part| (part.path.as_str(), part.format)).collect()
}

#[test]
fn members_are_documents_of_their_own_and_their_faults_their_own() {
    let inner = zip(&[("deep.md", b"# Deep\n\nwords")]);
    let outer = zip(&[
        ("notes/a.txt", b"first"),
        ("broken.pdf", b"%PDF-1.7\nnothing"),
        ("folder/", b""),
        ("__MACOSX/._a.txt", b"\0\x05\x16\x07"),
        ("inner.zip", &inner),
        ("b.docx", &docx("<w:p><w:r><w:t>second</w:t></w:r></w:p>")),
    ]);
    let parts = read("all.zip", &outer);
    let expect = [
        ("notes/a.txt", "text"),
        ("broken.pdf", "pdf"),
        ("inner.zip!/deep.md", "markdown"),
        ("b.docx", "docx"),
    ];
    assert_eq!(paths(&parts), expect);
    assert_eq!(parts[1].result.as_ref().unwrap_err().kind(), FaultKind::Malformed);
    assert_eq!(parts[2].result.as_ref().unwrap().title.as_deref(), Some("Deep"));
}

#[test]
fn a_compressed_tar_is_one_container_and_a_compressed_file_is_the_file() {
    let archive = tar(&[("a/b.txt", b"words"), ("c.txt", b"more")]);
    for (name, bytes) in [
        ("x.tar.gz", gzip(&archive)),
        ("x.tgz", gzip(&archive)),
        ("x", zstd::encode_all(&archive[..], 3).unwrap()),
    ] {
        assert_eq!(paths(&read(name, &bytes)), [("a/b.txt", "text"), ("c.txt", "text")], "{name}");
    }
    let parts = read("notes.md.gz", &gzip(b"# Title\n\nwords"));
    assert_eq!(paths(&parts), [("", "markdown")]);
}

#[test]
fn attachments_follow_their_mail() {
    let mail = b"From: A <a@b.c>\r\nTo: d@e.f\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 2 Mar 2020 10:00:00 +0100\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n\
        <h1>Head</h1><p>The <b>body</b>.\r\n--x\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; \
        filename=rows.csv\r\n\r\na,b\r\n1,2\r\n--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: inline; filename=logo.png\r\n\r\niVBORw0KGgo=\r\n--x--\r\n";
    let parts = read("m.eml", mail);
    assert_eq!(paths(&parts), [("", "mail"), ("rows.csv", "csv")]);
    let body = parts[0].result.as_ref().unwrap();
    assert_eq!(body.text, "Head\n\nThe body.");
    assert_eq!(body.title.as_deref(), Some("Grüße"));
    assert_eq!(body.meta["author"], "A <a@b.c>");
    assert_eq!(body.meta["attachments"], "rows.csv, logo.png");
    assert_eq!(body.meta["date"], "2020-03-02T10:00:00+01:00");
}

#[test]
fn what_needs_a_password_says_so() {
    let files = files();
    let bytes = |wanted: &str| files.iter().find(|(name, _)| name == wanted).unwrap().1.clone();
    assert_eq!(fault("password.pdf", &bytes("password.pdf")), FaultKind::Unreadable);
    let mut wrapped = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    wrapped.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(fault("secret.docx", &wrapped), FaultKind::Unreadable);
    let manifest = b"<manifest><file-entry><encryption-data/></file-entry></manifest>";
    let mimetype = b"application/vnd.oasis.opendocument.text";
    let odt = zip(&[("mimetype", mimetype), ("META-INF/manifest.xml", manifest), ("content.xml", b"\x01")]);
    assert_eq!(fault("secret.odt", &odt), FaultKind::Unreadable);
}

#[test]
fn nothing_to_read_is_never_a_success() {
    assert_eq!(fault("a.docx", &docx("<w:p/>")), FaultKind::Empty);
    assert_eq!(fault("a.xlsx", &xlsx("", "")), FaultKind::Empty);
    assert_eq!(fault("a.pdf", &page(b"0 0 m 10 10 l S", "", &[])), FaultKind::Empty);
    assert_eq!(fault("a.zip", &zip(&[])), FaultKind::Empty);
    assert_eq!(fault("a.gz", &gzip(b"")), FaultKind::Empty);
    assert_eq!(fault("a.rtf", b"{\\rtf1}"), FaultKind::Empty);
    assert_eq!(fault("a.eml", b"From: a@b.c\n\n"), FaultKind::Empty);
    assert_eq!(fault("a", b""), FaultKind::Empty);
}

#[test]
fn a_scanned_page_and_fonts_without_letters_are_told_apart() {
    let image =
        crate::made::stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8", b"x");
    let scan = page(b"q 600 0 0 800 0 0 cm /I Do Q", "/XObject << /I 5 0 R >>", &[image]);
    let (_, result) = read_with("scan.pdf", &scan, &Limits::default());
    let fault = result.unwrap_err();
    assert_eq!((fault.kind(), fault.message()), (FaultKind::Empty, "no text layer: 1 pages of images"));
    // Two-byte codes of a font that is not there and has no map to text.
    let font = b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type /Font \
        /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << >> >>] >>";
    let codes = b"BT /G 12 Tf 50 700 Td <000100020003000400050006000700080009000a000b000c000d000e000f0010001100120013001400150016> Tj ET";
    let mute = page(codes, "/Font << /G 5 0 R >>", &[font.to_vec()]);
    assert_eq!(self::fault("mute.pdf", &mute), FaultKind::Encoding);
}

#[test]
fn a_page_is_read_in_its_order_with_its_number() {
    let content =
        b"BT /F 24 Tf 50 700 Td (A Heading) Tj /F 10 Tf 0 -40 Td (First line of the text and so) Tj \
        0 -12 Td (on with the second.) Tj ET";
    let mut parts = read("a.pdf", &page(content, "", &[]));
    let document = parts.remove(0).result.unwrap();
    assert_eq!(document.text, "A Heading\n\nFirst line of the text and so on with the second.");
    assert_eq!((document.pages.len(), document.pages[0].number), (1, 1));
    assert_eq!(document.title.as_deref(), Some("A Heading"));
}

#[test]
fn a_listener_that_has_enough_is_heard() {
    struct Once(usize);
    impl Listener for Once {
        fn doing(&mut self, _what: &str) {}
        fn part(&mut self, _part: Part) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Break(())
        }
    }
    let mut once = Once(0);
    let archive = zip(&[("a.txt", b"words"), ("b.txt", b"words")]);
    parse("a.zip", &archive, &Limits::default(), &mut once).unwrap();
    assert_eq!(once.0, 1);
}

#[test]
fn each_step_is_announced_before_it_is_taken() {
    let workbook = xlsx("<row r='1'><c r='A1'><v>1</v></c></row>", "");
    let (heard, result) = read_with("a.zip", &zip(&[("x/a.xlsx", &workbook)]), &Limits::default());
    result.unwrap();
    assert!(heard.doing.iter().any(|step| step == "sheet 1 of 1, Data of x/a.xlsx"), "{:?}", heard.doing);
    assert!(heard.doing.iter().any(|step| step.starts_with("member 1 of 1")), "{:?}", heard.doing);
}

#[test]
fn names_with_the_wrong_slashes_and_capitals_are_found() {
    let document = b"<w:document xmlns:w='w'><w:p><w:r><w:t>words</w:t></w:r></w:p></w:document>";
    let docx = zip(&[("[Content_Types].xml", b"<Types/>"), ("Word\\Document.xml", document)]);
    assert_eq!(text("a.docx", &docx), "words");
}

#[test]
fn what_ends_in_the_middle_is_not_taken_for_whole() {
    let archive = tar(&[("a.txt", &b"first ".repeat(100)), ("b.txt", &b"second ".repeat(200))]);
    let cut = &archive[..archive.len() - 2_048];
    let (heard, result) = read_with("a.tar", cut, &Limits::default());
    assert_eq!(paths(&heard.parts), [("a.txt", "text"), ("b.txt", "unknown")]);
    assert_eq!(heard.parts[1].result.as_ref().unwrap_err().kind(), FaultKind::Malformed);
    assert_eq!(result.unwrap_err().kind(), FaultKind::Malformed);
    let whole = page(b"BT /F 12 Tf 50 700 Td (still read) Tj ET", "", &[]);
    let cut = &whole[..whole.len() - 40];
    let (_, result) = read_with("a.pdf", cut, &Limits::default());
    let fault = result.unwrap_err();
    assert_eq!(
        (fault.kind(), fault.message()),
        (FaultKind::Malformed, "cut off: it has no end, and 1 pages are left of it")
    );
    // The first of two ends of a file made for the web is not the end of it.
    let said = format!("%PDF-1.7\n9 0 obj << /Linearized 1 /L {} >> endobj\n", whole.len() + 1_000);
    let web = [said.as_bytes(), &whole[9..]].concat();
    assert_eq!(crate::kit::fault("a.pdf", &web), FaultKind::Malformed);
}

/// An archive in which everything is within everything.
fn nested() -> Vec<u8> {
    let mail = "From: a@b.c\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
        Content-Type: text/plain\r\n\r\nits own text\r\n--x\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nfirst\
        \r\n--x\r\nContent-Disposition: attachment; filename=b.txt\r\n\r\nsecond\r\n--x--\r\n";
    let whole = tar(&[("a.txt", b"third"), ("m.eml", mail.as_bytes()), ("b.txt", &b"fourth ".repeat(300))]);
    zip(&[
        ("one.md", b"# One\n\nwords"),
        ("nothing.txt", b""),
        ("cut.tar", &whole[..whole.len() - 2_048]),
        ("m.eml", mail.as_bytes()),
        ("broken.pdf", b"%PDF-1.7\nnothing"),
        ("deep.zip", &zip(&[("x.txt", b"fifth"), ("y.zip", &zip(&[("z.txt", b"sixth")]))])),
        ("last.txt", b"seventh"),
    ])
}

#[test]
fn a_reader_that_was_killed_goes_on_after_what_killed_it() {
    let archive = nested();
    let (whole, result) = read_with("a.zip", &archive, &Limits::default());
    result.unwrap();
    let said = |parts: &[Part]| -> Vec<(String, bool)> {
        parts.iter().map(|part| (part.path.clone(), part.result.is_ok())).collect()
    };
    assert_eq!((whole.parts.len(), whole.members.len()), (14, 17));
    for (number, path, before) in &whole.members {
        // Killed in this member, which is to be blamed; and killed there although another was to blame.
        let blamed = Resume { done: *number, after: false, lost: vec![*number], output: 0 };
        let again = Resume { done: *number - 1, after: true, ..Resume::default() };
        for (from, least) in [(blamed, true), (again, false)] {
            let mut heard = crate::kit::Heard::default();
            parse_from("a.zip", &archive, (&Limits::default(), &from), &mut heard).unwrap();
            let mut all = said(&whole.parts[..*before]);
            all.extend(said(&heard.parts));
            let mut expected = said(&whole.parts);
            if least {
                let within = format!("{path}!/");
                let of = |(other, _): &(String, bool)| other == path || other.starts_with(&within);
                let from = *before;
                expected = expected[..from]
                    .iter()
                    .cloned()
                    .chain(expected[from..].iter().filter(|part| !of(part)).cloned())
                    .collect();
            }
            assert_eq!(all, expected, "after member {number}, {path}, {from:?}");
        }
    }
}

//! Files made to eat the machine.

use tidegate_core::FaultKind;
use tidegate_formats::Limits;

use crate::kit::{fault, read, read_with, text};
use crate::made::{docx, gzip, page, pdf, stream, xlsx, zip, zlib};

#[test]
fn zeros_that_unpack_to_hundreds_of_megabytes_are_refused() {
    let zeros = vec![0; 16 << 20];
    let bomb = zip(&[("a.txt", &zeros)]);
    let parts = read("a.zip", &bomb);
    assert_eq!(parts[0].result.as_ref().unwrap_err().kind(), FaultKind::TooLarge);
    assert_eq!(fault("a.txt.gz", &gzip(&zeros)), FaultKind::TooLarge);
    assert_eq!(fault("a.txt.zst", &zstd::encode_all(&zeros[..], 3).unwrap()), FaultKind::TooLarge);
    let bomb = zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", &zeros)]);
    assert_eq!(fault("a.docx", &bomb), FaultKind::TooLarge);
}

#[test]
fn archives_within_archives_end_at_the_limit() {
    let mut nested = zip(&[("a.txt", b"words")]);
    for _ in 0..8 {
        nested = zip(&[("a.zip", &nested)]);
    }
    let parts = read("a.zip", &nested);
    assert_eq!(parts[0].result.as_ref().unwrap_err().kind(), FaultKind::TooDeep);
    let mut nested = gzip(b"words");
    for _ in 0..8 {
        nested = gzip(&nested);
    }
    assert_eq!(fault("a.gz", &nested), FaultKind::TooDeep);
}

/// Many entries of a directory that all name the same packed bytes: small, and endless altogether.
#[test]
fn members_that_overlap_count_each_time() {
    let one = zip(&[("a.txt", &b"words ".repeat(150_000))]);
    let directory = memchr::memmem::rfind(&one, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&one, b"PK\x05\x06").unwrap();
    let mut bomb = one[..directory].to_vec();
    let count = 2000_u16;
    for _ in 0..count {
        bomb.extend(&one[directory..end]);
    }
    let mut tail = one[end..].to_vec();
    tail[8..10].copy_from_slice(&count.to_le_bytes());
    tail[10..12].copy_from_slice(&count.to_le_bytes());
    tail[12..16].copy_from_slice(&(u32::from(count) * (end - directory) as u32).to_le_bytes());
    bomb.extend(tail);
    let (heard, result) = read_with("a.zip", &bomb, &Limits::default());
    let bytes: usize =
        heard.parts.iter().flat_map(|part| &part.result).map(|document| document.text.len()).sum();
    assert!(bytes <= 64 << 20, "{bytes}");
    // The reader of ZIP files may see through it first: then it is one file, and not a bomb.
    assert!(result.is_err() || heard.parts.len() == 1, "{}", heard.parts.len());
}

#[test]
fn too_many_members_are_refused_whatever_is_in_them() {
    let names: Vec<String> = (0..300).map(|n| format!("{n}.txt")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"words".as_slice())).collect();
    let limits = Limits { max_entries: 100, ..Limits::default() };
    let (heard, result) = read_with("a.zip", &zip(&members), &limits);
    assert_eq!((heard.parts.len(), result.unwrap_err().kind()), (100, FaultKind::TooLarge));
}

#[test]
fn sheets_take_memory_by_what_is_in_them() {
    let rows = "<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='XFD1048576'><v>2</v></c></row>\
                <row r='18446744073709551615'><c r='ZZZZZZZZZ9'><v>3</v></c><c><v>4</v></c></row>";
    assert_eq!(text("a.xlsx", &xlsx(rows, "")), "Data\n\n1\n\n2\n\n| 3 | 4 |\n|---|---|");
    let content = format!(
        "<d><table name='T'><table-row number-rows-repeated='4294967295'><table-cell \
         number-columns-repeated='4294967295'><p>{}</p></table-cell></table-row></table></d>",
        "x".repeat(1000)
    );
    let ods = zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", content.as_bytes()),
    ]);
    assert!(text("a.ods", &ods).len() < 12 << 20);
}

#[test]
fn strings_that_are_named_again_and_again_count_each_time() {
    let strings = format!("<si><t>{}</t></si>", "x".repeat(1 << 20));
    let cells = "<row><c t='s'><v>0</v></c></row>".repeat(100_000);
    assert_eq!(fault("a.xlsx", &xlsx(&cells, &strings)), FaultKind::TooLarge);
}

#[test]
fn deep_and_self_expanding_xml_is_refused() {
    let deep = "<w:r>".repeat(100_000);
    assert_eq!(fault("a.docx", &docx(&deep)), FaultKind::TooDeep);
    let laughs = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><w:p><w:r><w:t>&b;</w:t></w:r></w:p>";
    let docx = zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", laughs.as_bytes())]);
    assert_eq!(fault("a.docx", &docx), FaultKind::Malformed);
}

#[test]
fn forms_that_draw_themselves_or_each_other_end() {
    let form = |content: &str, forms: &str| {
        let dict =
            format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << {forms} >> >>");
        stream(&dict, content.as_bytes())
    };
    let own = form("/X Do", "/X 5 0 R");
    let content = b"BT /F 12 Tf 50 700 Td (still read) Tj ET /X Do";
    assert_eq!(text("a.pdf", &page(content, "/XObject << /X 5 0 R >>", &[own])), "still read");
    // Each of 40 forms draws the next one ten times.
    let chain: Vec<Vec<u8>> =
        (0..40).map(|n| form(&"/X Do ".repeat(10), &format!("/X {} 0 R", n + 6))).collect();
    assert_eq!(fault("a.pdf", &page(content, "/XObject << /X 5 0 R >>", &chain)), FaultKind::TooLarge);
}

#[test]
fn streams_of_a_pdf_are_bounded_before_they_are_unpacked() {
    let zeros = zlib(&vec![b' '; 16 << 20]);
    let content = stream("/Filter /FlateDecode", &zeros);
    let bomb = pdf(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>".to_vec(),
        content,
    ]);
    assert_eq!(fault("a.pdf", &bomb), FaultKind::TooLarge);
    let tables = pdf(&[stream("/Type /ObjStm /N 1 /First 10 /Filter /FlateDecode", &zeros)]);
    assert_eq!(fault("a.pdf", &tables), FaultKind::TooLarge);
    let often = pdf(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!("<< /Type /Page /Parent 2 0 R /Contents [{}] >>", "4 0 R ".repeat(50_000)).into_bytes(),
        stream("/Filter /FlateDecode", &zlib(&vec![b' '; 1 << 20])),
    ]);
    assert!(matches!(fault("a.pdf", &often), FaultKind::TooLarge | FaultKind::Empty));
}

#[test]
fn trees_of_very_many_pages_and_of_loops_are_refused() {
    let mut objects = vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec()];
    let kids: String = (3..30_003).map(|n| format!("{n} 0 R ")).collect();
    objects.push(format!("<< /Type /Pages /Kids [{kids}] /Count 30000 >>").into_bytes());
    objects.extend((0..30_000).map(|_| b"<< /Type /Page /Parent 2 0 R >>".to_vec()));
    assert_eq!(fault("a.pdf", &pdf(&objects)), FaultKind::TooLarge);
    let looped = pdf(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R] /Count 9 >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 9 >>".to_vec(),
    ]);
    assert!(matches!(fault("a.pdf", &looped), FaultKind::Malformed | FaultKind::Empty));
}

#[test]
fn mails_of_parts_within_parts_end() {
    let mut mail = String::from(
        "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n",
    );
    for n in 0..5000 {
        mail.push_str(&format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1));
    }
    let (_, result) = read_with("a.eml", mail.as_bytes(), &Limits::default());
    assert!(result.is_err());
}

#[test]
fn deep_objects_do_not_take_the_stack() {
    for nest in ["[", "<< /A "] {
        let mut deep = b"<< /Type /Catalog /Pages 2 0 R /Deep ".to_vec();
        deep.extend(nest.repeat(20_000).bytes());
        let (_, result) = read_with("a.pdf", &pdf(&[deep]), &Limits::default());
        assert!(result.is_err());
    }
}

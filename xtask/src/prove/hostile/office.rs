//! Office files and books that are made to be a nuisance.

use super::folder::{Fate, Folder};
use super::made::{Entry, blanks, deflated, zip, zip_of};
use super::paper::{docx_of, docx_raw, epub_of, odf_of, pptx, xlsx_of};

const TOO_LARGE: &[&str] = &["too_large"];
const TOO_DEEP: &[&str] = &["too_deep"];
const MALFORMED: &[&str] = &["malformed"];

pub(super) fn write(folder: &mut Folder) {
    entities(folder);
    words(folder);
    sheets(folder);
    slides(folder);
    books(folder);
    locked(folder);
}

/// XML that expands to more than there is.
fn entities(folder: &mut Folder) {
    let laughs: String = (1..10)
        .map(|n| {
            let before = format!("&l{};", n - 1).repeat(10);
            format!("<!ENTITY l{n} \"{before}\">")
        })
        .collect();
    let body = |doctype: &str, text: &str| {
        format!(
            "<?xml version='1.0'?>{doctype}<w:document><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
        )
    };
    let laughs = body(&format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>"), "&l9;");
    folder.file("laughs.docx", &docx_raw(laughs.as_bytes()), Fate::Aside(MALFORMED, ""));
    let blow = format!("<!DOCTYPE x [<!ENTITY a \"{}\">]>", "a".repeat(100_000));
    let blow = body(&blow, &"&a;".repeat(100_000));
    folder.file("blow-up.docx", &docx_raw(blow.as_bytes()), Fate::Aside(MALFORMED, ""));
    let file = body("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>", "&a;");
    folder.file("file.docx", &docx_raw(file.as_bytes()), Fate::Aside(MALFORMED, ""));
}

fn words(folder: &mut Folder) {
    let deep = folder.size(400_000, 10_000) as usize;
    folder.file("deep.docx", &docx_of(&"<w:r>".repeat(deep)), Fate::Aside(TOO_DEEP, ""));
    folder.file(
        "deep-tables.docx",
        &docx_of(&"<w:tbl><w:tr><w:tc>".repeat(deep / 2)),
        Fate::Aside(TOO_DEEP, ""),
    );
    let bomb = zip_of(&[
        Entry::new("[Content_Types].xml", deflated(b"<Types/>")),
        Entry::new("word/document.xml", blanks(b' ', folder.size(1 << 10, 16))),
    ]);
    folder.file("bomb.docx", &bomb, Fate::Aside(TOO_LARGE, "unpack"));
    let count = folder.size(2_000_000, 20_000);
    folder.good("attributes.docx", |word| {
        let attributes: String = (0..count).map(|n| format!(" a{n}=''")).collect();
        docx_of(&format!("<w:p><w:r{attributes}><w:t>says {word}</w:t></w:r></w:p>"))
    });
    folder.good("styles-of-themselves.docx", |word| {
        let main = format!("<w:document><w:body><w:p><w:pPr><w:pStyle w:val='A'/></w:pPr><w:r><w:t>says {word}</w:t></w:r></w:p></w:body></w:document>");
        let styles = b"<w:styles><w:style w:styleId='A'><w:basedOn w:val='B'/></w:style><w:style w:styleId='B'><w:basedOn w:val='A'/></w:style></w:styles>";
        let links = b"<Relationships><Relationship Id='r' Type='x/styles' Target='styles.xml'/></Relationships>";
        zip(&[
            ("[Content_Types].xml", b"<Types/>"),
            ("word/document.xml", main.as_bytes()),
            ("word/_rels/document.xml.rels", links),
            ("word/styles.xml", styles),
        ])
    });
    let one =
        "<w:tc><w:tcPr><w:gridSpan w:val='2147483647'/></w:tcPr><w:p><w:r><w:t>wide</w:t></w:r></w:p></w:tc>";
    folder.good("wide-cells.docx", |word| {
        docx_of(&format!("<w:p><w:r><w:t>says {word}</w:t></w:r></w:p><w:tbl><w:tr>{one}{one}</w:tr><w:tr>{one}</w:tr></w:tbl>"))
    });
}

fn sheets(folder: &mut Folder) {
    // 2^34 cells, if anybody believed it.
    folder.good("all-cells.xlsx", |word| {
        xlsx_of(
            &format!(
                "<row r='1'><c r='A1' t='inlineStr'><is><t>{word}</t></is></c></row><row r='1048576'><c r='XFD1048576'><v>2</v></c></row>\
                 <row r='18446744073709551615'><c r='ZZZZZZZZZ9'><v>3</v></c></row>"
            ),
            "",
        )
    });
    let strings = format!("<si><t>{}</t></si>", "x".repeat(1 << 20));
    let cells = "<row><c t='s'><v>0</v></c></row>".repeat(folder.size(1_000_000, 1_000) as usize);
    folder.file("strings.xlsx", &xlsx_of(&cells, &strings), Fate::Aside(TOO_LARGE, ""));
    let many = "<si><t>a</t></si>".repeat(folder.size(3_000_000, 1_000_000) as usize);
    let many = xlsx_of("<row><c t='s'><v>7</v></c></row>", &many);
    folder.file("many-strings.xlsx", &many, Fate::Aside(TOO_LARGE, "unpack"));
    let rows = folder.size(1_000_000, 5_000);
    folder.good("staircase.xlsx", |word| {
        // Each row begins one column further: a table of all of it would be a square.
        let rows: String = (0..rows)
            .map(|n| format!("<row r='{}'><c r='{}{0}'><v>{n}</v></c></row>", n + 1, column(n % 16_384)))
            .collect();
        xlsx_of(&format!("<row r='1'><c r='A1' t='inlineStr'><is><t>{word}</t></is></c></row>{rows}"), "")
    });
    for (name, text) in [("repeated.ods", "x".repeat(1_000)), ("repeated-short.ods", "x".to_owned())] {
        folder.good(name, |word| {
            odf_of(
                "spreadsheet",
                &format!(
                    "<office:spreadsheet><table:table table:name='T'><table:table-row><table:table-cell><text:p>{word}</text:p></table:table-cell></table:table-row>\
                     <table:table-row table:number-rows-repeated='4294967295'><table:table-cell \
                     table:number-columns-repeated='4294967295'><text:p>{text}</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>"
                ),
            )
        });
    }
}

/// The letters of a column of a sheet.
fn column(mut number: u64) -> String {
    let mut out = Vec::new();
    loop {
        out.push((b'A' + (number % 26) as u8) as char);
        number /= 26;
        if number == 0 {
            return out.iter().rev().collect();
        }
        number -= 1;
    }
}

fn slides(folder: &mut Folder) {
    let links =
        "<Relationships><Relationship Id='r1' Type='x/slide' Target='slides/slide1.xml'/></Relationships>";
    let ids = "<p:sldId r:id='r1'/>".repeat(folder.size(400_000, 20_001) as usize);
    let main = format!("<p:presentation><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>");
    let often = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", main.as_bytes()),
        ("ppt/_rels/presentation.xml.rels", links.as_bytes()),
        ("ppt/slides/slide1.xml", b"<p:sld/>"),
    ]);
    folder.file("slides.pptx", &often, Fate::Aside(TOO_LARGE, "slides"));
    // Some slides of one megabyte each, named again and again.
    let slide = format!(
        "<p:sld><p:sp><p:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp></p:sld>",
        "again ".repeat(180_000)
    );
    let ids = "<p:sldId r:id='r1'/>".repeat(10_000);
    let main = format!("<p:presentation><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>");
    let again = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", main.as_bytes()),
        ("ppt/_rels/presentation.xml.rels", links.as_bytes()),
        ("ppt/slides/slide1.xml", slide.as_bytes()),
    ]);
    folder.file("slide-again.pptx", &again, Fate::Aside(TOO_LARGE, ""));
    folder.good("group-deep.pptx", |word| pptx(&["before", &format!("says {word}")]));
}

fn books(folder: &mut Folder) {
    let divs = "<div>".repeat(folder.size(200_000, 2_000) as usize);
    let page = |body: &str| format!("<html><body>{body}</body></html>");
    folder.good("deep-chapter.epub", |word| {
        epub_of(&[page(&format!("<p>Here it says {word}.</p>")), page(&divs)], None)
    });
    folder.file(
        "deep.epub",
        &epub_of(&[page(&divs)], None),
        Fate::Aside(&["too_deep", "empty", "malformed"], ""),
    );
    let again = "<itemref idref='c0'/>".repeat(folder.size(400_000, 10_000) as usize);
    folder.good("chapter-again.epub", |word| {
        epub_of(&[page(&format!("<p>Here it says {word}.</p>"))], Some(&again))
    });
}

/// Files that need a password. What Office encrypts is wrapped in the format it used before.
fn locked(folder: &mut Folder) {
    let mut wrapped = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
    wrapped.extend([0; 504]);
    wrapped.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    wrapped.extend([0x55; 4096]);
    for name in ["locked.docx", "locked.xlsx", "locked.pptx"] {
        folder.file(name, &wrapped, Fate::Aside(&["unreadable"], "password"));
    }
    let old = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 4096]].concat();
    folder.file("old.doc", &old, Fate::Aside(&["unsupported"], "old Office"));
    let odt = zip(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", b"<manifest><file-entry><encryption-data/></file-entry></manifest>"),
        ("content.xml", b"\x01\x02"),
    ]);
    folder.file("locked.odt", &odt, Fate::Aside(&["unreadable"], "password"));
}

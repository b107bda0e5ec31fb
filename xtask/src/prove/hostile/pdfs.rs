//! PDF files that are made to be a nuisance.

use super::folder::{Fate, Folder};
use super::made::{zlib, zlib_blanks};
use super::paper::{page, pdf_of, stream};

const TOO_LARGE: &[&str] = &["too_large"];
const UNUSABLE: &[&str] = &["malformed", "empty"];

pub(super) fn write(folder: &mut Folder) {
    bombs(folder);
    forms(folder);
    trees(folder);
    loops(folder);
    fonts(folder);
    nesting(folder);
    locked(folder);
}

fn show(word: &str) -> String {
    format!("BT /F 12 Tf 50 700 Td (still read {word}) Tj ET ")
}

fn bombs(folder: &mut Folder) {
    let mib = folder.size(1 << 10, 16);
    let blanks = zlib_blanks(b' ', mib);
    let bomb = |dict: &str, data: &[u8]| pdf_of(&page(stream(dict, data), "", &[]), "");
    folder.file("bomb.pdf", &bomb("/Filter /FlateDecode", &blanks), Fate::Aside(TOO_LARGE, "unpack"));
    let twice = "/Filter [/FlateDecode /FlateDecode]";
    folder.file("bomb-twice.pdf", &bomb(twice, &zlib(&blanks)), Fate::Aside(TOO_LARGE, ""));
    let predicted = "/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 32 >>";
    folder.file("bomb-predicted.pdf", &bomb(predicted, &blanks), Fate::Aside(TOO_LARGE, ""));
    // Each pair of bytes says 128 of the second.
    let runs = [0x81, b' '].repeat(folder.size(1 << 20, 1 << 19) as usize);
    folder.file(
        "bomb-runs.pdf",
        &bomb("/Filter /RunLengthDecode", &runs),
        Fate::Aside(&["too_large", "empty"], ""),
    );
    let objects = "/Type /ObjStm /N 1 /First 10 /Filter /FlateDecode";
    folder.file("bomb-objects.pdf", &pdf_of(&[stream(objects, &blanks)], ""), Fate::Aside(TOO_LARGE, ""));
    let table = "/Type /XRef /W [1 4 2] /Size 2147483647 /Root 1 0 R /Filter /FlateDecode";
    let mut out = b"%PDF-1.7\n1 0 obj\n".to_vec();
    out.extend(stream(table, &zlib_blanks(1, mib)));
    out.extend(b"\nendobj\nstartxref\n9\n%%EOF\n");
    folder.file("bomb-table.pdf", &out, Fate::Aside(TOO_LARGE, ""));
    let again = page(stream("/Filter /FlateDecode", &zlib_blanks(b' ', 1)), "", &[]);
    let mut often = again.clone();
    let contents = "4 0 R ".repeat(folder.size(200_000, 2_000) as usize);
    often[2] = format!("<< /Type /Page /Parent 2 0 R /Contents [{contents}] >>").into_bytes();
    folder.file("bomb-again.pdf", &pdf_of(&often, ""), Fate::Aside(&["too_large", "empty"], ""));
}

fn forms(folder: &mut Folder) {
    let form = |content: &str, forms: &str| {
        let dict =
            format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << {forms} >> >>");
        stream(&dict, content.as_bytes())
    };
    folder.good("form-itself.pdf", |word| {
        let content = stream("", (show(word) + "/X Do").as_bytes());
        pdf_of(&page(content, "/XObject << /X 5 0 R >>", &[form("/X Do", "/X 5 0 R")]), "")
    });
    folder.good("form-circle.pdf", |word| {
        let ring: Vec<Vec<u8>> =
            (0..50).map(|n| form("/X Do", &format!("/X {} 0 R", 5 + (n + 1) % 50))).collect();
        let content = stream("", (show(word) + "/X Do").as_bytes());
        pdf_of(&page(content, "/XObject << /X 5 0 R >>", &ring), "")
    });
    // Each of 40 forms draws the next ten times.
    let chain: Vec<Vec<u8>> =
        (0..40).map(|n| form(&"/X Do ".repeat(10), &format!("/X {} 0 R", n + 6))).collect();
    let content = stream("", (show("nothing") + "/X Do").as_bytes());
    let bytes = pdf_of(&page(content, "/XObject << /X 5 0 R >>", &chain), "");
    folder.file("form-chain.pdf", &bytes, Fate::Aside(TOO_LARGE, ""));
    let own = b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /CharProcs << /a 6 0 R >> \
        /Encoding << /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [9] /Resources << /Font << /T 5 0 R >> >> >>";
    folder.good("font-itself.pdf", |word| {
        let content = stream("", (show(word) + "BT /T 12 Tf (aaaa) Tj ET").as_bytes());
        let glyph = stream("", b"9 0 d0 BT /T 1 Tf (aaaa) Tj ET");
        pdf_of(
            &page(
                content,
                "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> /T 5 0 R >>",
                &[own.to_vec(), glyph],
            ),
            "",
        )
    });
}

fn trees(folder: &mut Folder) {
    let count = folder.size(200_000, 20_001);
    let kids: String = (3..count + 3).map(|n| format!("{n} 0 R ")).collect();
    let mut objects = vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec()];
    objects.push(format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes());
    objects.extend((0..count).map(|_| b"<< /Type /Page /Parent 2 0 R >>".to_vec()));
    folder.file("pages.pdf", &pdf_of(&objects, ""), Fate::Aside(TOO_LARGE, "pages"));
    // One folder of pages in the other.
    let mut objects = vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec()];
    objects.extend((2..count).map(|n| {
        format!("<< /Type /Pages /Parent {} 0 R /Kids [{} 0 R] /Count 1 >>", n - 1, n + 1).into_bytes()
    }));
    objects.push(format!("<< /Type /Page /Parent {} 0 R >>", count - 1).into_bytes());
    folder.file(
        "pages-deep.pdf",
        &pdf_of(&objects, ""),
        Fate::Aside(&["malformed", "empty", "too_deep"], ""),
    );
    // Two lists of all pages of the next level, 40 levels deep: 2^40 pages in 4 kB.
    let mut objects = vec![b"<< /Type /Catalog /Pages 2 0 R >>".to_vec()];
    objects.extend((2..42).map(|n| {
        let kids = format!("{0} 0 R {0} 0 R", n + 1);
        format!("<< /Type /Pages /Kids [{kids}] /Count 1 >>").into_bytes()
    }));
    objects.push(b"<< /Type /Page >>".to_vec());
    folder.file(
        "pages-doubled.pdf",
        &pdf_of(&objects, ""),
        Fate::Aside(&["malformed", "empty", "too_large"], ""),
    );
    let looped = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R] /Count 9 >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2147483647 >>".to_vec(),
    ];
    folder.file("pages-looped.pdf", &pdf_of(&looped, ""), Fate::Aside(UNUSABLE, "page"));
}

fn loops(folder: &mut Folder) {
    folder.good("table-looped.pdf", |word| {
        let whole = pdf_of(&page(stream("", show(word).as_bytes()), "", &[]), "");
        let at = position(&whole, b"xref\n0");
        let text = format!("/Prev {at} >>\nstartxref");
        replaced(&whole, b">>\nstartxref", text.as_bytes())
    });
    folder.good("length-of-itself.pdf", |word| {
        let content = show(word);
        let own = format!("<< /Length 4 0 R >>\nstream\n{content}\nendstream").into_bytes();
        pdf_of(&page(own, "", &[]), "")
    });
    let circle = [b"2 0 R".to_vec(), b"3 0 R".to_vec(), b"1 0 R".to_vec()];
    folder.file("reference-looped.pdf", &pdf_of(&circle, ""), Fate::Aside(UNUSABLE, ""));
    let own = stream("/Type /ObjStm /N 1 /First 4 /Extends 1 0 R", b"1 0 << /Type /Catalog >>");
    folder.file("objects-in-themselves.pdf", &pdf_of(&[own], ""), Fate::Aside(UNUSABLE, ""));
    let parent = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>".to_vec(),
        b"<< /Type /Page /Parent 3 0 R /Contents 4 0 R >>".to_vec(),
        stream("", b"0 0 m"),
    ];
    folder.file("parent-of-itself.pdf", &pdf_of(&parent, ""), Fate::Aside(UNUSABLE, ""));
}

fn position(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).rposition(|window| window == what).unwrap_or(0)
}

fn replaced(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let at = position(bytes, what);
    [&bytes[..at], with, &bytes[at + what.len()..]].concat()
}

/// A font whose codes are said to be letters by tables of all there are.
fn fonts(folder: &mut Folder) {
    folder.good("font-of-all.pdf", |word| {
        let ranges = "<00000000> <ffffffff> <0020>\n".repeat(50_000);
        let map = format!("1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n50000 beginbfrange\n{ranges}endbfrange");
        let font = b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [<< \
            /Type /Font /Subtype /CIDFontType2 /BaseFont /X /W [0 2147483647 500] >>] >>";
        let content = stream("", (show(word) + "BT /G 12 Tf 50 500 Td <00010002> Tj ET").as_bytes());
        let fonts = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> /G 5 0 R >>";
        pdf_of(&page(content, fonts, &[font.to_vec(), stream("/Filter /FlateDecode", &zlib(map.as_bytes()))]), "")
    });
}

fn nesting(folder: &mut Folder) {
    let deep = folder.size(1_000_000, 20_000) as usize;
    for (name, nest) in [("deep-lists.pdf", "["), ("deep-dictionaries.pdf", "<< /A ")] {
        let object = format!("<< /Type /Catalog /Pages 2 0 R /Deep {}", nest.repeat(deep)).into_bytes();
        folder.file(name, &pdf_of(&[object], ""), Fate::Aside(&["too_deep"], "levels deep"));
    }
    folder.good("deep-content.pdf", |word| {
        let content = show(word) + &"q ".repeat(deep) + &"[".repeat(deep);
        pdf_of(&page(stream("/Filter /FlateDecode", &zlib(content.as_bytes())), "", &[]), "")
    });
}

/// A file that needs a password: what it says of the empty one is wrong.
fn locked(folder: &mut Folder) {
    let objects = page(stream("", b"\x17\x99 none of your business"), "", &[]);
    let key = "00".repeat(32);
    let lock = format!(
        "/ID [<{0}> <{0}>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <{key}> /U <{key}> >>",
        "01".repeat(16)
    );
    folder.file("locked.pdf", &pdf_of(&objects, &lock), Fate::Aside(&["unreadable"], "password"));
}

//! Documents of each format, as small as they may be: good ones, and frames for bad ones.

use super::made::{zip, zlib};

/// A PDF of these objects, the first of which is the catalogue; `trailer` is added to its last words.
pub(super) fn pdf_of(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", index + 1).bytes());
        out.extend_from_slice(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    out
}

/// An object that is a stream.
pub(super) fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("<< {dict} /Length {} >>\nstream\n", data.len()).into_bytes();
    out.extend_from_slice(data);
    out.extend(b"\nendstream");
    out
}

/// The objects of a PDF with one page: its content is object 4, `more` begin at 5.
pub(super) fn page(content: Vec<u8>, resources: &str, more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << \
             /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> {resources} >> >>"
        )
        .into_bytes(),
        content,
    ];
    objects.extend_from_slice(more);
    objects
}

/// A PDF with one page that shows `text`, a line for each.
pub(super) fn pdf(text: &str) -> Vec<u8> {
    let lines: String = text.lines().map(|line| format!("({line}) Tj 0 -14 Td ")).collect();
    let content = zlib(format!("BT /F 11 Tf 50 750 Td {lines}ET").as_bytes());
    pdf_of(&page(stream("/Filter /FlateDecode", &content), "", &[]), "")
}

/// A Word document with this body.
pub(super) fn docx_of(body: &str) -> Vec<u8> {
    docx_raw(format!("<w:document xmlns:w='w'><w:body>{body}</w:body></w:document>").as_bytes())
}

/// A Word document whose main part is this.
pub(super) fn docx_raw(main: &[u8]) -> Vec<u8> {
    zip(&[("[Content_Types].xml", b"<Types/>"), ("word/document.xml", main)])
}

pub(super) fn docx(text: &str) -> Vec<u8> {
    docx_of(&text.lines().map(|line| format!("<w:p><w:r><w:t>{line}</w:t></w:r></w:p>")).collect::<String>())
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A presentation with a slide for each of these.
pub(super) fn pptx(slides: &[&str]) -> Vec<u8> {
    let (mut ids, mut links, mut parts) = (String::new(), String::new(), Vec::new());
    for (number, text) in slides.iter().enumerate() {
        ids += &format!("<p:sldId id='{}' r:id='r{number}'/>", 256 + number);
        links += &format!(
            "<Relationship Id='r{number}' Type='{RELATIONS}/slide' Target='slides/slide{number}.xml'/>"
        );
        let text: String =
            text.lines().map(|line| format!("<a:p><a:r><a:t>{line}</a:t></a:r></a:p>")).collect();
        let slide = format!(
            "<p:sld><p:cSld><p:spTree><p:sp><p:txBody>{text}</p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
        );
        parts.push((format!("ppt/slides/slide{number}.xml"), slide));
    }
    let main = format!("<p:presentation><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>");
    let links = format!("<Relationships>{links}</Relationships>");
    let mut members: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", main.as_bytes()),
        ("ppt/_rels/presentation.xml.rels", links.as_bytes()),
    ];
    members.extend(parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
    zip(&members)
}

/// A workbook with one sheet of these rows, which claims to be as large as a sheet can be, and these shared strings.
pub(super) fn xlsx_of(rows: &str, strings: &str) -> Vec<u8> {
    let sheet =
        format!("<worksheet><dimension ref='A1:XFD1048576'/><sheetData>{rows}</sheetData></worksheet>");
    let strings = format!("<sst count='4294967295' uniqueCount='4294967295'>{strings}</sst>");
    let links = format!(
        "<Relationships><Relationship Id='r1' Type='{RELATIONS}/worksheet' Target='worksheets/sheet1.xml'/>\
         <Relationship Id='r2' Type='{RELATIONS}/sharedStrings' Target='sharedStrings.xml'/></Relationships>"
    );
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<workbook><sheets><sheet name='Data' r:id='r1'/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", links.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

pub(super) fn xlsx(text: &str) -> Vec<u8> {
    let (mut rows, mut strings) = (String::new(), String::new());
    for (at, line) in text.lines().enumerate() {
        let row = at + 1;
        rows += &format!(
            "<row r='{row}'><c r='A{row}'><v>{row}</v></c><c r='B{row}' t='s'><v>{at}</v></c></row>"
        );
        strings += &format!("<si><t>{line}</t></si>");
    }
    xlsx_of(&rows, &strings)
}

/// An OpenDocument file of `kind` with this content.
pub(super) fn odf_of(kind: &str, content: &str) -> Vec<u8> {
    let kind = format!("application/vnd.oasis.opendocument.{kind}");
    let content =
        format!("<office:document-content><office:body>{content}</office:body></office:document-content>");
    zip(&[("mimetype", kind.as_bytes()), ("content.xml", content.as_bytes())])
}

pub(super) fn odt(text: &str) -> Vec<u8> {
    let lines: String = text.lines().map(|line| format!("<text:p>{line}</text:p>")).collect();
    odf_of("text", &format!("<office:text>{lines}</office:text>"))
}

/// A book of chapters, which are XHTML; the list of them is `spine` if that is given.
pub(super) fn epub_of(chapters: &[String], spine: Option<&str>) -> Vec<u8> {
    let container = b"<container><rootfiles><rootfile full-path='book.opf'/></rootfiles></container>";
    let items: String = (0..chapters.len())
        .map(|n| format!("<item id='c{n}' href='c{n}.xhtml' media-type='application/xhtml+xml'/>"))
        .collect();
    let usual: String = (0..chapters.len()).map(|n| format!("<itemref idref='c{n}'/>")).collect();
    let opf = format!(
        "<package><metadata><dc:title>A Book</dc:title></metadata><manifest>{items}</manifest><spine>{}</spine></package>",
        spine.unwrap_or(&usual)
    );
    let names: Vec<String> = (0..chapters.len()).map(|n| format!("c{n}.xhtml")).collect();
    let mut members: Vec<(&str, &[u8])> = vec![
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container),
        ("book.opf", opf.as_bytes()),
    ];
    members.extend(names.iter().zip(chapters).map(|(name, text)| (name.as_str(), text.as_bytes())));
    zip(&members)
}

pub(super) fn html(text: &str) -> Vec<u8> {
    let lines: String = text.lines().map(|line| format!("<p>{line}</p>\n")).collect();
    format!("<!doctype html><html><head><title>A Page</title></head><body><main>{lines}</main></body></html>")
        .into_bytes()
}

pub(super) fn mail(text: &str) -> Vec<u8> {
    format!(
        "From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: A Letter\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
        text.replace('\n', "\r\n")
    )
    .into_bytes()
}

pub(super) fn rtf(text: &str) -> Vec<u8> {
    format!("{{\\rtf1\\ansi {}}}", text.replace('\n', "\\par ")).into_bytes()
}

//! Texts, mails and data that are made to be a nuisance: these are read by the program itself.

use super::folder::{Fate, Folder};

const TOO_DEEP: &[&str] = &["too_deep"];
const TOO_LARGE: &[&str] = &["too_large"];
const EMPTY: &[&str] = &["empty"];

pub(super) fn write(folder: &mut Folder) {
    deep(folder);
    long(folder);
    tiny(folder);
    markup(folder);
    broken(folder);
    mails(folder);
    groups(folder);
}

fn deep(folder: &mut Folder) {
    let divs = folder.size(200_000, 2_000) as usize;
    folder.file(
        "deep.html",
        ("<html><body>".to_owned() + &"<div>".repeat(divs) + "text").as_bytes(),
        Fate::Aside(TOO_DEEP, ""),
    );
    let deep = folder.size(1_000_000, 10_000) as usize;
    folder.file(
        "deep-lists.json",
        ("[".repeat(deep) + &"]".repeat(deep)).as_bytes(),
        Fate::Aside(TOO_DEEP, ""),
    );
    folder.file("deep-objects.json", "{\"a\":".repeat(deep).as_bytes(), Fate::Aside(TOO_DEEP, ""));
    folder.good("deep.xml", |word| {
        format!("<r>{word}{}{}</r>", "<a>".repeat(10_000), "</a>".repeat(10_000)).into_bytes()
    });
    folder.file("deep-quotes.md", (">".repeat(deep) + " text").as_bytes(), Fate::Aside(TOO_DEEP, ""));
    let lists: String = (0..2_000).map(|n| "  ".repeat(n) + "- item\n").collect();
    folder.file("deep-lists.md", lists.as_bytes(), Fate::Aside(TOO_DEEP, ""));
}

/// As much as may be, without any structure.
fn long(folder: &mut Folder) {
    let bytes = folder.size(63 << 20, 1 << 20) as usize;
    for (name, unit) in [
        ("one-word.txt", "a"),
        ("one-line.csv", "cell,"),
        ("one-line.json", " "),
        ("one-word.md", "a"),
        ("quote.csv", "\"a\n"),
        ("accents.txt", "\u{301}"),
        ("lines.txt", "\n"),
    ] {
        let blank = unit.trim().is_empty();
        let count = (bytes - 100) / unit.len();
        let word = folder.word();
        let text = match name {
            "one-line.json" => format!("[\"{word}\"{}]", unit.repeat(count)),
            _ if blank => unit.repeat(count),
            _ => format!("{word} {}", unit.repeat(count)),
        };
        let fate = match name {
            "one-line.csv" => Fate::Aside(TOO_LARGE, "cells"),
            "quote.csv" if folder.full => Fate::Aside(TOO_LARGE, ""),
            _ if blank && name != "one-line.json" => Fate::Aside(EMPTY, ""),
            _ => Fate::Found(word),
        };
        folder.file(name, text.as_bytes(), fate);
    }
    folder.file("zeros.csv", &vec![0; bytes], Fate::Aside(&["encoding", "unsupported", "empty"], ""));
    folder.file("blank.html", &vec![b' '; bytes], Fate::Aside(EMPTY, ""));
}

/// Many things of a byte or two each: were it not seen to, they would take more memory than there is for all documents.
fn tiny(folder: &mut Folder) {
    let long = ["k", "l"].map(|letter| letter.repeat(100));
    let values: Vec<String> = (0..12).map(|number| format!("\"{number}\":1")).collect();
    let paths = format!("{{\"{}\":{{\"{}\":{{{}}}}}}},", long[0], long[1], values.join(","));
    let bytes = folder.size(63 << 20, 22 << 20) as usize;
    for (name, unit) in [
        ("tiny.md", "a\n\n"),
        ("tiny.txt", "a\n\n"),
        ("tiny.html", "<p>a"),
        ("headings.md", "# a\n"),
        ("headings.html", "<h2>a"),
        ("paths.json", paths.as_str()),
    ] {
        let mut text = unit.repeat(bytes / unit.len());
        if name == "paths.json" {
            text = format!("[{text}1]");
        }
        // One of them shows it; all of them take their time.
        if folder.full || name == "tiny.md" {
            folder.file(name, text.as_bytes(), Fate::Aside(TOO_LARGE, "memory"));
        }
    }
}

/// Markup that costs its reader more than it is long, if the reader is not careful.
fn markup(folder: &mut Folder) {
    let many = folder.size(1_000_000, 20_000) as usize;
    for (name, unit) in [
        ("links.md", "["),
        ("pictures.md", "![a]("),
        ("stars.md", "*a **"),
        ("ticks.md", "`a"),
        ("angles.md", "<a "),
        ("rows.md", "|a|\n|-|\n"),
        ("references.md", "[a]: b\n"),
        ("entities.md", "&a"),
        ("tags.html", "<b><i>"),
        ("angles.html", "<"),
        ("comments.html", "<!--"),
        ("attributes.html", "<a b='"),
        ("scripts.html", "<script>"),
        ("cells.html", "<td>"),
        ("entities.html", "&#x"),
        ("closing.html", "</p></td></b>"),
    ] {
        // What stands in front of it is read, and what follows must not hang its reader.
        let word = folder.word();
        let text = format!("Here it says {word} once.\n\n{}", unit.repeat(many));
        let fate = match name {
            "tags.html" => Fate::Aside(TOO_DEEP, ""),
            // A tree of these has several nodes for each byte.
            "pictures.md" | "stars.md" | "rows.md" | "references.md" if folder.full => {
                Fate::Aside(TOO_LARGE, "memory")
            }
            _ => Fate::Found(word),
        };
        folder.file(name, text.as_bytes(), fate);
    }
}

fn broken(folder: &mut Folder) {
    for extension in [
        "txt", "md", "html", "csv", "json", "pdf", "docx", "pptx", "xlsx", "ods", "odt", "epub", "eml",
        "rtf", "zip", "tar", "gz", "zst",
    ] {
        folder.file(format!("empty.{extension}"), b"", Fate::Aside(EMPTY, ""));
    }
    folder.file("blank.txt", b" \n\t\n \n", Fate::Aside(EMPTY, ""));
    folder.file("noise.txt", &noise(100_000), Fate::Aside(&["encoding", "unsupported", "malformed"], ""));
    for name in ["noise.pdf", "noise.docx", "noise.xlsx", "noise.eml"] {
        folder.file(name, &noise(100_000), Fate::Aside(&["encoding", "unsupported", "malformed"], ""));
    }
}

/// Bytes without any sense.
fn noise(count: usize) -> Vec<u8> {
    let mut random = crate::random::Random::new(5);
    (0..count).map(|_| random.next() as u8).collect()
}

fn mails(folder: &mut Folder) {
    let head = "From: a@b.c\r\nSubject: s\r\nMIME-Version: 1.0\r\n";
    let depth = folder.size(4_000, 1_000);
    let parts: String = (0..depth)
        .map(|n| format!("--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", n + 1))
        .collect();
    let mail = format!("{head}Content-Type: multipart/mixed; boundary=b0\r\n\r\n{parts}");
    folder.file("parts.eml", mail.as_bytes(), Fate::Stored);
    let inner = format!("{head}Content-Type: message/rfc822\r\n\r\n").repeat(1_000) + head + "\r\ntext";
    let path = folder.file("mails.eml", inner.as_bytes(), Fate::Stored);
    let innermost = ["part-1.eml"; 4].join("!/");
    folder.expect_within(&path, &innermost, Fate::Aside(TOO_DEEP, "more than 4"));
    let many = folder.size(30_000, 10_001);
    let parts =
        "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n"
            .repeat(many as usize);
    let mail = format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}");
    let path = folder.file("attachments.eml", mail.as_bytes(), Fate::Stored);
    folder.expect_within(&path, "", Fate::Aside(&["too_large"], "more than 10000 members"));
    let long = folder.size(30 << 20, 1 << 20) as usize;
    folder.good("header.eml", |word| {
        format!("{head}To: {}\r\n\r\nsays {word}", "<a@b.c>, ".repeat(long / 9)).into_bytes()
    });
    folder.good("words.eml", |word| {
        format!("{head}X-A: {}\r\n\r\nsays {word}", "=?utf-8?q?a?= ".repeat(long / 14)).into_bytes()
    });
}

fn groups(folder: &mut Folder) {
    let deep = folder.size(1_000_000, 100_000) as usize;
    folder.file(
        "groups.rtf",
        ("{\\rtf1 ".to_owned() + &"{".repeat(deep)).as_bytes(),
        Fate::Aside(TOO_DEEP, ""),
    );
    folder.file("binary.rtf", b"{\\rtf1 \\bin2147483647 abc}", Fate::Aside(&["malformed", "empty"], ""));
    folder.good("numbers.rtf", |word| {
        format!("{{\\rtf1 \\u-99999999999? \\uc2147483647 {word} \\'zz }}").into_bytes()
    });
}

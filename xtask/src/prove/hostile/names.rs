//! Things in a folder that are no files, or have names that nobody would give them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::folder::{Fate, Folder};
use super::paper;

const NO_FILE: &[&str] = &["not_a_file"];
const TOO_LARGE: &[&str] = &["too_large"];

pub(super) fn write(folder: &mut Folder) {
    special(folder);
    links(folder);
    names(folder);
    sizes(folder);
    cut(folder);
}

fn special(folder: &mut Folder) {
    let path = folder.place("pipe.pdf");
    let made = rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0);
    folder.note(made.map_err(Into::into));
    folder.expect(&path, Fate::Aside(NO_FILE, "pipe"));
    let path = folder.place("socket.txt");
    let made = UnixListener::bind(&path);
    folder.note(made);
    folder.expect(&path, Fate::Aside(NO_FILE, "socket"));
}

fn links(folder: &mut Folder) {
    let mut link = |name: &str, to: &str, fate: Fate| {
        let path = folder.place(name);
        let made = symlink(to, &path);
        folder.note(made);
        folder.expect(&path, fate);
    };
    link("itself.txt", "itself.txt", Fate::Aside(NO_FILE, "itself"));
    link("nowhere.txt", "there-is-no-such-file.txt", Fate::Aside(NO_FILE, "nowhere"));
    link("up", "..", Fate::LeftOut);
    link("out.txt", "/etc/passwd", Fate::LeftOut);
    link("device.txt", "/dev/zero", Fate::LeftOut);
    link("process.txt", "/proc/self/mem", Fate::LeftOut);
    link("root", "/", Fate::LeftOut);
}

fn names(folder: &mut Folder) {
    let names: [&[u8]; 7] = [
        b"\xff\xfe not text.txt",
        b"line\nbreak.txt",
        b"\x1b[2J\x1b[31mred.txt",
        b"per%20cent%.txt",
        b"a#b !c'd\".txt",
        "\u{202e}txt.exe.txt".as_bytes(),
        b" -rf *.txt",
    ];
    for name in names {
        folder.good(OsStr::from_bytes(name), |word| format!("A text that says {word}.").into_bytes());
    }
    folder.good("n".repeat(251) + ".txt", |word| format!("A text that says {word}.").into_bytes());
    folder.file(
        OsStr::from_bytes(b"\xe9cran.pdf"),
        b"%PDF-1.7\nnothing",
        Fate::Aside(&["malformed"], "no page"),
    );
    // A folder in a folder, 200 times.
    let word = folder.word();
    let mut path = folder.place("deep");
    (0..200).for_each(|_| path.push("d"));
    let made = std::fs::create_dir_all(&path);
    folder.note(made);
    path.push("text.txt");
    let made = std::fs::write(&path, format!("A text that says {word}."));
    folder.note(made);
    folder.expect(&path, Fate::Found(word));
}

/// Larger than any disk here, and nothing in it.
fn sizes(folder: &mut Folder) {
    for (name, bytes) in
        [("sparse.txt", 5 << 30), ("line.csv", 1 << 30), ("sparse.pdf", 5 << 30), ("sparse.zip", 1 << 40)]
    {
        let path = folder.place(name);
        let made = std::fs::File::create(&path).and_then(|file| file.set_len(bytes));
        folder.note(made);
        folder.expect(&path, Fate::Aside(TOO_LARGE, "more than"));
    }
}

/// Good files that end in the middle.
fn cut(folder: &mut Folder) {
    let text = "The harbour holds the ledger.\n".repeat(40);
    let archive = super::made::tar(&[("a.txt", text.as_bytes()), ("b.txt", text.as_bytes())]);
    let path = folder.file("cut.tar", &archive[..archive.len() - 2_048], Fate::Stored);
    folder.expect_within(&path, "b.txt", Fate::Aside(&["malformed"], "cut off after"));
    folder.expect_within(&path, "", Fate::Aside(&["malformed"], "damaged"));
    let malformed = || Fate::Aside(&["malformed"], "");
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    for (name, bytes, fate) in [
        ("cut.docx", paper::docx(&text), malformed()),
        ("cut.pptx", paper::pptx(&[&text]), malformed()),
        ("cut.xlsx", paper::xlsx(&text), malformed()),
        ("cut.odt", paper::odt(&text), malformed()),
        (
            "cut.epub",
            paper::epub_of(&[String::from_utf8_lossy(&paper::html(&text)).into_owned()], None),
            malformed(),
        ),
        ("cut.pdf", paper::pdf(&text), Fate::Aside(&["malformed"], "cut off")),
        ("cut.zip", super::made::zip(&[("a.txt", text.as_bytes())]), malformed()),
        ("cut.gz", super::made::gzip(&super::made::deflated(text.as_bytes())), malformed()),
        ("cut.json", serde_json::json!({ "text": text }).to_string().into_bytes(), malformed()),
        ("cut.html", paper::html(&text), Fate::Stored),
        ("cut.eml", paper::mail(&text), Fate::Stored),
        ("cut.rtf", paper::rtf(&text), Fate::Stored),
    ] {
        folder.file(name, &half(bytes), fate);
    }
}

//! Good files: some of each format, with texts drawn from a seed, and the shipped documents.

use std::path::Path;

use super::folder::{Fate, Folder};
use super::made::{deflated, gzip, tar, zip};
use super::paper;
use crate::random::Random;
use crate::shell::{files, root};

const WORDS: &[&str] = &[
    "harbour", "ledger", "primer", "valve", "orchard", "signal", "barley", "copper", "lantern", "archive",
    "tunnel", "harvest", "meadow", "current", "anchor", "window", "bridge", "furnace", "pattern", "river",
    "engine", "garden", "station", "quarry", "market", "winter", "letter", "museum", "canvas", "border",
    "island", "thunder", "pepper", "wagon", "mirror", "cellar", "compass", "saddle", "velvet", "timber",
];
const VERBS: &[&str] =
    &["holds", "carries", "follows", "covers", "opens", "measures", "repairs", "passes", "drains", "joins"];

/// Some lines of sentences, with `word` in the middle.
pub(super) fn text(random: &mut Random, word: &str) -> String {
    let lines = 3 + random.below(12);
    let mut out = String::new();
    for line in 0..lines {
        for _ in 0..1 + random.below(2) {
            let [one, two, three] = [0; 3].map(|_| WORDS[random.index(WORDS.len())]);
            let verb = VERBS[random.index(VERBS.len())];
            out += &format!("The {one} of the {two} {verb} the {three}. ");
        }
        if line == lines / 2 {
            out += &format!("Here it says {word} once. ");
        }
        out.push('\n');
    }
    out
}

/// Writes `count` files of all formats in turn.
pub(super) fn write(folder: &mut Folder, count: u64, random: &mut Random) {
    for number in 0..count {
        let (extension, make) = MAKERS[(number % MAKERS.len() as u64) as usize];
        let name = format!("good-{number:04}.{extension}");
        let word = folder.word();
        let bytes = make(&text(random, &word));
        let path = folder.place(&name);
        let done = std::fs::write(&path, bytes);
        folder.note(done);
        // A container is stored under its members' names.
        match extension {
            "zip" | "tar.gz" => {
                folder.expect(&path, Fate::Stored);
                folder.expect_within(&path, "notes.txt", Fate::Found(word));
            }
            _ => folder.expect(&path, Fate::Found(word)),
        }
    }
}

type Maker = fn(&str) -> Vec<u8>;

const MAKERS: &[(&str, Maker)] = &[
    ("docx", paper::docx),
    ("pdf", paper::pdf),
    ("html", paper::html),
    ("md", |text| format!("# Notes\n\n{text}").into_bytes()),
    ("pptx", |text| paper::pptx(&["A Slide", text])),
    ("xlsx", paper::xlsx),
    ("txt", |text| text.as_bytes().to_vec()),
    ("odt", paper::odt),
    ("eml", paper::mail),
    ("epub", |text| {
        let chapter = String::from_utf8_lossy(&paper::html(text)).into_owned();
        paper::epub_of(&["<html><body><h1>One</h1><p>First.</p></body></html>".to_owned(), chapter], None)
    }),
    ("csv", |text| {
        let rows: String = text.lines().enumerate().map(|(at, line)| format!("{at},\"{line}\"\n")).collect();
        format!("number,line\n{rows}").into_bytes()
    }),
    ("json", |text| serde_json::json!({ "title": "Notes", "text": text }).to_string().into_bytes()),
    ("rtf", paper::rtf),
    ("zip", |text| zip(&[("notes.txt", text.as_bytes())])),
    ("tar.gz", |text| gzip(&deflated(&tar(&[("notes.txt", text.as_bytes())])))),
];

/// Copies the shipped documents, each of which must be stored; how many there are.
pub(super) fn shipped(folder: &mut Folder) -> Result<u64, String> {
    let mut count = 0;
    for name in files()?.iter().filter(|name| name.starts_with("examples/corpus/")) {
        let flat = name.trim_start_matches("examples/corpus/").replace('/', "-");
        let path = folder.place(format!("shipped-{flat}"));
        std::fs::copy(root().join(name), Path::new(&path)).map_err(|error| format!("{name}: {error}"))?;
        folder.expect(&path, Fate::Stored);
        count += 1;
    }
    Ok(count)
}

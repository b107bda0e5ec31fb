//! What the tests share: reading a file whole, and saying what was read.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tidegate_core::{Document, Fault, FaultKind};
use tidegate_formats::{Limits, Listener, Part, parse};

/// Keeps what is told.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) parts: Vec<Part>,
    pub(crate) doing: Vec<String>,
    /// Members, and how many parts there were when they began.
    pub(crate) members: Vec<(u64, String, usize)>,
}

impl Listener for Heard {
    fn doing(&mut self, what: &str) {
        self.doing.push(what.to_owned());
    }

    fn member(&mut self, number: u64, path: &str, what: &str) {
        self.members.push((number, path.to_owned(), self.parts.len()));
        self.doing(what);
    }

    fn part(&mut self, part: Part) -> ControlFlow<()> {
        if let Ok(document) = &part.result {
            sound(document);
        }
        self.parts.push(part);
        ControlFlow::Continue(())
    }
}

/// What every document must be, whatever it was made of.
pub(crate) fn sound(document: &Document) {
    assert!(!document.blocks.is_empty(), "a success without text");
    assert!(document.meta.contains_key("format"));
    let mut end = 0;
    for block in &document.blocks {
        assert!(end <= block.span.start && block.span.start < block.span.end, "{:?} after {end}", block.span);
        assert!(document.text.get(block.span.clone()).is_some(), "{:?} within characters", block.span);
        end = block.span.end;
    }
    assert!(document.pages.is_sorted_by(|a, b| a.start <= b.start && a.number <= b.number));
    let starts_block = |start: u64| document.blocks.iter().any(|block| block.span.start as u64 == start);
    assert!(document.pages.iter().all(|page| starts_block(page.start)), "{:?}", document.pages);
}

pub(crate) fn read_with(name: &str, bytes: &[u8], limits: &Limits) -> (Heard, Result<(), Fault>) {
    let mut heard = Heard::default();
    let result = parse(name, bytes, limits, &mut heard);
    (heard, result)
}

/// The documents of a file by their paths; panics if the file as a whole is at fault.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Vec<Part> {
    let (heard, result) = read_with(name, bytes, &Limits::default());
    result.unwrap();
    heard.parts
}

/// The text of a file that is one document.
pub(crate) fn text(name: &str, bytes: &[u8]) -> String {
    let mut parts = read(name, bytes);
    assert_eq!(parts.len(), 1);
    parts.remove(0).result.unwrap().text
}

/// Why a file is not read.
pub(crate) fn fault(name: &str, bytes: &[u8]) -> FaultKind {
    let (_, result) = read_with(name, bytes, &Limits::default());
    result.expect_err(name).kind()
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// The real files, by name.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".txt") && !name.ends_with(".md") {
            out.push((name, std::fs::read(path).unwrap()));
        }
    }
    out.sort();
    out
}

/// All that is told of a file, for people to read.
pub(crate) fn account(name: &str, bytes: &[u8]) -> String {
    let (heard, result) = read_with(name, bytes, &Limits::default());
    let mut out = String::new();
    for part in &heard.parts {
        writeln!(out, "part `{}` ({})", part.path, part.format).unwrap();
        match &part.result {
            Ok(document) => write_document(&mut out, document),
            Err(fault) => writeln!(out, "{}: {fault}", fault.kind().name()).unwrap(),
        }
    }
    if let Err(fault) = result {
        writeln!(out, "{}: {fault}", fault.kind().name()).unwrap();
    }
    out
}

fn write_document(out: &mut String, document: &Document) {
    writeln!(out, "title {:?}", document.title).unwrap();
    for (name, value) in &document.meta {
        writeln!(out, "{name} {value}").unwrap();
    }
    let mut pages = document.pages.iter().peekable();
    for block in &document.blocks {
        while let Some(page) = pages.next_if(|page| page.start <= block.span.start as u64) {
            writeln!(out, "page {} {:?}", page.number, page.name).unwrap();
        }
        writeln!(out, "{:?}: {}", block.kind, &document.text[block.span.clone()]).unwrap();
    }
}

//! How fast documents become text and text becomes chunks, on one core.
//!
//! `cargo run --release -p tidegate-text --example text_speed -- TASK LIST…`, where LIST is a file with a path on each line:
//!
//! - `html LIST`: pages become text.
//! - `extract LIST FOLDER`: writes the text of each document as a file of its own; nothing is timed. Documents without
//!   text, and the few whose text alone would be taken for another format, are left out.
//! - `chunk LIST`: texts become chunks of at most 256 tokens without overlap. Finding paragraphs is part of the work
//!   unless the line says otherwise, because whoever is compared has to find them too.
//!
//! Each line of JSON is one contestant: what it is like, bytes read, documents, what was made, and the median of the CPU
//! seconds of this process over the rounds. There is one thread.

use std::io::{self, Write as _};
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tidegate_core::{Document, Embedder as _};
use tidegate_model::Builtin;
use tidegate_text::{ChunkOptions, ParseOptions, chunk, chunk_estimated, parse};

const ROUNDS: usize = 5;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["html", list] => html(&read(list)?),
        ["extract", list, folder] => extract(&read(list)?, Path::new(folder)),
        ["chunk", list] => chunks(&read(list)?),
        _ => Err(io::Error::other("usage: speed html LIST | extract LIST FOLDER | chunk LIST")),
    }
}

/// The files that a list names, with their content.
fn read(list: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let paths = std::fs::read_to_string(list)?;
    paths.lines().map(|path| Ok((path.to_owned(), std::fs::read(path)?))).collect()
}

fn html(pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    let size: usize = pages.iter().map(|(_, bytes)| bytes.len()).sum();
    for (name, keep_boilerplate) in [("all text", true), ("main content", false)] {
        let options = ParseOptions { keep_boilerplate, ..ParseOptions::default() };
        let text =
            |(name, bytes): &(String, Vec<u8>)| parse(name, bytes, &options).map_or(0, |d| d.text.len());
        let line = json!({"name": format!("tidegate {name}"), "like": "html", "bytes": size});
        report(line, pages, text)?;
    }
    Ok(())
}

fn extract(files: &[(String, Vec<u8>)], folder: &Path) -> io::Result<()> {
    let options = ParseOptions::default();
    for (number, (name, bytes)) in files.iter().enumerate() {
        let Ok(document) = parse(name, bytes, &options) else { continue };
        let file = format!("{number:06}.txt");
        let again = parse(&file, document.text.as_bytes(), &options);
        if again.is_ok_and(|again| again.text == document.text) {
            std::fs::write(folder.join(file), document.text)?;
        }
    }
    Ok(())
}

fn chunks(texts: &[(String, Vec<u8>)]) -> io::Result<()> {
    let options = ChunkOptions { overlap_tokens: 0, ..ChunkOptions::default() };
    let reading = ParseOptions::default();
    let read = |(name, bytes): &(String, Vec<u8>)| parse(name, bytes, &reading).ok();
    let bytes: usize = texts.iter().map(|(_, bytes)| bytes.len()).sum();
    let estimated = |document: &Document| chunk_estimated(document, &options).count();
    let exact = |document: &Document| chunk(document, Builtin.tokenizer(), &options).count();
    let line =
        |name: &str, like: &str| json!({"name": format!("tidegate {name}"), "like": like, "bytes": bytes});
    report(line("estimated tokens", "estimated"), texts, |text| read(text).map_or(0, |doc| estimated(&doc)))?;
    report(line("exact tokens", "exact"), texts, |text| read(text).map_or(0, |doc| exact(&doc)))?;
    let documents: Vec<Document> = texts.iter().filter_map(read).collect();
    report(line("estimated, paragraphs known", "estimated alone"), &documents, estimated)?;
    report(line("exact, paragraphs known", "exact alone"), &documents, exact)
}

/// Times `work` over all of `inputs` and prints the line with what it found.
fn report<T>(mut line: serde_json::Value, inputs: &[T], work: impl Fn(&T) -> usize) -> io::Result<()> {
    let mut seconds = [0.0; ROUNDS];
    let mut made = 0;
    for round in &mut seconds {
        let start = cpu_seconds();
        made = inputs.iter().map(&work).sum();
        *round = cpu_seconds() - start;
    }
    seconds.sort_by(f64::total_cmp);
    line["cpu_seconds"] = json!(seconds[ROUNDS / 2]);
    line["documents"] = json!(inputs.len());
    line["made"] = json!(made);
    writeln!(io::stdout(), "{line}")
}

/// CPU time of this process: a machine busy with something else does not make us look slow.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

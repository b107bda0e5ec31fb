//! How fast documents become text and text becomes chunks, on one core.
//!
//! `cargo run --release -p tidegate-text --example speed -- FILE…` reads the files into memory, then times each step
//! over all of them and writes one JSON object a line: the step, files, bytes, CPU seconds of the best of five rounds,
//! and MB of input per CPU second. Files that a step does not apply to are left out of it.

use std::io::{self, Write as _};

use rustix::time::{ClockId, clock_gettime};
use tidegate_core::{Document, Tokenizer};
use tidegate_text::{ChunkOptions, Format, ParseOptions, chunk, chunk_estimated, parse, sniff};

const ROUNDS: usize = 5;

/// Stands in for an embedder's tokenizer: every run of letters and digits and every other character is a token.
struct Words;

impl Tokenizer for Words {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        let mut in_word = false;
        for (at, byte) in text.bytes().enumerate() {
            let word = byte.is_ascii_alphanumeric() || byte >= 0x80;
            if (word && !in_word) || (!word && !byte.is_ascii_whitespace()) {
                starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            in_word = word;
        }
    }
}

fn main() -> io::Result<()> {
    let files: Vec<(String, Vec<u8>)> = std::env::args()
        .skip(1)
        .filter_map(|path| std::fs::read(&path).ok().map(|bytes| (path, bytes)))
        .collect();
    for (step, format) in [
        ("html", Format::Html),
        ("markdown", Format::Markdown),
        ("text", Format::Text),
        ("csv", Format::Csv),
        ("json", Format::Json),
    ] {
        let of_format: Vec<_> = files.iter().filter(|(name, bytes)| sniff(name, bytes) == format).collect();
        report(
            step,
            &of_format,
            |(_, bytes)| bytes.len(),
            |(name, bytes)| parse(name, bytes, &ParseOptions::default()).map_or(0, |doc| doc.blocks.len()),
        )?;
    }
    let documents: Vec<Document> =
        files.iter().filter_map(|(name, bytes)| parse(name, bytes, &ParseOptions::default()).ok()).collect();
    let documents: Vec<&Document> = documents.iter().collect();
    let options = ChunkOptions::default();
    let size = |doc: &&Document| doc.text.len();
    report("chunk_structure", &documents, size, |doc| chunk_estimated(doc, &options).len())?;
    report("tokenize", &documents, size, |doc| Words.count(&doc.text))?;
    report("chunk_exact", &documents, size, |doc| chunk(doc, &Words, &options).len())
}

/// Times `work` over all of `inputs`; prints nothing for none.
fn report<T>(
    step: &str,
    inputs: &[T],
    size: impl Fn(&T) -> usize,
    work: impl Fn(&T) -> usize,
) -> io::Result<()> {
    let bytes: usize = inputs.iter().map(size).sum();
    if bytes == 0 {
        return Ok(());
    }
    let mut best = f64::INFINITY;
    let mut made = 0;
    for _ in 0..ROUNDS {
        let start = cpu_seconds();
        made = inputs.iter().map(&work).sum();
        best = best.min(cpu_seconds() - start);
    }
    let rate = bytes as f64 / best / 1e6;
    let line = serde_json::json!({
        "step": step, "files": inputs.len(), "bytes": bytes, "made": made, "seconds": best, "mb_per_s": rate,
    });
    writeln!(io::stdout(), "{line}")
}

/// CPU time of this thread: a machine busy with something else does not make us look slow.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

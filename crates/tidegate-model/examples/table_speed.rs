//! Measures the tokenizer and the built-in embedder on text files.
//!
//! `cargo run --release -p tidegate-model --example table_speed -- FILE…` prints one JSON line per measurement: what was
//! measured, on how many threads, millions of tokens and of bytes per second. Files are cut at blank lines into
//! texts of about a kilobyte, as a chunker would.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use tidegate_core::{Embedder, Task, Tokenizer};
use tidegate_model::{Builtin, WordPiece};

/// Texts are this long or a little longer, in bytes.
const TEXT_BYTES: usize = 1_000;
/// Each measurement repeats until it has taken this long, in seconds; the fastest pass counts.
const SECONDS: f64 = 1.5;

fn main() -> std::io::Result<()> {
    let mut texts = Vec::new();
    for path in std::env::args_os().skip(1) {
        cut(&String::from_utf8_lossy(&std::fs::read(path)?), &mut texts);
    }
    let begun = Instant::now();
    let wordpiece = WordPiece::builtin();
    let start_us = begun.elapsed().as_secs_f64() * 1e6;
    let encoded: Vec<Vec<u32>> = texts.iter().map(|text| ids(&wordpiece, text)).collect();
    let size = Size {
        tokens: encoded.iter().map(|ids| ids.len() as f64).sum(),
        bytes: texts.iter().map(|text| text.len() as f64).sum(),
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        r#"{{"texts":{},"bytes":{},"tokens":{},"start_us":{start_us:.0}}}"#,
        texts.len(),
        size.bytes,
        size.tokens
    )?;
    let cores = std::thread::available_parallelism()?.get();
    let mut threads = vec![1, cores];
    threads.dedup();
    for threads in threads {
        let mut line = |what, seconds: f64| size.print(&mut out, what, threads, seconds);
        line("text to ids", best(threads, &texts, |texts| each(texts, |text| ids(&wordpiece, text).len())))?;
        line(
            "text to offsets",
            best(threads, &texts, |texts| each(texts, |text| offsets(&wordpiece, text))),
        )?;
        line(
            "ids to vectors",
            best(threads, &encoded, |encoded| each(encoded, |ids| Builtin::vector(ids).len())),
        )?;
        line("text to vectors", best(threads, &texts, embed))?;
    }
    Ok(())
}

/// How much text a pass goes through.
struct Size {
    tokens: f64,
    bytes: f64,
}

impl Size {
    fn print(&self, out: &mut impl Write, what: &str, threads: usize, seconds: f64) -> std::io::Result<()> {
        let (mtokens, mbytes) = (self.tokens / seconds / 1e6, self.bytes / seconds / 1e6);
        writeln!(
            out,
            r#"{{"what":"{what}","threads":{threads},"mtokens_per_s":{mtokens:.1},"mb_per_s":{mbytes:.1}}}"#
        )
    }
}

fn cut(content: &str, texts: &mut Vec<String>) {
    let mut text = String::new();
    for paragraph in content.split("\n\n") {
        text.push_str(paragraph);
        text.push_str("\n\n");
        if text.len() >= TEXT_BYTES {
            texts.push(std::mem::take(&mut text));
        }
    }
    if !text.is_empty() {
        texts.push(text);
    }
}

fn ids(wordpiece: &WordPiece, text: &str) -> Vec<u32> {
    let mut ids = Vec::with_capacity(text.len() / 3);
    wordpiece.encode(text, &mut ids);
    ids
}

fn offsets(wordpiece: &WordPiece, text: &str) -> usize {
    let mut starts = Vec::with_capacity(text.len() / 3);
    wordpiece.token_starts(text, &mut starts);
    starts.len()
}

fn embed(texts: &[String]) {
    for group in texts.chunks(64) {
        let group: Vec<&str> = group.iter().map(String::as_str).collect();
        let _ = black_box(Builtin.embed(&group, Task::Document));
    }
}

fn each<T>(items: &[T], mut work: impl FnMut(&T) -> usize) {
    for item in items {
        black_box(work(item));
    }
}

/// Seconds of the fastest pass over `items`, split evenly over `threads`.
fn best<T: Sync>(threads: usize, items: &[T], work: impl Fn(&[T]) + Sync) -> f64 {
    let (begun, mut best) = (Instant::now(), f64::INFINITY);
    while begun.elapsed().as_secs_f64() < SECONDS {
        let pass = Instant::now();
        std::thread::scope(|scope| {
            for part in items.chunks(items.len().div_ceil(threads).max(1)) {
                let work = &work;
                scope.spawn(move || work(part));
            }
        });
        best = best.min(pass.elapsed().as_secs_f64());
    }
    best
}

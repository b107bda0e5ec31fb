//! Reads files and says what each cost: the worker of `cargo xtask bench formats`.
//!
//! `read LIST FOLDER` reads the files named on the lines of LIST, writes the text of the n-th to `FOLDER/n.txt`, and
//! prints one line of JSON for each, and one at
//! the end with the most memory it had. `read FILE` prints the text and the blocks of one file.

#![allow(clippy::print_stdout)]

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tidegate_formats::{Limits, Listener, Part, parse, recognise};

#[derive(Default)]
struct Gather {
    parts: Vec<Part>,
    doing: String,
}

impl Listener for Gather {
    fn doing(&mut self, what: &str) {
        what.clone_into(&mut self.doing);
    }

    fn part(&mut self, part: Part) -> ControlFlow<()> {
        self.parts.push(part);
        ControlFlow::Continue(())
    }
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [file] => show(file),
        [list, folder] => measure(&std::fs::read_to_string(list)?, Path::new(folder)),
        _ => Err(std::io::Error::other("usage: read FILE | read LIST FOLDER")),
    }
}

fn show(file: &str) -> std::io::Result<()> {
    let bytes = std::fs::read(file)?;
    let mut gather = Gather::default();
    let result = parse(file, &bytes, &Limits::default(), &mut gather);
    let mut out = std::io::stdout().lock();
    for part in &gather.parts {
        writeln!(out, "=== {} {}", part.path, part.format)?;
        match &part.result {
            Ok(document) => {
                writeln!(out, "{:?} {}", document.title, serde_json::Value::Object(document.meta.clone()))?;
                let mut pages = document.pages.iter().peekable();
                for block in &document.blocks {
                    while let Some(page) = pages.next_if(|page| page.start <= block.span.start as u64) {
                        writeln!(out, "--- {} {:?}", page.number, page.name)?;
                    }
                    writeln!(out, "[{:?}] {}", block.kind, &document.text[block.span.clone()])?;
                }
            }
            Err(fault) => writeln!(out, "{fault:?}")?,
        }
    }
    if let Err(fault) = result {
        writeln!(out, "{fault:?} {:?} (while {})", fault.hint_text(), gather.doing)?;
    }
    Ok(())
}

fn measure(list: &str, folder: &Path) -> std::io::Result<()> {
    for (index, file) in list.lines().enumerate() {
        let bytes = std::fs::read(file)?;
        let mut gather = Gather::default();
        let before = cpu_seconds();
        let result = parse(file, &bytes, &Limits::default(), &mut gather);
        let seconds = cpu_seconds() - before;
        let mut text = String::new();
        let (mut pages, mut failed) = (0, 0);
        for part in &gather.parts {
            match &part.result {
                Ok(document) => {
                    text.push_str(&document.text);
                    text.push('\n');
                    pages += document.pages.len();
                }
                Err(_) => failed += 1,
            }
        }
        std::fs::write(folder.join(format!("{index}.txt")), text)?;
        let line = json!({
            "file": file, "format": recognise(file, &bytes).map_or("text", |kind| kind.name()), "bytes": bytes.len(),
            "pages": pages, "parts": gather.parts.len(), "failed_parts": failed, "cpu_s": seconds,
            "fault": result.err().map(|fault| fault.to_string()),
        });
        writeln!(std::io::stdout(), "{line}")?;
    }
    writeln!(std::io::stdout(), "{}", json!({"peak": peak_bytes()}))
}

/// The most memory this process ever had; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().map_or(0, |kib| kib * 1024)
}

fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

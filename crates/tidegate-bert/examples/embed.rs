//! Embeds texts and says what it cost: the contestant of `cargo xtask bench minilm`.
//!
//! usage: embed FOLDER TEXTS OUT [int8|f32] [THREADS]
//!
//! TEXTS holds one JSON string on each line. OUT becomes their vectors, 32-bit little-endian floats one after another.
//! Prints one line of JSON.

#![allow(clippy::print_stdout, reason = "an example's output is what it is for")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, fs, thread};

use tidegate_bert::{Bert, BertOptions, Precision};
use tidegate_core::{Embedder, Fault, Task};

/// Texts that a thread takes at once.
const SHARE: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [folder, texts, out, more @ ..] = words.as_slice() else {
        return Err("usage: embed FOLDER TEXTS OUT [int8|f32] [THREADS]".into());
    };
    let f32 = more.first().is_some_and(|word| word == "f32");
    let precision = if f32 { Precision::F32 } else { Precision::Int8 };
    let threads = more.get(1).map_or(Ok(1), |word| word.parse())?;
    let texts = fs::read_to_string(texts)?;
    let texts: Vec<String> = texts.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let start = Instant::now();
    let bert = Bert::open(Path::new(folder), &BertOptions { precision, ..BertOptions::default() })?;
    let load = start.elapsed().as_secs_f64();
    let tokens: usize = texts.iter().map(|text| bert.tokens(text)).sum();
    let (before, start) = (cpu_seconds()?, Instant::now());
    let vectors = embed(&bert, &texts, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - before;
    let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(out, bytes)?;
    let line = serde_json::json!({
        "name": format!("tidegate {}", precision.name()), "threads": threads, "texts": texts.len(), "tokens": tokens,
        "seconds": seconds, "cpu_seconds": cpu, "load_seconds": load, "peak_bytes": peak()?,
        "dimensions": bert.dimensions(), "identity": bert.identity(),
    });
    println!("{line}");
    Ok(())
}

/// Each thread takes the next few texts that nobody has taken.
fn embed(bert: &Bert, texts: &[String], threads: usize) -> Result<Vec<Vec<f32>>, Fault> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let from = next.fetch_add(SHARE, Ordering::Relaxed);
            let Some(rest) = texts.get(from..).filter(|rest| !rest.is_empty()) else { return Ok(made) };
            let share: Vec<&str> = rest.iter().take(SHARE).map(String::as_str).collect();
            made.push((from, bert.embed(&share, Task::Document)?));
        }
    };
    let parts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no worker panics"))
            .collect::<Result<Vec<_>, Fault>>()
    })?;
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|(from, _)| *from);
    Ok(parts.into_iter().flat_map(|(_, vectors)| vectors).collect())
}

/// CPU time of this process, in seconds.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / 100.0)
}

/// The most memory this process ever had, in bytes.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}

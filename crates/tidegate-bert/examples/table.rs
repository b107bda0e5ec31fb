//! Fits the table that is compiled into tidegate: the recipe is in `tools/table`.
//!
//! usage: table MODEL TEXTS OUT
//!
//! MODEL is the folder of the teacher. TEXTS holds a JSON object with a `text` on each line. OUT is the folder that gets
//! `static-256.i8` and `static-256.scale.f16`, and `teacher.f32`, which is read instead of asking the teacher again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example's output is what it is for")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use tidegate_bert::{Bert, BertOptions};
use tidegate_core::{Embedder, Fault, Task};
use tidegate_model::fit::{Lessons, Plan, Progress, Projection, Rows, fit};
use tidegate_model::wordpiece::WordPiece;

/// Numbers of a row.
const WIDTH: usize = 256;
/// Texts that a thread takes at once.
const SHARE: usize = 64;
/// Tokens of a text at most; more of them teach less about each.
const MOST: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [model, texts, out] = words.as_slice() else {
        return Err("usage: table MODEL TEXTS OUT".into());
    };
    let texts = read(Path::new(texts))?;
    let out = Path::new(out);
    fs::create_dir_all(out)?;
    let bert = Bert::open(Path::new(model), &BertOptions::default())?;
    println!("teacher {}, {} texts", bert.identity(), texts.len());
    let targets = taught(&bert, &texts, &out.join("teacher.f32"))?;
    let tokens: Vec<f32> = bert.token_vectors()?.into_iter().flatten().collect();
    let rows = fitted(&texts, &targets, &tokens, bert.dimensions());
    let packed = rows.pack();
    fs::write(out.join("static-256.i8"), &packed.rows)?;
    fs::write(out.join("static-256.scale.f16"), packed.scales.as_flattened())?;
    println!("{} rows of {WIDTH} in {}", rows.len(), out.display());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
    }
    let lines = fs::read_to_string(path)?;
    lines.lines().map(|line| Ok(serde_json::from_str::<Line>(line)?.text)).collect()
}

/// Where a share of the texts begins, and its vectors.
type Share = (usize, Vec<Vec<f32>>);

/// The teacher's vectors of all texts, one after another.
fn taught(bert: &Bert, texts: &[String], kept: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let wanted = texts.len() * bert.dimensions() * 4;
    if let Ok(bytes) = fs::read(kept)
        && bytes.len() == wanted
    {
        return Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
    }
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<Share>, Fault> {
        let mut made = Vec::new();
        loop {
            let from = next.fetch_add(SHARE, Ordering::Relaxed);
            let Some(rest) = texts.get(from..).filter(|rest| !rest.is_empty()) else { return Ok(made) };
            let share: Vec<&str> = rest.iter().take(SHARE).map(String::as_str).collect();
            made.push((from, bert.embed(&share, Task::Document)?));
            if from.is_multiple_of(SHARE * 100) {
                eprintln!("{from} of {} texts", texts.len());
            }
        }
    };
    let cores = thread::available_parallelism()?.get();
    let mut made = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<_, Box<dyn Error>>(all)
    })?;
    made.sort_unstable_by_key(|(from, _)| *from);
    let vectors: Vec<f32> = made.into_iter().flat_map(|(_, vectors)| vectors).flatten().collect();
    let bytes: Vec<u8> = vectors.iter().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(kept, bytes)?;
    Ok(vectors)
}

/// The table, from the teacher's vectors of the texts and of single tokens.
fn fitted(texts: &[String], targets: &[f32], tokens: &[f32], width: usize) -> Rows {
    let tokenizer = WordPiece::builtin();
    let mut lessons = Lessons::new(width);
    let mut ids = Vec::new();
    for (text, target) in texts.iter().zip(targets.chunks_exact(width)) {
        ids.clear();
        tokenizer.encode(text, &mut ids);
        if ids.len() > 2 && ids.len() <= MOST {
            lessons.push(&ids, target);
        }
    }
    let projection = Projection::principal(&lessons, WIDTH);
    let mut rows = Rows::begin(tokens, &lessons, &projection);
    println!("{} lessons", lessons.len());
    let mut told = 0;
    fit(&mut rows, &lessons, &projection, &Plan::NEW, &mut |progress: Progress| {
        if progress.step * 20 / progress.steps > told {
            told = progress.step * 20 / progress.steps;
            eprintln!("step {} of {}: cosine {:.4}", progress.step, progress.steps, progress.cosine);
        }
        ControlFlow::Continue(())
    });
    rows
}

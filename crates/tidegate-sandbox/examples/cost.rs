//! What a child costs over parsing in this process: the worker of `cargo xtask bench sandbox`.
//!
//! `cost LIST ROUNDS inside|children WIDTH` parses the files named on the lines of LIST so many times, on WIDTH threads
//! of this process or in WIDTH children, and prints a line of JSON. Files are read from disk before; starting the
//! children counts.

#![expect(clippy::print_stdout, reason = "what it prints is its purpose")]

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use serde_json::json;
use tidegate_core::Fault;
use tidegate_sandbox::{Job, Limits, Listener, Options, Part, Pool, Program, Request, Resume, serve};

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["parser-child"] => serve(parse).map_err(io::Error::other),
        [list, rounds, way @ ("inside" | "children"), width] => {
            let number = |word: &str| word.parse::<usize>().map_err(io::Error::other);
            measure(list, number(rounds)?, *way == "inside", number(width)?)
        }
        _ => Err(io::Error::other("usage: cost LIST ROUNDS inside|children WIDTH")),
    }
}

/// Parses as a child of tidegate does.
fn parse(request: &Request<'_>, listener: &mut dyn Listener) -> Result<(), Fault> {
    struct Told<'a>(&'a mut dyn Listener);
    impl tidegate_formats::Listener for Told<'_> {
        fn doing(&mut self, what: &str) {
            self.0.doing(what);
        }
        fn part(&mut self, part: tidegate_formats::Part) -> ControlFlow<()> {
            self.0.part(Part { path: part.path, format: part.format.to_owned(), result: part.result })
        }
    }
    let limits = tidegate_formats::Limits::default();
    tidegate_formats::parse(request.name, request.bytes, &limits, &mut Told(listener))
}

/// What was found, to see that both ways find the same.
#[derive(Default)]
struct Found {
    documents: AtomicU64,
    text: AtomicU64,
}

impl Found {
    fn count(&self, part: &Part) {
        if let Ok(document) = &part.result {
            self.documents.fetch_add(1, Ordering::Relaxed);
            self.text.fetch_add(document.text.len() as u64, Ordering::Relaxed);
        }
    }
}

impl Listener for &Found {
    fn doing(&mut self, _what: &str) {}

    fn member(&mut self, _number: u64, _path: &str, _what: &str) {}

    fn part(&mut self, part: Part) -> ControlFlow<()> {
        self.count(&part);
        ControlFlow::Continue(())
    }
}

fn measure(list: &str, rounds: usize, inside: bool, width: usize) -> io::Result<()> {
    let mut files: Vec<(String, Bytes)> = Vec::new();
    for name in std::fs::read_to_string(list)?.lines() {
        files.push((name.to_owned(), std::fs::read(name)?.into()));
    }
    let pool = if inside { None } else { Some(pool(width)?) };
    let (found, next, most) = (Found::default(), AtomicUsize::new(0), files.len() * rounds);
    let (wall, before) = (Instant::now(), ticks()?);
    // Two documents more than there are children, so that none of them waits for this process.
    let threads = if inside { width } else { width + 2 };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < most) {
                    let (name, bytes) = &files[at % files.len()];
                    one(pool.as_ref(), name, bytes, &found);
                }
            });
        }
    });
    // The time of children is known once they are gone.
    drop(pool);
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let line = json!({
        "files": most, "bytes": bytes * rounds, "documents": found.documents.into_inner(), "text": found.text.into_inner(),
        "wall_seconds": wall.elapsed().as_secs_f64(), "cpu_seconds": (ticks()? - before) as f64 / 100.0,
    });
    println!("{line}");
    Ok(())
}

fn pool(width: usize) -> io::Result<Pool> {
    let program = Program::this(["parser-child"]).map_err(io::Error::other)?;
    Ok(Pool::new(program, Options { children: width, ..Options::default() }))
}

fn one(pool: Option<&Pool>, name: &str, bytes: &Bytes, found: &Found) {
    let Some(pool) = pool else {
        let _ = parse(&Request { name, settings: "", bytes, from: &Resume::default() }, &mut &*found);
        return;
    };
    let job = Job {
        name: name.to_owned(),
        format: "any".to_owned(),
        settings: String::new(),
        bytes: bytes.clone(),
        limits: Limits::default(),
    };
    let mut reply = pool.submit(job);
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O starts");
    runtime.block_on(async {
        while let Some(answer) = reply.next().await {
            answer.iter().for_each(|part| found.count(part));
        }
    });
}

/// Hundredths of a second on the processor, of this process and of its children that ended.
fn ticks() -> io::Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    Ok(fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum())
}

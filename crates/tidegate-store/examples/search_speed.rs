//! Builds a store of synthetic clustered vectors with texts and measures search over it.
//!
//! `cargo run --release -p tidegate-store --example search_speed -- 200000 speed.db` builds (unless the file is
//! there) and prints p50 and p99 of each mode, recall@10 of the vector leg against an exact scan, the time of a
//! first search in a fresh process with the file in the page cache, and the size of the file.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_core::{
    Body, Book, Budget, Commit, ContentHash, Embedded, Fault, ItemOutcome, Ledger as _, Outcome, Place,
    Record, SourceItem, Tether, TraceId, Unit, UnitId, Version,
};
use tidegate_store::{Filter, Mode, OpenMode, PipelineRun, Query, Searcher, Store};

const DIMS: usize = 256;
const CENTRES: u64 = 2_000;
const CHUNKS: u64 = 10;
const WORDS: f64 = 60_000.0;

struct Deaf;

impl Book for Deaf {
    fn released(&self, _: UnitId) {}
    fn failed(&self, _: UnitId, _: &str, _: &Fault) {}
    fn joined(&self, _: &[UnitId]) {}
    fn pended(&self, _: UnitId) {}
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: the sum of four uniform values.
    fn normal(&mut self) -> f32 {
        ((0..4).map(|_| self.unit()).sum::<f64>() - 2.0) as f32 * 1.732
    }
}

/// A point near one of the centres.
fn vector(seed: u64) -> Vec<f32> {
    let mut random = Random(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let mut centre = Random(1_000_000_007 + random.next() % CENTRES);
    let mut vector: Vec<f32> = (0..DIMS).map(|_| centre.normal() + 0.8 * random.normal()).collect();
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= norm);
    vector
}

/// Words whose frequencies fall as those of a language do.
fn text(seed: u64, words: usize) -> String {
    let mut random = Random(seed ^ 0xabcd);
    let word = |random: &mut Random| format!("w{}", WORDS.powf(random.unit()) as u64);
    (0..words).map(|_| word(&mut random)).collect::<Vec<_>>().join(" ")
}

fn unit(doc: u64, book: &Arc<Deaf>, budget: &Budget) -> Unit {
    let key: Arc<str> = format!("/corpus/{}/{doc}.md", doc % 100).into();
    let records = (0..CHUNKS).map(|at| {
        let id = doc * CHUNKS + at;
        let parts = (budget.force(0), Tether::open(doc, book.clone()));
        let mut record = Record::new(key.clone(), doc, Body::Text(text(id, 90).into()), parts);
        record.place = Some(Place { ordinal: at as u32, heading: Arc::default(), span: 0..1, page: None });
        Arc::make_mut(&mut record.fields).insert("group".into(), (doc % 100).into());
        let key = ContentHash::of(&id.to_le_bytes());
        record.set_embedded(Embedded { vector: vector(id).into(), key });
        record
    });
    let item = Arc::new(SourceItem::new(key.clone(), Version("v".into()), 1));
    let content = Some(ContentHash::of(key.as_bytes()));
    let outcome = ItemOutcome {
        item,
        ordinal: doc,
        content,
        outcome: Outcome::Stored,
        failure: None,
        asides: Vec::new(),
        trace: TraceId(doc),
    };
    Unit { items: vec![outcome], records: records.collect(), staged: 0 }
}

async fn build(path: &str, count: u64) -> Result<(), Fault> {
    let started = Instant::now();
    let store = Store::open(path, OpenMode::Write)?;
    let ledger = store.ledger(PipelineRun::new("speed", "f", "build")).await?;
    let (book, budget) = (Arc::new(Deaf), Budget::new(1 << 40));
    for start in (0..count / CHUNKS).step_by(256) {
        let docs = start..(start + 256).min(count / CHUNKS);
        let units = docs.map(|doc| unit(doc, &book, &budget)).collect();
        ledger.commit(&Commit { units, ..Commit::default() }).await?;
    }
    ledger.close().await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("built {count} chunks in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
    Ok(())
}

/// Time this thread was on a processor, where the system says: what a query costs when others keep the machine busy.
fn on_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn times(name: &str, searcher: &Searcher, queries: impl Iterator<Item = Query>) -> Result<(), Fault> {
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for query in queries {
        let (started, before) = (Instant::now(), on_cpu());
        searcher.search(&query)?;
        walls.push(started.elapsed());
        cpus.push(on_cpu().saturating_sub(before));
    }
    let mut row = format!("{name:<24}");
    for (what, mut times) in [("wall", walls), ("cpu", cpus)] {
        times.sort_unstable();
        let ms = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e3;
        row +=
            &format!("  {what} p50 {:>6.2} p99 {:>6.2} ms", ms(times.len() / 2), ms(times.len() * 99 / 100));
    }
    println!("{row}");
    Ok(())
}

/// The ten nearest of all vectors, for each query.
fn exact(queries: &[Vec<f32>], count: u64) -> Vec<Vec<u64>> {
    let mut best = vec![Vec::<(f32, u64)>::new(); queries.len()];
    for id in 0..count {
        let candidate = vector(id);
        for (query, best) in queries.iter().zip(&mut best) {
            let score: f32 = query.iter().zip(&candidate).map(|(a, b)| a * b).sum();
            if best.len() < 10 || score > best[9].0 {
                best.push((score, id));
                best.sort_by(|a, b| b.0.total_cmp(&a.0));
                best.truncate(10);
            }
        }
    }
    best.into_iter().map(|best| best.into_iter().map(|(_, id)| id).collect()).collect()
}

fn recall(searcher: &Searcher, count: u64) -> Result<(), Fault> {
    let queries: Vec<Vec<f32>> = (0..50).map(|at| vector(1 << 40 | at)).collect();
    let truth = exact(&queries, count);
    for rescore in [100, 200, 300] {
        let mut found = 0;
        for (query, truth) in queries.iter().zip(&truth) {
            let query = Query { vector: Some(query.clone()), rescore, ..Query::new("", Mode::Vector) };
            let texts: Vec<String> = searcher.search(&query)?.into_iter().map(|hit| hit.text).collect();
            found += truth.iter().filter(|id| texts.contains(&text(**id, 90))).count();
        }
        println!("recall@10, {rescore} rescored: {:.4}", found as f64 / 500.0);
    }
    Ok(())
}

fn measure(path: &str, count: u64) -> Result<(), Fault> {
    let started = Instant::now();
    let searcher = Searcher::new(Store::open(path, OpenMode::Read)?);
    let query = |at: u64, mode: Mode, words: usize| Query {
        vector: Some(vector(1 << 41 | at)),
        ..Query::new(text(1 << 41 | at, words), mode)
    };
    searcher.search(&query(0, Mode::Hybrid, 3))?;
    let wall = started.elapsed().as_secs_f64() * 1e3;
    println!("open, read codes, first search: wall {wall:.1}, cpu {:.1} ms", on_cpu().as_secs_f64() * 1e3);
    let many = 200u64;
    times("vector", &searcher, (0..many).map(|at| query(at, Mode::Vector, 0)))?;
    times("bm25, 3 words", &searcher, (0..many).map(|at| query(at, Mode::Text, 3)))?;
    times("bm25, 8 words", &searcher, (0..many).map(|at| query(at, Mode::Text, 8)))?;
    let common = |at: u64| Query::new(format!("w1 w2 w3 w{}", 9_000 + at), Mode::Text);
    times("bm25, 3 common, 1 rare", &searcher, (0..20).map(common))?;
    times("hybrid, 3 words", &searcher, (0..many).map(|at| query(at, Mode::Hybrid, 3)))?;
    let filtered =
        |at: u64, filter: &str| Query { filter: Filter::parse(filter).ok(), ..query(at, Mode::Hybrid, 3) };
    times("hybrid, 1 % by field", &searcher, (0..20).map(|at| filtered(at, "group = 7")))?;
    times("hybrid, 1 % by path", &searcher, (0..20).map(|at| filtered(at, "path:7/**")))?;
    recall(&searcher, count)?;
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    println!("file: {:.0} MB, {} bytes a chunk", bytes as f64 / 1e6, bytes / count.max(1));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(200_000);
    let path = arguments.next().unwrap_or_else(|| "speed.db".to_owned());
    if !std::path::Path::new(&path).exists() {
        build(&path, count).await?;
    }
    measure(&path, count)
}

//! Feeds one target with damaged files: the worker of `cargo xtask fuzz`.
//!
//! `mutate TARGET FOLDER SEED FROM SECONDS INPUTS [SEEDS…]` begins with the input FROM and ends after SECONDS or INPUTS,
//! whichever is first; what goes wrong is kept in FOLDER. A hang or a crash ends it: FOLDER/at then holds the number of
//! the input. `mutate TARGET FOLDER SEED FROM 0 save [SEEDS…]` only writes that input. `mutate TARGET FILE` tries a file.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;
use tidegate_fuzz::seed::{self, Seed};
use tidegate_fuzz::target::{Target, find, run};
use tidegate_fuzz::watch::{Watch, cpu_seconds};

/// Address space that parsing may take; what needs more is killed in its child, and is a find here.
const MEMORY: u64 = 1 << 30;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder, rest @ ..] = words.as_slice() else { return Err(usage()) };
    let target = find(target).ok_or_else(|| io::Error::other(format!("there is no target {target}")))?;
    setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) })?;
    if rest.is_empty() {
        let before = cpu_seconds();
        let good = run(target.name, &std::fs::read(folder)?);
        println!("{} after {:.3} s", if good { "read" } else { "refused" }, cpu_seconds() - before);
        return Ok(());
    }
    let [seed, from, seconds, inputs, seeds @ ..] = rest else { return Err(usage()) };
    let more: Vec<PathBuf> = seeds.iter().map(PathBuf::from).collect();
    let number = |word: &String| word.parse::<u64>().map_err(io::Error::other);
    let round = Round {
        target,
        folder: Path::new(folder),
        seeds: seed::all(target, &more)?,
        seed: number(seed)?,
        from: number(from)?,
        seconds: number(seconds)?,
    };
    if inputs == "save" {
        return round.save(round.from, "");
    }
    round.run(number(inputs)?)
}

fn usage() -> io::Error {
    io::Error::other(
        "usage: mutate TARGET FOLDER SEED FROM SECONDS INPUTS|save [SEEDS…] | mutate TARGET FILE",
    )
}

struct Round<'a> {
    target: &'a Target,
    folder: &'a Path,
    seeds: Vec<Seed>,
    seed: u64,
    from: u64,
    seconds: u64,
}

impl Round<'_> {
    fn input(&self, index: u64) -> Vec<u8> {
        seed::input(self.target, &self.seeds, self.seed, index)
    }

    /// Writes an input to where it can be looked at.
    fn save(&self, index: u64, why: &str) -> io::Result<()> {
        let name = format!("{}-{}{why}.{}", self.seed, index, self.target.extensions[0]);
        std::fs::write(self.folder.join(name), self.input(index))
    }

    fn run(&self, most: u64) -> io::Result<()> {
        let place = panics();
        let watch = Watch::new(&self.folder.join("at"))?;
        let begin = cpu_seconds();
        let mut seen: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let (mut inputs, mut read, mut bytes, mut inside, mut slowest) = (0, 0, 0, 0.0, (0.0, 0));
        while inputs < most && cpu_seconds() - begin < self.seconds as f64 {
            let index = self.from + inputs;
            let input = self.input(index);
            watch.begin(index)?;
            let before = cpu_seconds();
            let result = catch_unwind(AssertUnwindSafe(|| run(self.target.name, &input)));
            let took = cpu_seconds() - before;
            inputs += 1;
            bytes += input.len() as u64;
            inside += took;
            if took > slowest.0 {
                slowest = (took, index);
            }
            match result {
                Ok(good) => read += u64::from(good),
                Err(_) => {
                    let at = place.lock().map(|mut place| std::mem::take(&mut *place)).unwrap_or_default();
                    let many = seen.entry(at).or_insert((0, index));
                    many.0 += 1;
                    if many.0 == 1 {
                        self.save(index, "-panic")?;
                    }
                }
            }
        }
        if slowest.0 > 0.5 {
            self.save(slowest.1, "-slow")?;
        }
        let panics: Vec<_> = seen
            .iter()
            .map(|(at, (count, first))| json!({"at": at, "count": count, "first": first}))
            .collect();
        let line = json!({
            "inputs": inputs, "read": read, "bytes": bytes, "cpu_seconds": inside, "seeds": self.seeds.len(),
            "slowest_seconds": slowest.0, "slowest": slowest.1, "panics": panics,
        });
        println!("{line}");
        Ok(())
    }
}

/// Panics are noted instead of printed: thousands of the same would be.
fn panics() -> Arc<Mutex<String>> {
    let place = Arc::new(Mutex::new(String::new()));
    let noted = Arc::clone(&place);
    std::panic::set_hook(Box::new(move |panic| {
        let at = panic.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
        let payload = panic.payload();
        let words = payload.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
        if let Ok(mut noted) = noted.lock() {
            *noted = format!("{at}: {}", words.chars().take(120).collect::<String>());
        }
    }));
    place
}

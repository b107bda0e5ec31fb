//! Simulates seeds of the engine, and with `--of calls` (and the feature `calls`) of the call layer under it:
//! `cargo run --release -p tidegate-testkit --features calls,mutants --example sim -- --of calls --seeds 2000`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's results go to the terminal")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tidegate_testkit::sim::{self, Mutant};

const USAGE: &str = "usage: sim [--of engine|calls] [--seeds N] [--seed FIRST] [--threads N] [--mutant NAME] \
                     [--mutants] [--verbose]";

/// A simulated world.
struct World {
    kinds: &'static [&'static str],
    mutants: &'static [Mutant],
    plant: fn(Option<&'static str>) -> bool,
    /// Simulates one seed.
    run: fn(u64) -> Found,
}

/// What came of a seed.
struct Found {
    /// How often each kind of fault was injected, in the order of the kinds.
    counts: Vec<u64>,
    virtual_ms: u64,
    requests: u64,
    violations: Vec<String>,
    /// What was drawn, for `--verbose`.
    plan: String,
}

const ENGINE: World = World {
    kinds: sim::KINDS,
    mutants: sim::MUTANTS,
    plant: sim::plant,
    run: |seed| {
        let finding = sim::run_seed(seed);
        Found {
            counts: sim::KINDS.iter().map(|kind| finding.tally.get(kind)).collect(),
            virtual_ms: finding.virtual_ms,
            requests: 0,
            plan: if finding.violations.is_empty() { String::new() } else { format!("{:#?}", finding.plan) },
            violations: finding.violations,
        }
    },
};

#[cfg(feature = "calls")]
const CALLS: World = World {
    kinds: tidegate_testkit::calls::KINDS,
    mutants: tidegate_testkit::calls::MUTANTS,
    plant: tidegate_testkit::calls::plant,
    run: |seed| {
        let finding = tidegate_testkit::calls::run_seed(seed);
        Found {
            counts: tidegate_testkit::calls::KINDS.iter().map(|kind| finding.tally.get(kind)).collect(),
            virtual_ms: finding.virtual_ms,
            requests: finding.requests,
            plan: if finding.violations.is_empty() {
                String::new()
            } else {
                format!("{:?}\n{}", finding.plan, finding.trace.join("\n"))
            },
            violations: finding.violations,
        }
    },
};

fn world(name: &str) -> Result<&'static World, String> {
    match name {
        "engine" => Ok(&ENGINE),
        #[cfg(feature = "calls")]
        "calls" => Ok(&CALLS),
        _ => Err(format!("no world is called {name}, or its feature is off")),
    }
}

struct Args {
    world: &'static World,
    seeds: u64,
    first: u64,
    threads: usize,
    mutant: Option<&'static Mutant>,
    mutants: bool,
    verbose: bool,
}

fn parse() -> Result<Args, String> {
    let mut args = Args {
        seeds: 2_000,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        world: &ENGINE,
        first: 0,
        mutant: None,
        mutants: false,
        verbose: false,
    };
    let mut mutant = None;
    let mut words = std::env::args().skip(1);
    let mut given = false;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match &*word {
            "--seeds" => (args.seeds, given) = (number(value()?)?, true),
            "--seed" => args.first = number(value()?)?,
            "--threads" => args.threads = number(value()?)?.max(1) as usize,
            "--of" => args.world = world(&value()?)?,
            "--mutant" => mutant = Some(value()?),
            "--mutants" => args.mutants = true,
            "--verbose" => args.verbose = true,
            _ => return Err(format!("unknown argument {word}")),
        }
    }
    if let Some(name) = mutant {
        let known = args.world.mutants.iter().find(|mutant| mutant.name == name);
        args.mutant = Some(known.ok_or_else(|| format!("no mutant is called {name}"))?);
    }
    if args.first > 0 && !given {
        args.seeds = 1; // a seed to reproduce
    }
    Ok(args)
}

fn main() -> ExitCode {
    let args = match parse() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if (args.mutants || args.mutant.is_some()) && !(args.world.plant)(Some("none")) {
        eprintln!("mutants are not compiled in; add --features mutants");
        return ExitCode::from(2);
    }
    let good = if args.mutants { hunt(args.world) } else { simulate(&args) };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What came of many seeds.
#[derive(Default)]
struct Sum {
    counts: Vec<u64>,
    virtual_ms: u64,
    requests: u64,
    bad: Vec<(u64, Found)>,
}

impl Sum {
    fn add(&mut self, counts: &[u64], (virtual_ms, requests): (u64, u64)) {
        self.counts.resize(counts.len(), 0);
        self.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        self.virtual_ms += virtual_ms;
        self.requests += requests;
    }
}

/// Runs seeds on all threads and prints what came of it.
fn simulate(args: &Args) -> bool {
    let began = Instant::now();
    let next = AtomicU64::new(args.first);
    let mut sum = Sum { counts: vec![0; args.world.kinds.len()], ..Sum::default() };
    std::thread::scope(|scope| {
        let work = || work(args, &next);
        let threads: Vec<_> = (0..args.threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let Ok(part) = thread.join() else {
                eprintln!("a simulation thread panicked");
                std::process::abort();
            };
            sum.add(&part.counts, (part.virtual_ms, part.requests));
            sum.bad.extend(part.bad);
        }
    });
    sum.bad.sort_by_key(|(seed, _)| *seed);
    report(args, &sum, began.elapsed().as_secs_f64());
    for (seed, found) in sum.bad.iter().take(10) {
        println!("seed {seed}: {:#?}", &found.violations[..found.violations.len().min(4)]);
        if args.verbose {
            println!("{}", found.plan);
        }
    }
    let counted = args.world.kinds.iter().zip(&sum.counts);
    let missing: Vec<_> = counted.filter(|(_, count)| **count == 0).map(|(kind, _)| kind).collect();
    let toothless = args.seeds >= 500 && !missing.is_empty();
    if toothless {
        println!("never injected: {missing:?}");
    }
    println!("{} violations", sum.bad.len());
    sum.bad.is_empty() && !toothless
}

fn report(args: &Args, sum: &Sum, seconds: f64) {
    println!(
        "{} seeds from {} in {seconds:.1} s ({:.0} a second), {:.1} virtual hours, {} requests",
        args.seeds,
        args.first,
        args.seeds as f64 / seconds,
        sum.virtual_ms as f64 / 3.6e6,
        sum.requests
    );
    for (kind, count) in args.world.kinds.iter().zip(&sum.counts) {
        println!("  {count:>9}  {kind}");
    }
}

fn work(args: &Args, next: &AtomicU64) -> Sum {
    (args.world.plant)(args.mutant.map(|mutant| mutant.name));
    let mut sum = Sum { counts: vec![0; args.world.kinds.len()], ..Sum::default() };
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= args.first + args.seeds {
            return sum;
        }
        if args.verbose {
            eprintln!("seed {seed}");
        }
        let found = (args.world.run)(seed);
        sum.add(&found.counts, (found.virtual_ms, found.requests));
        if !found.violations.is_empty() {
            sum.bad.push((seed, found));
        }
    }
}

/// Plants each bug and counts the seeds until it is found.
fn hunt(world: &World) -> bool {
    let mut all = true;
    for mutant in world.mutants {
        (world.plant)(Some(mutant.name));
        let caught = (0..mutant.allowance).find_map(|seed| {
            (world.run)(seed).violations.into_iter().next().map(|violation| (seed + 1, violation))
        });
        all &= caught.is_some();
        match caught {
            Some((seeds, violation)) => println!("{:>6} seeds  {}: {violation}", seeds, mutant.name),
            None => println!("SURVIVED {} seeds: {}", mutant.allowance, mutant.name),
        }
    }
    (world.plant)(None);
    all
}

//! Simulates seeds: `cargo run --release -p tidegate-testkit --features mutants --example sim -- --seeds 2000`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's results go to the terminal")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tidegate_testkit::sim::{Finding, KINDS, MUTANTS, Mutant, Tally, plant, run_seed};

const USAGE: &str =
    "usage: sim [--seeds N] [--seed FIRST] [--threads N] [--mutant NAME] [--mutants] [--verbose]";

#[derive(Default)]
struct Args {
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
        ..Args::default()
    };
    let mut words = std::env::args().skip(1);
    let mut given = false;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is not a number"));
        match &*word {
            "--seeds" => (args.seeds, given) = (number(value()?)?, true),
            "--seed" => args.first = number(value()?)?,
            "--threads" => args.threads = number(value()?)?.max(1) as usize,
            "--mutant" => {
                let name = value()?;
                let known = MUTANTS.iter().find(|mutant| mutant.name == name);
                args.mutant = Some(known.ok_or_else(|| format!("no mutant is called {name}"))?);
            }
            "--mutants" => args.mutants = true,
            "--verbose" => args.verbose = true,
            _ => return Err(format!("unknown argument {word}")),
        }
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
    if (args.mutants || args.mutant.is_some()) && !plant(Some("none")) {
        eprintln!("mutants are not compiled in; add --features mutants");
        return ExitCode::from(2);
    }
    let good = if args.mutants { hunt() } else { simulate(&args) };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs seeds on all threads and prints what came of it.
fn simulate(args: &Args) -> bool {
    let began = Instant::now();
    let next = AtomicU64::new(args.first);
    let (mut tally, mut virtual_ms, mut bad) = (Tally::default(), 0u64, Vec::new());
    std::thread::scope(|scope| {
        let work = || work(args, &next);
        let threads: Vec<_> = (0..args.threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            let Ok((counts, ms, found)) = thread.join() else {
                eprintln!("a simulation thread panicked");
                std::process::abort();
            };
            tally.merge(&counts);
            virtual_ms += ms;
            bad.extend(found);
        }
    });
    bad.sort_by_key(|(seed, _)| *seed);
    report(args, (&tally, virtual_ms, began.elapsed().as_secs_f64()));
    for (seed, finding) in bad.iter().take(10) {
        println!("seed {seed}: {:#?}", &finding.violations[..finding.violations.len().min(4)]);
        if args.verbose {
            println!("{:#?}", finding.plan);
        }
    }
    let missing: Vec<_> = KINDS.iter().filter(|kind| tally.get(kind) == 0).collect();
    let toothless = args.seeds >= 500 && !missing.is_empty();
    if toothless {
        println!("never injected: {missing:?}");
    }
    println!("{} violations", bad.len());
    bad.is_empty() && !toothless
}

fn report(args: &Args, (tally, virtual_ms, seconds): (&Tally, u64, f64)) {
    println!(
        "{} seeds from {} in {seconds:.1} s ({:.0} a second), {:.1} virtual hours",
        args.seeds,
        args.first,
        args.seeds as f64 / seconds,
        virtual_ms as f64 / 3.6e6
    );
    for kind in KINDS {
        println!("  {:>9}  {kind}", tally.get(kind));
    }
}

fn work(args: &Args, next: &AtomicU64) -> (Tally, u64, Vec<(u64, Finding)>) {
    plant(args.mutant.map(|mutant| mutant.name));
    let (mut tally, mut ms, mut bad) = (Tally::default(), 0, Vec::new());
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= args.first + args.seeds {
            return (tally, ms, bad);
        }
        if args.verbose {
            eprintln!("seed {seed}");
        }
        let finding = run_seed(seed);
        tally.merge(&finding.tally);
        ms += finding.virtual_ms;
        if !finding.violations.is_empty() {
            bad.push((seed, finding));
        }
    }
}

/// Plants each bug and counts the seeds until it is found.
fn hunt() -> bool {
    let mut all = true;
    for mutant in MUTANTS {
        plant(Some(mutant.name));
        let caught = (0..mutant.allowance).find_map(|seed| {
            run_seed(seed).violations.into_iter().next().map(|violation| (seed + 1, violation))
        });
        all &= caught.is_some();
        match caught {
            Some((seeds, violation)) => println!("{:>6} seeds  {}: {violation}", seeds, mutant.name),
            None => println!("SURVIVED {} seeds: {}", mutant.allowance, mutant.name),
        }
    }
    plant(None);
    all
}

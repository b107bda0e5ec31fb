//! Proofs: that a crash loses nothing, and that no order of faults does.

use std::path::Path;

use crate::Done;
use crate::args::{Args, Spec};
use crate::tool::{Build, Tool};

mod acts;
pub(crate) mod checker;
pub(crate) mod crash;
mod mutants;
mod outputs;
mod rows;
mod scene;
pub(crate) mod sim;
mod strike;
mod world;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask prove crash [--kills N] [--seed S] [--bin PATH] [--keep] [--mutants]
       cargo xtask prove sim [--seeds N] [--seed S] [--mutants]

crash   kills `tidegate` at every named point and at random moments while documents change between
        the runs, lets it go on, and has checkers that share no code with the store judge the files.
        --mutants plants known bugs, demands that each is caught, and prints the list.
sim     runs the engine in virtual time with faults drawn from each seed.

    --kills N   random kills beside those at named points (default 60)
    --seeds N   simulated worlds (default 2000)
    --seed S    where random choices start (default 1); the same seed repeats the same choices
    --bin PATH  use this binary, built with `--features killpoints`
    --mutant M  plant this bug only
    --keep      leave the folder of a failed round where it is
",
    values: &["kills", "seeds", "seed", "bin", "mutant"],
    flags: &["mutants", "keep"],
};

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let seed = args.number("seed", 1)?;
    let note = match args.words.first().map(String::as_str) {
        Some("crash") => {
            let tool = match args.text("bin") {
                Some(path) => Tool::at(Path::new(path))?,
                None => Tool::build(Build::Killpoints)?,
            };
            let plan = crash::Plan { kills: args.number("kills", 60)?, seed, keep: args.has("keep") };
            if args.has("mutants") || args.text("mutant").is_some() {
                mutants::crash(&tool, &plan, args.text("mutant"))?
            } else {
                crash::prove(&tool, &plan)?
            }
        }
        Some("sim") if args.has("mutants") => sim::mutants()?,
        Some("sim") => sim::worlds(args.number("seeds", 2_000)?, seed)?,
        _ => return Err(format!("prove what?\n\n{}", SPEC.help)),
    };
    println!("{note}");
    Ok(())
}

//! Everything that must pass before a change is merged, in one command.

use crate::args::{Args, Spec};
use crate::shell::{cargo, run as shell_run};
use crate::steps::Steps;
use crate::tool::{Build, Tool};
use crate::{Done, need, prove, readme, tidy};

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask test [--fast] [CRATE…]

Finds or installs what the tests need, then runs: the rules of the house, every crate's tests and the
examples in the documentation, the README's main job on the shipped documents, 60 kills, 20 kills
during calls to a provider, 20 of map jobs, one at every point where a table or a compressed output is
written, plans beside the runs that they are of, hostile files of every kind among good ones, 2,000
simulated worlds. Ends with a summary. Property tests draw the same cases each time, so that what fails is
the change; `cargo xtask prove properties` draws others.

    --fast    rules that need no build, and the tests; no proofs
    CRATE…    the tests of these crates only
",
    values: &[],
    flags: &["fast"],
};

/// Kills and simulated worlds in the everyday proof.
const KILLS: u64 = 60;
const KILLS_OF_CALLS: u64 = 20;
const SEEDS: u64 = 2_000;
/// Where the property tests' choices start.
const SEED: u64 = 1;

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let mut steps = Steps::default();
    steps.step("what the tests need", need::everything);
    if !steps.passed() {
        return steps.finish("test");
    }
    if !args.words.is_empty() {
        steps.step("tests", || tests(&args.words, SEED));
        return steps.finish("test");
    }
    tidy::all(&mut steps, args.has("fast"));
    steps.step("tests and documentation examples", || tests(&[], SEED));
    if !args.has("fast") {
        steps.step("the README's main job", || readme::check(&Tool::build(Build::Debug)?));
        steps.step("crash proof, 60 kills", || prove::crash::short(KILLS));
        steps.step("proof about calls, 20 kills", || prove::calls::short(KILLS_OF_CALLS));
        steps.step("map jobs, 20 kills", || prove::map::short(KILLS_OF_CALLS));
        steps.step("tables and compressed outputs, kills at every point", prove::tables::short);
        steps.step("plans beside runs", prove::plan::short);
        steps.step("hostile files among 60 good ones", prove::hostile::short);
        steps.step("simulation, 2,000 seeds", || prove::sim::worlds(SEEDS, 1));
    }
    steps.finish("test")
}

/// The tests of these crates, of all if none is named, with property tests whose choices start at `seed`.
pub(crate) fn tests(crates: &[String], seed: u64) -> Result<String, String> {
    let mut command = cargo();
    command.args(["test", "--no-fail-fast"]).env("PROPTEST_RNG_SEED", seed.to_string());
    if crates.is_empty() {
        command.arg("--workspace");
    }
    for name in crates {
        command.args(["--package", name]);
    }
    shell_run(&mut command)?;
    Ok(String::new())
}

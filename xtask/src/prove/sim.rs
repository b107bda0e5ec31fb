//! The real engine in virtual time, one world per seed. The worlds are in the crate tidegate-testkit.

use crate::shell::{cargo, run};
use crate::tool::require;

/// Runs `seeds` worlds from `seed` on.
pub(crate) fn worlds(seeds: u64, seed: u64) -> Result<String, String> {
    simulate(&[], &["--seeds", &seeds.to_string(), "--seed", &seed.to_string()])?;
    Ok(format!("{seeds} worlds from seed {seed}: no violation"))
}

/// Demands that every planted bug is caught.
pub(crate) fn mutants() -> Result<String, String> {
    simulate(&["--features", "mutants"], &["--mutants"])?;
    Ok("every planted bug was caught".to_owned())
}

fn simulate(build: &[&str], words: &[&str]) -> Result<(), String> {
    require("tidegate-testkit")?;
    let mut command = cargo();
    // Thousands of worlds in a debug build would take longer than all other tests together.
    command.args(["run", "--quiet", "--release", "--package", "tidegate-testkit"]).args(build);
    run(command.args(["--example", "sim", "--"]).args(words))
}

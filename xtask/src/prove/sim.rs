//! The real engine in virtual time, one world per seed. The worlds are in the crate tidegate-testkit.

use crate::shell::{cargo, run};
use crate::tool::require;

/// Runs `seeds` worlds from `seed` on.
pub(crate) fn worlds(seeds: u64, seed: u64) -> Result<String, String> {
    simulate(seeds, seed, &[])?;
    Ok(format!("{seeds} worlds from seed {seed}: no violation"))
}

/// Demands that every planted bug is caught.
pub(crate) fn mutants(seeds: u64, seed: u64) -> Result<String, String> {
    simulate(seeds, seed, &["--mutants"])?;
    Ok("every planted bug was caught".to_owned())
}

fn simulate(seeds: u64, seed: u64, more: &[&str]) -> Result<(), String> {
    require("tidegate-testkit")?;
    let mut command = cargo();
    // Thousands of worlds in a debug build would take longer than all other tests together.
    command.args(["run", "--quiet", "--release", "--package", "tidegate-testkit", "--example", "sim", "--"]);
    command.args(["--seeds", &seeds.to_string(), "--seed", &seed.to_string()]);
    run(command.args(more))
}

//! The real engine in virtual time, one world per seed: alone, and with the real call layer under it. The worlds are
//! in the crate tidegate-testkit.

use crate::shell::{cargo, run};
use crate::tool::require;

/// The worlds, by the names that their program gives them.
const WORLDS: [&str; 2] = ["engine", "calls"];

/// Runs `seeds` worlds of each kind from `seed` on.
pub(crate) fn worlds(seeds: u64, seed: u64) -> Result<String, String> {
    simulate("calls", &["--seeds", &seeds.to_string(), "--seed", &seed.to_string()])?;
    Ok(format!("{seeds} worlds each of {} from seed {seed}: no violation", WORLDS.join(" and ")))
}

/// Demands that every planted bug is caught.
pub(crate) fn mutants() -> Result<String, String> {
    simulate("calls,mutants", &["--mutants"])?;
    Ok("every planted bug was caught".to_owned())
}

/// Runs all worlds, so that one that fails does not hide another.
fn simulate(features: &str, words: &[&str]) -> Result<(), String> {
    require("tidegate-testkit")?;
    let mut failed = Vec::new();
    for world in WORLDS {
        println!("-- {world}");
        let mut command = cargo();
        // Thousands of worlds in a debug build would take longer than all other tests together.
        command.args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "tidegate-testkit",
            "--features",
            features,
        ]);
        if let Err(error) = run(command.args(["--example", "sim", "--", "--of", world]).args(words)) {
            failed.push(format!("{world}: {error}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

//! Looks for inputs that reach new code: builds the targets with cargo-fuzz, and runs libFuzzer on them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Wish;
use crate::shell::{cargo, exists, output, root, run as shell_run, target};

/// What an input may take, on the wall: this machine may do other things meanwhile.
const TIMEOUT_SECONDS: u32 = 20;

/// What a target may take with all that libFuzzer keeps, in MiB.
const MEMORY_MIB: u32 = 2048;

/// What reading an input made of one that is this long reaches is reached by shorter ones. The same number stands in
/// `fuzz/src/guided.rs`.
const MOST_BYTES: u32 = 256 << 10;

/// Makes sure that cargo-fuzz is there.
pub(super) fn installed() -> Result<(), String> {
    if exists("cargo-fuzz", "--version") {
        return Ok(());
    }
    Err("cargo-fuzz is missing\nhint: cargo install cargo-fuzz".to_owned())
}

/// Builds a target. What libFuzzer needs of the compiler is there on stable Rust, but not promised to stay.
pub(super) fn build(name: &str) -> Result<PathBuf, String> {
    super::lock()?;
    let place = root().join("fuzz/target");
    let mut command = cargo();
    // Only our own code is checked for numbers that wrap (see the profile there), and it has no `unsafe` for a sanitizer
    // to look at.
    command.args(["fuzz", "build", "--release", "--sanitizer", "none", "--codegen-units", "16"]);
    command.arg("--target-dir").arg(&place).arg(name).env("RUSTC_BOOTSTRAP", "1");
    shell_run(command.env_remove("CARGO_TARGET_DIR"))?;
    Ok(place.join(host()?).join("release").join(name))
}

/// The machine that the compiler builds for: cargo-fuzz names it, so that its folder has this name.
fn host() -> Result<String, String> {
    let printed = output(Command::new("rustc").arg("-vV"))?;
    let line = printed.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| format!("rustc names no host:\n{printed}"))
}

/// Runs libFuzzer on a target until its time is over or it has found something.
pub(super) fn try_target(program: &Path, name: &str, wish: &Wish) -> Result<String, String> {
    let folder = target().join("fuzz").join(name);
    let (seeds, corpus) = (folder.join("seeds"), root().join("fuzz/corpus").join(name));
    for place in [&seeds, &corpus] {
        std::fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    let folders = std::env::join_paths(std::iter::once(&seeds).chain(&wish.from));
    let folders = folders.map_err(|error| format!("{}: {error}", seeds.display()))?;
    output(Command::new(program).env("TIDEGATE_FUZZ_SEEDS", folders))?;
    let output = Command::new(program)
        .args([&corpus, &seeds])
        .args(wish.words(&folder))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let log = folder.join("libfuzzer.log");
    std::fs::write(&log, said.as_bytes()).map_err(|error| format!("{}: {error}", log.display()))?;
    let note = note(&said);
    if output.status.success() {
        return note.ok_or_else(|| format!("libFuzzer said nothing of what it did: see {}", log.display()));
    }
    let (note, found) = (note.unwrap_or_default(), found(&said));
    Err(format!("{note}\n{found} ({})\nhint: see {}", output.status, log.display()))
}

impl Wish {
    fn words(&self, folder: &Path) -> Vec<String> {
        let mut words = vec![
            format!("-max_total_time={}", self.seconds),
            format!("-seed={}", self.seed),
            format!("-timeout={TIMEOUT_SECONDS}"),
            format!("-rss_limit_mb={MEMORY_MIB}"),
            format!("-max_len={MOST_BYTES}"),
            format!("-artifact_prefix={}/", folder.display()),
            // A file that is packed does not begin short.
            "-len_control=0".to_owned(),
            "-print_final_stats=1".to_owned(),
        ];
        if self.inputs < u64::MAX {
            words.push(format!("-runs={}", self.inputs));
        }
        words
    }
}

/// What libFuzzer did, from what it printed; `None` if it did not get as far as the first input.
fn note(said: &str) -> Option<String> {
    let cover = |line: &str| Some(line.split_once("cov: ")?.1.split_whitespace().next()?.to_owned());
    let covered: Vec<String> = said.lines().filter_map(cover).collect();
    let begun = said.lines().find(|line| line.contains("INITED")).and_then(cover);
    let stat = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        line.map_or("?", |rest| rest.trim_start_matches(':').trim())
    };
    Some(format!(
        "{} inputs, {} a second; {} branches reached, {} of them by what it began with; {} inputs kept; \
         the slowest took {} s, at most {} MiB",
        stat("number_of_executed_units"),
        stat("average_exec_per_sec"),
        covered.last()?,
        begun.as_deref().unwrap_or("?"),
        stat("new_units_added"),
        stat("slowest_unit_time_sec"),
        stat("peak_rss_mb"),
    ))
}

/// What went wrong, and where the input is, from what libFuzzer printed.
fn found(said: &str) -> String {
    let telling = |line: &str| {
        line.contains("panicked at")
            || line.contains("ERROR: libFuzzer")
            || line.contains("Test unit written")
    };
    // What a panic says stands below where it was.
    let before = std::iter::once("").chain(said.lines());
    let lines: Vec<&str> = before
        .zip(said.lines())
        .filter(|(before, line)| telling(line) || before.contains("panicked at"))
        .map(|(_, line)| line)
        .collect();
    if lines.is_empty() { said.lines().last().unwrap_or_default().to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "\
#2\tINITED cov: 120 ft: 121 corp: 1/1b exec/s: 0 rss: 30Mb
#900\tNEW    cov: 130 ft: 133 corp: 4/90b lim: 4 exec/s: 0 rss: 40Mb L: 40/40 MS: 1 CopyPart-
#1000\tDONE   cov: 131 ft: 134 corp: 4/90b lim: 4 exec/s: 500 rss: 41Mb
stat::number_of_executed_units: 1000
stat::average_exec_per_sec:     500
stat::new_units_added:          3
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              41
";

    #[test]
    fn what_libfuzzer_did_is_read_from_what_it_printed() {
        assert_eq!(
            note(WELL).unwrap(),
            "1000 inputs, 500 a second; 131 branches reached, 120 of them by what it began with; 3 inputs kept; \
             the slowest took 0 s, at most 41 MiB"
        );
        assert_eq!(note("cannot execute binary file"), None);
    }

    #[test]
    fn what_it_found_is_told() {
        let said = "thread '<unnamed>' panicked at crates/a.rs:7:\nindex out of bounds\n== ERROR: libFuzzer: deadly signal\n\
                    artifact_prefix='x/'; Test unit written to x/crash-1\n";
        let told = found(said);
        assert!(told.contains("crates/a.rs:7:\nindex out of bounds\n"), "{told}");
        assert!(told.contains("deadly signal") && told.contains("x/crash-1"), "{told}");
        assert_eq!(found("no such file\n"), "no such file");
    }

    #[test]
    fn inputs_are_as_long_as_the_targets_allow() {
        let listed = crate::shell::read("fuzz/src/guided.rs").unwrap();
        assert!(
            listed.contains("pub const MOST: usize = 256 << 10;"),
            "it says another length than {MOST_BYTES}"
        );
    }
}

//! Feeds every parser with damaged files, in a process of its own that may hang or crash.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::Done;
use crate::args::{Args, Spec};
use crate::shell::{cargo, root, run as shell_run, target};
use crate::steps::Steps;

mod libfuzzer;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask fuzz [TARGET…] [--libfuzzer] [--seconds N] [--seed S] [--inputs N] [--from DIR]

Damages the shipped files and reads what comes of it: the members of Office files and archives and the
streams of PDF files are damaged where they are unpacked. The same seed gives the same inputs. An input
that panics, crashes, takes more than 5 CPU seconds or 1 GiB is kept in target/fuzz/TARGET and fails the
task; the slowest one is kept as well. Without a name all targets are tried:

    pdf docx pptx xlsx odf epub mail rtf zip tar html markdown csv json text frames lines table parquet

    --seconds N   CPU seconds for each target (default 20)
    --seed S      another seed, other inputs (default 1)
    --inputs N    at most so many inputs for each target
    --from DIR    begin with the files below DIR as well
    --libfuzzer   look for inputs that reach new code instead, with libFuzzer, which damages what is
                  packed in the same way. Needs `cargo install cargo-fuzz`. What it learns is kept in
                  fuzz/corpus, and the next run goes on from there; the first input that panics, crashes,
                  takes more than 20 s or 2 GiB ends a target and is kept in target/fuzz/TARGET. The
                  seconds are those of the wall then.
",
    values: &["seconds", "seed", "inputs", "from"],
    flags: &["libfuzzer"],
};

const TARGETS: &[&str] = &[
    "pdf", "docx", "pptx", "xlsx", "odf", "epub", "mail", "rtf", "zip", "tar", "html", "markdown", "csv",
    "json", "text", "frames", "lines", "table", "parquet",
];

/// After so many crashes there is enough to mend.
const CRASHES: usize = 5;

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    let mut names: Vec<&str> = args.words.iter().map(String::as_str).collect();
    if let Some(unknown) = names.iter().find(|name| !TARGETS.contains(name)) {
        return Err(format!("there is no target `{unknown}`\n\n{}", SPEC.help));
    }
    if names.is_empty() {
        names = TARGETS.to_vec();
    }
    let wish = Wish {
        seconds: args.number("seconds", 20)?,
        seed: args.number("seed", 1)?,
        inputs: args.number("inputs", u64::MAX)?,
        from: args.text("from").map(PathBuf::from),
    };
    let mut steps = Steps::default();
    if args.has("libfuzzer") {
        libfuzzer::installed()?;
        for name in names {
            steps.step(name, || libfuzzer::try_target(&libfuzzer::build(name)?, name, &wish));
        }
        return steps.finish("fuzz");
    }
    let worker = build()?;
    for name in names {
        steps.step(name, || try_target(&worker, name, &wish));
    }
    steps.finish("fuzz")
}

/// How long, and with what.
struct Wish {
    seconds: u64,
    seed: u64,
    inputs: u64,
    from: Option<PathBuf>,
}

/// What is fuzzed is a workspace of its own, which uses the dependencies of this one.
fn lock() -> Done {
    let own = root().join("fuzz/Cargo.lock");
    let newer = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if newer(&root().join("Cargo.lock")) > newer(&own) {
        std::fs::copy(root().join("Cargo.lock"), &own)
            .map_err(|error| format!("{}: {error}", own.display()))?;
    }
    Ok(())
}

/// Builds what is fuzzed and what feeds it.
fn build() -> Result<PathBuf, String> {
    lock()?;
    let place = target().join("fuzz-build");
    let words =
        ["build", "--quiet", "--release", "--no-default-features", "--example", "mutate", "--manifest-path"];
    shell_run(cargo().args(words).arg(root().join("fuzz/Cargo.toml")).env("CARGO_TARGET_DIR", &place))?;
    Ok(place.join("release/examples/mutate"))
}

/// Feeds one target until its time is over, past the inputs that end the worker.
fn try_target(worker: &Path, name: &str, wish: &Wish) -> Result<String, String> {
    try_in(&target().join("fuzz").join(name), worker, name, wish)
}

fn try_in(folder: &Path, worker: &Path, name: &str, wish: &Wish) -> Result<String, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut tally = Tally::default();
    let mut next = 0;
    let start = Instant::now();
    while tally.crashes.len() < CRASHES {
        let (seconds, inputs) = (wish.seconds.saturating_sub(tally.seconds_lost), wish.inputs - next);
        let feed = Feed { worker, name, folder, wish, from: next };
        match feed.run(seconds, &inputs.to_string())? {
            Ended::Whole(line) => {
                tally.count(&line);
                break;
            }
            Ended::Died(how) => {
                let at = feed.last()?;
                feed.again(at)?;
                tally.crashes.push(format!("input {at}: {how}"));
                tally.inputs += at - next;
                tally.seconds_lost = start.elapsed().as_secs();
                next = at + 1;
            }
        }
    }
    tally.verdict(folder)
}

/// One start of the worker.
struct Feed<'a> {
    worker: &'a Path,
    name: &'a str,
    folder: &'a Path,
    wish: &'a Wish,
    from: u64,
}

enum Ended {
    Whole(Value),
    Died(String),
}

impl Feed<'_> {
    fn run(&self, seconds: u64, inputs: &str) -> Result<Ended, String> {
        let output = self
            .command(self.from, seconds, inputs)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| format!("cannot start {}: {error}", self.worker.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        match output.status.code() {
            Some(0) => {
                let printed = String::from_utf8_lossy(&output.stdout);
                let line = serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}"))?;
                Ok(Ended::Whole(line))
            }
            Some(_) => Err(said.into_owned()),
            None => Ok(Ended::Died(format!("{} {last}", output.status))),
        }
    }

    fn command(&self, from: u64, seconds: u64, inputs: &str) -> Command {
        let mut command = Command::new(self.worker);
        command.arg(self.name).arg(self.folder).arg(self.wish.seed.to_string());
        command.args([from.to_string(), seconds.to_string(), inputs.to_owned()]).args(&self.wish.from);
        command
    }

    /// The input that was being tried.
    fn last(&self) -> Result<u64, String> {
        let text = std::fs::read_to_string(self.folder.join("at")).unwrap_or_default();
        text.trim().parse().map_err(|_| "it died before the first input".to_owned())
    }

    /// Writes that input to where it can be looked at.
    fn again(&self, at: u64) -> Result<(), String> {
        shell_run(&mut self.command(at, 0, "save"))
    }
}

#[derive(Default)]
struct Tally {
    inputs: u64,
    crashes: Vec<String>,
    panics: Vec<String>,
    seconds_lost: u64,
    line: Value,
}

impl Tally {
    fn count(&mut self, line: &Value) {
        self.inputs += line["inputs"].as_u64().unwrap_or(0);
        for panic in line["panics"].as_array().into_iter().flatten() {
            let (at, count) = (panic["at"].as_str().unwrap_or_default(), &panic["count"]);
            self.panics.push(format!("input {}: {at} ({count} times)", panic["first"]));
        }
        self.line = line.clone();
    }

    fn verdict(&self, folder: &Path) -> Result<String, String> {
        let number = |field: &str| self.line[field].as_f64().unwrap_or(0.0);
        let note = format!(
            "{} inputs of {} files, {:.0} in a CPU second ({:.1} MB), {:.0} % read; the slowest took {:.2} s",
            self.inputs,
            number("seeds"),
            number("inputs") / number("cpu_seconds"),
            number("bytes") / 1e6 / number("cpu_seconds"),
            100.0 * number("read") / number("inputs"),
            number("slowest_seconds"),
        );
        if self.crashes.is_empty() && self.panics.is_empty() {
            return Ok(note);
        }
        let found: String = self.crashes.iter().chain(&self.panics).map(|one| format!("\n  {one}")).collect();
        Err(format!("{note}{found}\nhint: the inputs are in {}", folder.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_its_doors_and_a_name_here() {
        let manifest = crate::shell::read("fuzz/Cargo.toml").unwrap();
        let listed = crate::shell::read("fuzz/src/target.rs").unwrap();
        for name in TARGETS {
            assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name} is not for cargo-fuzz");
            assert!(root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists(), "{name}");
            assert!(listed.contains(&format!("target(\"{name}\"")), "{name}");
            assert!(SPEC.help.contains(name), "{name} is not in the help");
        }
        assert_eq!(listed.matches("    target(\"").count(), TARGETS.len());
    }

    #[test]
    fn what_went_wrong_fails_the_target() {
        let mut tally = Tally::default();
        tally.count(&serde_json::json!({"inputs": 10, "read": 5, "cpu_seconds": 1.0, "panics": []}));
        assert!(tally.verdict(Path::new("x")).is_ok());
        tally.count(&serde_json::json!({"inputs": 1, "panics": [{"at": "a.rs:1", "count": 2, "first": 7}]}));
        assert!(tally.verdict(Path::new("x")).is_err_and(|words| words.contains("input 7: a.rs:1")));
    }
    #[test]
    fn a_crash_is_told_kept_and_passed() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        // FOLDER SEED FROM SECONDS INPUTS: dies of its input 7, and is well from then on.
        let words = "[ \"$5\" = save ] && exec touch \"$1/kept-$3\"\n\
                     [ \"$3\" = 8 ] && exec echo '{\"inputs\": 5, \"read\": 5, \"cpu_seconds\": 1.0}'\n\
                     echo 00007 > \"$1/at\"; echo stack overflow >&2; kill -ABRT $$\n";
        std::fs::write(&script, words).unwrap();
        let script = script.to_str().unwrap();
        let wish = Wish { seconds: 1, seed: 1, inputs: u64::MAX, from: None };
        let told = try_in(folder.path(), Path::new("/bin/sh"), script, &wish).unwrap_err();
        assert!(told.contains("12 inputs") && told.contains("input 7: signal: 6"), "{told}");
        assert!(told.contains("stack overflow") && folder.path().join("kept-7").exists(), "{told}");
    }
}

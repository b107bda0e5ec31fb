//! Builds the `tidegate` binary and runs it as a user would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::shell::{cargo, root, run, target};

/// How to build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As tests do.
    Debug,
    /// As users do.
    Release,
    /// With points at which it can be killed, in a folder of its own.
    Killpoints,
}

/// The binary under test.
#[derive(Debug, Clone)]
pub(crate) struct Tool {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Settings it runs with.
    settings: Vec<(String, String)>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Tool {
    /// Builds it.
    pub(crate) fn build(how: Build) -> Result<Self, String> {
        require("tidegate-cli")?;
        let mut command = cargo();
        command.args(["build", "--quiet", "--package", "tidegate-cli", "--bin", "tidegate"]);
        let folder = match how {
            Build::Debug => target().join("debug"),
            Build::Release => {
                command.arg("--release");
                target().join("release")
            }
            Build::Killpoints => {
                command.args(["--features", "killpoints"]);
                target().join("debug")
            }
        };
        run(&mut command)?;
        let built = folder.join("tidegate");
        if how == Build::Killpoints { Self::at(&apart(&built)?) } else { Self::at(&built) }
    }

    /// Uses one that is there.
    pub(crate) fn at(path: &Path) -> Result<Self, String> {
        let path =
            path.canonicalize().map_err(|error| format!("there is no binary {}: {error}", path.display()))?;
        Ok(Self { path, settings: Vec::new() })
    }

    /// A command on it, in `cwd`, without settings of this shell.
    pub(crate) fn command(&self, cwd: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(cwd).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TIDEGATE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The same binary with a setting in its environment.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut tool = self.clone();
        tool.settings.push((name.to_owned(), value.to_owned()));
        tool
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, cwd: &Path, words: &[&str]) -> Result<Ran, String> {
        finish(self.command(cwd).args(words))
    }

    /// Runs it to its end and reads the JSON it prints; an error if the exit code is not among `codes`.
    pub(crate) fn json(&self, cwd: &Path, words: &[&str], codes: &[i32]) -> Result<Value, String> {
        let ran = self.run(cwd, words)?;
        let shown = format!("tidegate {}", words.join(" "));
        if !ran.code.is_some_and(|code| codes.contains(&code)) {
            return Err(format!("`{shown}` ended with {:?}: {}", ran.code, tail(&ran.stderr)));
        }
        serde_json::from_str(&ran.stdout)
            .map_err(|error| format!("`{shown}` printed no JSON ({error}): {}", tail(&ran.stdout)))
    }
}

/// Copies the binary with kill points to a place of its own, so that the next ordinary build does not replace it.
fn apart(built: &Path) -> Result<PathBuf, String> {
    let place = target().join("killpoints/tidegate");
    let copy = || {
        std::fs::create_dir_all(target().join("killpoints"))?;
        std::fs::copy(built, &place)
    };
    copy().map_err(|error| format!("cannot copy {}: {error}", built.display()))?;
    Ok(place)
}

/// No command that is judged here takes longer; one that does hangs.
const LONGEST: Duration = Duration::from_secs(600);

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Result<Ran, String> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.map_err(|error| format!("cannot start {}: {error}", crate::shell::shown(command)))?;
    end(child)
}

/// Waits for the end of a process; one that hangs is killed.
pub(crate) fn end(child: Child) -> Result<Ran, String> {
    let id = pid(&child)?;
    let (sender, receiver) = sync_channel(1);
    let reader = std::thread::spawn(move || sender.send(child.wait_with_output()));
    let ended = receiver.recv_timeout(LONGEST);
    if ended.is_err() {
        let _ = kill_process(id, Signal::KILL);
    }
    let _ = reader.join();
    let output = ended.map_err(|_| format!("it hung for {} s and was killed", LONGEST.as_secs()))?;
    let output = output.map_err(|error| format!("waiting for it: {error}"))?;
    Ok(Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The id of a process.
pub(crate) fn pid(child: &Child) -> Result<Pid, String> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| "a process without an id".to_owned())
}

/// An error that says so if a crate is not part of this workspace yet.
pub(crate) fn require(name: &str) -> Result<(), String> {
    if root().join("crates").join(name).join("Cargo.toml").exists() {
        return Ok(());
    }
    Err(format!("this needs the crate {name}, which this workspace does not have"))
}

/// A whole number in a report, by path: `count(&report, "/records/stored")`.
pub(crate) fn count(report: &Value, pointer: &str) -> Result<u64, String> {
    report.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| format!("the report has no {pointer}"))
}

/// The last lines of an output, for an error message.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

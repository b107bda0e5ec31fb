//! Peers written in Python, in an environment of their own below `target`, at pinned versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::shell::{cargo, output, python, root, run, target};
use crate::tool::require;

/// The Python that has the peers; builds the environment the first time and when the pins change.
pub(super) fn environment() -> Result<PathBuf, String> {
    environment_of("bench-venv", "requirements.txt")
}

/// The Python of an environment with pins of its own.
fn environment_of(name: &str, pins: &str) -> Result<PathBuf, String> {
    let folder = target().join(name);
    let interpreter = folder.join("bin/python");
    let pins = root().join("bench/peers").join(pins);
    let wanted = std::fs::read_to_string(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    let stamp = folder.join("installed.txt");
    if interpreter.exists() && std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    run(python().args(["-m", "venv", "--clear"]).arg(&folder))
        .map_err(|error| format!("{error}\nhint: apt-get install python3-venv"))?;
    run(Command::new(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&pins))?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(interpreter)
}

/// The Python that has what filters rows.
pub(super) fn filters() -> Result<PathBuf, String> {
    environment_of("bench-venv-filter", "requirements-filter.txt")
}

/// The Python that has what reads and writes tables.
pub(super) fn tabular() -> Result<PathBuf, String> {
    environment_of("bench-venv-tables", "requirements-tables.txt")
}

/// Runs a peer's script; it prints one line of JSON per contestant.
pub(super) fn script(name: &str, words: &[&str]) -> Result<Vec<Value>, String> {
    run_script(&environment()?, name, words)
}

/// Runs the script that writes and reads tables; the line it prints.
pub(crate) fn tables(words: &[&str]) -> Result<Value, String> {
    let lines = run_script(&tabular()?, "tables.py", words)?;
    lines.into_iter().next().ok_or_else(|| "the script printed nothing".to_owned())
}

/// Runs the script that reads documents with other tools: those are many, and wanted by it alone.
pub(super) fn readers(words: &[&str]) -> Result<Vec<Value>, String> {
    run_script(&environment_of("bench-venv-formats", "requirements-formats.txt")?, "formats.py", words)
}

/// Runs the script that parses documents as other tools do. Its lines, and what it said last if it did not end well.
pub(super) fn parser(words: &[&str]) -> Result<(Vec<Value>, String), String> {
    let interpreter = environment_of("bench-venv-parsers", "requirements-parsers.txt")?;
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(root().join("bench/peers/parsers.py")).args(words);
    let ran = command.output().map_err(|error| format!("cannot start a parser: {error}"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    Ok((lines(&String::from_utf8_lossy(&ran.stdout))?, format!("{} {last}", ran.status)))
}

/// Runs the script that embeds with other runtimes, likewise.
pub(super) fn embedders(words: &[&str]) -> Result<Vec<Value>, String> {
    run_script(&environment_of("bench-venv-minilm", "requirements-minilm.txt")?, "minilm.py", words)
}

/// Runs the script that splits texts into tokens, likewise.
pub(super) fn tokenizers(words: &[&str]) -> Result<Vec<Value>, String> {
    run_script(&environment_of("bench-venv-wordpiece", "requirements-wordpiece.txt")?, "wordpiece.py", words)
}

fn run_script(interpreter: &Path, name: &str, words: &[&str]) -> Result<Vec<Value>, String> {
    let mut command = Command::new(interpreter);
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(root().join("bench/peers").join(name)).args(words);
    lines(&output(&mut command)?)
}

/// Runs an example of a crate of ours, likewise.
pub(super) fn example(package: &str, name: &str, words: &[&str]) -> Result<Vec<Value>, String> {
    require(package)?;
    if !root().join("crates").join(package).join(format!("examples/{name}.rs")).exists() {
        return Err(format!("{package} has no example {name}"));
    }
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--package", package, "--example", name, "--"]).args(words);
    lines(&output(&mut command)?)
}

/// Paths of the documents of a corpus with one of these extensions, sorted.
pub(super) fn files(corpus: &Path, extensions: &[&str]) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut folders = vec![corpus.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let wanted =
                path.extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension));
            if path.is_dir() {
                folders.push(path);
            } else if wanted {
                out.push(path.to_string_lossy().into_owned());
            }
        }
    }
    out.sort();
    Ok(out)
}

/// Writes paths into a file, one on each line, so that every contestant is given the same files in the same order.
/// Returns the file's own path.
pub(super) fn list(place: &Path, paths: &[String]) -> Result<String, String> {
    let lines: String = paths.iter().map(|path| format!("{path}\n")).collect();
    std::fs::write(place, lines).map_err(|error| format!("{}: {error}", place.display()))?;
    Ok(place.to_string_lossy().into_owned())
}

/// Lines of JSON; what else is printed is shown as it is.
fn lines(printed: &str) -> Result<Vec<Value>, String> {
    let mut out = Vec::new();
    for line in printed.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(value) if value.is_object() => out.push(value),
            _ => println!("{line}"),
        }
    }
    Ok(out)
}

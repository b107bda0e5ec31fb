//! Links in documents lead somewhere, and the commands README.md tells people to type exist.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{metadata, verdict};
use crate::shell::{files, read, root};

/// Tasks of this crate that documents may name.
const TASKS: &[&str] = &["demo", "test", "tidy", "corpus", "bench", "fuzz", "prove"];

/// The check.
pub(super) fn check() -> Result<String, String> {
    let files = files()?;
    let documents: Vec<&String> = files
        .iter()
        .filter(|path| path.ends_with(".md") && !path.starts_with("examples/corpus/design"))
        .collect();
    let mut complaints = Vec::new();
    let (mut links, mut commands) = (0, 0);
    for path in &documents {
        let text = read(path)?;
        for (line, target) in targets(&text) {
            links += 1;
            if let Some(problem) = dead(path, &target) {
                complaints.push(format!("{path}:{line}: {problem}"));
            }
        }
    }
    if let Ok(readme) = read("README.md") {
        let packages = packages()?;
        for (line, command) in shell_lines(&readme) {
            commands += 1;
            complaints.extend(
                unknown(&command, &packages)
                    .into_iter()
                    .map(|problem| format!("README.md:{line}: {problem}")),
            );
        }
    }
    verdict(&format!("{} documents, {links} links, {commands} commands", documents.len()), &complaints)
}

/// Link targets with their line numbers, outside code.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("_");
        let mut rest = prose.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let end = rest.find(')').unwrap_or(rest.len());
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            out.push((number + 1, target.to_owned()));
        }
    }
    out
}

/// Why a target of a link leads nowhere, if it does.
fn dead(document: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = if path.is_empty() {
        PathBuf::from(document)
    } else {
        normal(&Path::new(document).parent().unwrap_or(Path::new("")).join(path))?
    };
    let full = root().join(&file);
    if !full.exists() {
        return Some(format!("the link to `{target}` leads nowhere"));
    }
    let anchor = anchor?;
    let text = std::fs::read_to_string(&full).ok()?;
    (!anchors(&text).contains(anchor)).then(|| format!("no heading makes the anchor of `{target}`"))
}

/// A path without `.` and `..`; none if it leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => out.push(part),
            Component::ParentDir if out.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(out)
}

/// Anchors that the headings of a Markdown document make.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Lines of shell code blocks, joined where they end with a backslash, with their line numbers.
pub(crate) fn shell_lines(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let (mut inside, mut joined) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && matches!(language, "sh" | "bash" | "shell" | "console");
            continue;
        }
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words = line.trim_start_matches("$ ").trim_end_matches('\\').trim();
        match out.last_mut() {
            Some((_, last)) if joined => {
                last.push(' ');
                last.push_str(words);
            }
            _ => out.push((number + 1, words.to_owned())),
        }
        joined = line.ends_with('\\');
    }
    out
}

/// What a command line names that does not exist.
fn unknown(line: &str, packages: &BTreeSet<String>) -> Vec<String> {
    line.split("&&").flat_map(|command| unknown_in_one(command, packages)).collect()
}

fn unknown_in_one(command: &str, packages: &BTreeSet<String>) -> Vec<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut out = Vec::new();
    let mut sub = None;
    match words.as_slice() {
        ["cargo", "xtask", task, ..] if !TASKS.contains(task) => {
            out.push(format!("there is no task `{task}`"));
        }
        ["cargo", "run", rest @ ..] => {
            for pair in rest.windows(2).filter(|pair| matches!(pair[0], "-p" | "--package")) {
                if !packages.contains(pair[1]) {
                    out.push(format!("there is no crate `{}`", pair[1]));
                }
            }
            sub = rest.iter().skip_while(|word| **word != "--").nth(1);
        }
        [program, rest @ ..] if program.rsplit('/').next() == Some("tidegate") => {
            sub = rest.iter().find(|word| !word.starts_with('-'));
        }
        _ => {}
    }
    if let Some(sub) = sub.filter(|sub| !sub.starts_with('-') && !is_command(sub)) {
        out.push(format!("`tidegate` has no command `{sub}`"));
    }
    for path in words.iter().filter(|word| word.starts_with("examples/") || word.starts_with("docs/")) {
        if !root().join(path).exists() {
            out.push(format!("there is no {path}"));
        }
    }
    out
}

/// Whether the binary has a command of this name: its help is kept, word for word, where the tests compare it.
fn is_command(name: &str) -> bool {
    let help = root().join("crates/tidegate-cli/tests/help").join(format!("{name}.txt"));
    matches!(name, "help" | "debug") || help.exists()
}

fn packages() -> Result<BTreeSet<String>, String> {
    let metadata = metadata(false)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages.filter_map(|package| package["name"].as_str()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_and_anchors_are_found() {
        assert_eq!(dead("deny.toml", "Cargo.toml"), None);
        assert!(dead("docs/x.md", "Cargo.toml").is_some());
        assert_eq!(dead("docs/x.md", "../Cargo.toml"), None);
        assert_eq!(dead("x.md", "https://example.org/nowhere"), None);
        assert!(dead("Cargo.toml", "#nowhere").is_some());
        assert_eq!(
            targets("a [b](c.md \"t\") `[x](y)`\n```\n[d](e)\n```\n[f](g#h)"),
            [(1, "c.md".to_owned()), (5, "g#h".to_owned())]
        );
        assert!(anchors("# Exit codes\ntext").contains("exit-codes"));
    }

    #[test]
    fn commands_that_do_not_exist_are_found() {
        let packages = BTreeSet::from(["tidegate-cli".to_owned()]);
        for fine in [
            "cargo xtask test",
            "cargo run --release -p tidegate-cli -- index examples/corpus",
            "tidegate search \"two words\" && ls",
            "git clone x",
        ] {
            assert_eq!(unknown(fine, &packages), Vec::<String>::new(), "{fine}");
        }
        for wrong in [
            "cargo xtask tset",
            "cargo run -p tidegate-cly -- index",
            "cargo run -p tidegate-cli -- indx",
            "./target/release/tidegate serch x",
            "tidegate index examples/nowhere",
        ] {
            assert_eq!(unknown(wrong, &packages).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn continued_lines_are_one_command() {
        let lines = shell_lines("```sh\n$ a \\\n  b\n# no\nc\n```\n```rust\nd\n```");
        assert_eq!(lines, [(2, "a b".to_owned()), (5, "c".to_owned())]);
    }
}

//! Rules about the text of source files that no lint knows.

use std::path::Path;

use super::verdict;
use crate::shell::{files, read};

/// No source file is longer: what does not fit is more than one noun or verb.
const MOST_LINES: usize = 700;

/// Words that must not be in any file of the repository, and why. Written in halves, so that this file does not
/// contain them.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("tod", "o!(", "unfinished code is not merged"),
    ("unimpl", "emented!(", "unfinished code is not merged"),
    ("#[ig", "nore", "a test that does not run proves nothing"),
    ("/wo", "rk/", "a path of somebody's machine"),
    ("/tmp/ba", "sh", "a path of somebody's machine"),
    ("<<<<<", "<< ", "a merge that was not finished"),
];

/// The check.
pub(super) fn check() -> Result<String, String> {
    let files = files()?;
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in files.iter().filter(|path| ours(path)) {
        let text = read(path)?;
        seen += 1;
        complaints.extend(words(path, &text));
        if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
            complaints.extend(length(path, &text));
        }
        if is_crate_root(path) {
            complaints.extend(boundary(path, &text));
        }
    }
    if seen == 0 {
        complaints.push("not one source file was found".to_owned());
    }
    verdict(&format!("{seen} files"), &complaints)
}

/// Text files written here; what `examples/corpus` holds was written by others.
fn ours(path: &str) -> bool {
    const KINDS: &[&str] = &["rs", "md", "toml", "py", "sh", "txt", "yml", "yaml"];
    let kind =
        Path::new(path).extension().is_some_and(|extension| KINDS.iter().any(|kind| extension == *kind));
    (kind || path == ".ci/run") && !path.starts_with("examples/corpus") && path != "Cargo.lock"
}

fn is_crate_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", name, "src", "lib.rs"] => !name.is_empty(),
        ["crates", name, "src", "main.rs"] => !Path::new(&format!("crates/{name}/src/lib.rs")).exists(),
        ["xtask", "src", "main.rs"] | ["fuzz", "src", "lib.rs"] => true,
        _ => false,
    }
}

fn words(path: &str, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (first, second, why) in FORBIDDEN {
            let word = format!("{first}{second}");
            if line.contains(&word) {
                out.push(format!("{path}:{}: `{word}`: {why}", number + 1));
            }
        }
    }
    out
}

fn length(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES)
        .then(|| format!("{path}: {lines} lines, the most is {MOST_LINES}; split it by noun or verb"))
}

/// A crate says first what it must not contain: that is how it stays small.
fn boundary(path: &str, text: &str) -> Option<String> {
    let doc: Vec<&str> = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| line.trim_start_matches("//!"))
        .collect();
    let doc = doc.join(" ").to_lowercase();
    (!doc.contains("must not"))
        .then(|| format!("{path}: its documentation does not say what the crate must not contain"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_finds_its_breach() {
        for (first, second, _) in FORBIDDEN {
            assert_eq!(words("a.rs", &format!("fine\nx {first}{second} y")).len(), 1, "{first}{second}");
        }
        assert!(words("a.rs", "fine").is_empty());
        assert!(length("a.rs", &"x\n".repeat(MOST_LINES)).is_none());
        assert!(length("a.rs", &"x\n".repeat(MOST_LINES + 1)).is_some());
        assert!(boundary("lib.rs", "//! Does things.\nuse must_not;").is_some());
        assert!(boundary("lib.rs", "//! Does things.\n//!\n//! It must not do I/O.\n").is_none());
    }

    #[test]
    fn foreign_texts_are_left_alone() {
        assert!(ours("crates/a/src/lib.rs") && ours("README.md") && ours(".ci/run"));
        assert!(!ours("examples/corpus/design/x.md") && !ours("a.png"));
        assert!(is_crate_root("crates/a/src/lib.rs") && !is_crate_root("crates/a/src/b/lib.rs"));
    }
}

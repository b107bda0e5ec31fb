//! Documents as people type them, and the keys they may mean.

use std::path::Path;

/// Names with more marks than this are tried no further.
const MOST_MARKS: usize = 16;

/// The keys that `typed` may stand for, the likeliest first. People type a path as they see it, with the row after a
/// `#`; keys are absolute. The file itself may be gone, or be a link that leads nowhere, or its name may hold a `#`.
pub fn keys(typed: &str) -> Vec<String> {
    let mut keys = vec![typed.to_owned()];
    let marks = typed.match_indices('#').map(|(at, _)| at).take(MOST_MARKS);
    for at in [typed.len()].into_iter().chain(marks) {
        let (file, row) = typed.split_at(at);
        keys.extend(files(file).into_iter().map(|file| format!("{file}{row}")));
    }
    keys
}

/// A path as part of a key, in which `%` begins the code of a byte.
pub fn encoded(path: &str) -> String {
    path.replace('%', "%25")
}

/// The file under its own name in its real folder, and the file that a link leads to.
fn files(file: &str) -> Vec<String> {
    let Ok(path) = std::path::absolute(file) else { return Vec::new() };
    let mut found = Vec::new();
    for from in [1, 0] {
        if let Some((folder, rest)) = path.ancestors().skip(from).find_map(|folder| real(&path, folder)) {
            let folder = folder.trim_end_matches('/').to_owned();
            // As it was shown, or as it is on the disk.
            for rest in [rest.clone(), encoded(&rest)] {
                found.push(if rest.is_empty() { folder.clone() } else { format!("{folder}/{rest}") });
            }
        }
    }
    found
}

/// What `folder` really is, as part of a key, and what of `path` lies below it.
fn real(path: &Path, folder: &Path) -> Option<(String, String)> {
    let real = std::fs::canonicalize(folder).ok()?;
    Some((encoded(real.to_str()?), path.strip_prefix(folder).ok()?.to_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_and_what_is_a_row_is_still_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let root = root.to_str().unwrap();
        std::fs::write(dir.path().join("there"), "x").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("dangling")).unwrap();
        std::os::unix::fs::symlink("there", dir.path().join("link")).unwrap();
        for (typed, key) in [
            ("gone.md", "gone.md"),
            ("gone/deep/er.md", "gone/deep/er.md"),
            ("./dangling", "dangling"),
            ("link", "link"),
            ("link", "there"),
            ("p.jsonl#:L2", "p.jsonl#:L2"),
            ("a#b.jsonl#x/y", "a#b.jsonl#x/y"),
            ("100%.md", "100%25.md"),
            ("100%25.md", "100%25.md"),
        ] {
            let found = keys(&format!("{root}/{typed}"));
            assert!(found.contains(&format!("{root}/{key}")), "{typed}: {found:?}");
        }
        assert_eq!(keys("").first().map(String::as_str), Some(""));
        assert!(keys("gone#1").iter().any(|key| key.starts_with('/') && key.ends_with("/gone#1")));
    }
}

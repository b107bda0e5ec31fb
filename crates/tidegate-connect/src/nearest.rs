//! What to say about a path that does not exist: the nearest one that does.

use std::path::{Path, PathBuf};

use tidegate_core::{Fault, FaultKind};

/// How many names of a folder are compared at most; a suggestion is not worth reading a million.
const COMPARED: usize = 20_000;

/// The fault for a path given by the user that does not exist.
pub(crate) fn no_such_path(path: &Path) -> Fault {
    let fault = Fault::new(FaultKind::Config, format!("no such path: {}", path.display()));
    match nearest(path) {
        Some((near, true)) => fault.hint(format!("did you mean {}?", near.display())),
        Some((near, false)) => fault.hint(format!("the nearest folder that exists is {}", near.display())),
        None => fault.hint("give the path of an existing file or folder"),
    }
}

/// The nearest existing path, and whether it is a likely correction rather than just an ancestor.
fn nearest(path: &Path) -> Option<(PathBuf, bool)> {
    let parent = path.ancestors().skip(1).find(|ancestor| here(ancestor).is_dir())?;
    let rest: Vec<_> = path.strip_prefix(parent).ok()?.iter().collect();
    let wanted = rest.first()?.to_string_lossy();
    let Some(name) = closest_name(parent, &wanted) else {
        return Some((here(parent).to_path_buf(), false));
    };
    let mut found = parent.join(name);
    let tail: PathBuf = rest[1..].iter().collect();
    if rest.len() > 1 && found.join(&tail).exists() {
        found.push(tail);
    }
    Some((found, true))
}

fn here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn closest_name(folder: &Path, wanted: &str) -> Option<String> {
    let limit = (wanted.chars().count() / 3).max(2);
    std::fs::read_dir(here(folder))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .take(COMPARED)
        .map(|name| (distance(&name, wanted), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// How many characters must be inserted, removed or replaced to make `a` of `b`, letter case aside.
fn distance(a: &str, b: &str) -> usize {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

//! Reads `Cargo.lock`, and compares versions.

use std::cmp::Ordering;

use crate::shell::read;

/// A locked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) version: String,
    /// Where it comes from; none for crates of this workspace.
    pub(super) source: Option<String>,
}

/// Everything in the lock file.
pub(super) fn packages() -> Result<Vec<Locked>, String> {
    parse(&read("Cargo.lock")?)
}

/// Parses a lock file.
pub(super) fn parse(text: &str) -> Result<Vec<Locked>, String> {
    let table: toml::Table = text.parse().map_err(|error| format!("Cargo.lock is no TOML: {error}"))?;
    let entries =
        table.get("package").and_then(toml::Value::as_array).ok_or("Cargo.lock lists no package")?;
    let field =
        |entry: &toml::Value, key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    Ok(entries
        .iter()
        .filter_map(|entry| {
            let (name, version) = (field(entry, "name")?, field(entry, "version")?);
            Some(Locked { name, version, source: field(entry, "source") })
        })
        .collect())
}

/// Compares two versions by their numbers; a missing number is zero, a pre-release comes before its release.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let split = |version: &str| -> ([u64; 3], bool) {
        let plain = version.split('+').next().unwrap_or_default();
        let (numbers, pre) = plain.split_once('-').map_or((plain, false), |(numbers, _)| (numbers, true));
        let mut parts = [0; 3];
        for (part, number) in parts.iter_mut().zip(numbers.split('.')) {
            *part = number.parse().unwrap_or(0);
        }
        (parts, pre)
    };
    let ((a, a_pre), (b, b_pre)) = (split(a), split(b));
    a.cmp(&b).then(b_pre.cmp(&a_pre))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare("0.10.0", "0.9.9"), Ordering::Greater);
        assert_eq!(compare("1.2", "1.2.0"), Ordering::Equal);
        assert_eq!(compare("1.2.0-rc.1", "1.2.0"), Ordering::Less);
        assert_eq!(compare("2.0.1+zstd.1.5", "2.0.1"), Ordering::Equal);
    }
}

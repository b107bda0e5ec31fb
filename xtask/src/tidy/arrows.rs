//! Which crate may depend on which: downwards only, and on some foreign crates only where they belong.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{metadata, verdict};

/// The house, from the ground up. A crate may depend on crates of lower floors, never on its own floor or above.
const FLOORS: &[&[&str]] = &[
    &["tidegate-core"],
    &["tidegate-engine"],
    &["tidegate-expr"],
    &["tidegate-text"],
    &["tidegate-formats"],
    &["tidegate-sandbox"],
    &["tidegate-store"],
    &["tidegate-call"],
    &["tidegate-model"],
    &["tidegate-bert"],
    &["tidegate-connect"],
    &["tidegate-table"],
    &["tidegate-observe"],
    &["tidegate"],
    &["tidegate-cli", "tidegate-serve", "tidegate-python"],
];

/// Crates that may depend on these crates of the house only, although more lie below them.
const ONLY: &[(&str, &[&str])] = &[
    ("tidegate-engine", &["tidegate-core"]),
    ("tidegate-expr", &["tidegate-core"]),
    ("tidegate-text", &["tidegate-core"]),
    ("tidegate-formats", &["tidegate-core", "tidegate-text"]),
    ("tidegate-sandbox", &["tidegate-core"]),
    ("tidegate-store", &["tidegate-core"]),
    ("tidegate-call", &["tidegate-core"]),
    ("tidegate-model", &["tidegate-core"]),
    ("tidegate-bert", &["tidegate-core", "tidegate-model"]),
    ("tidegate-table", &["tidegate-core", "tidegate-connect"]),
    ("xtask", &["tidegate-core"]),
];

/// Crates for tests alone: nothing may depend on them except as a dev-dependency.
const DEV_ONLY: &[&str] = &["tidegate-testkit"];

/// What of them users get all the same: the scripted provider, to try settings without paying.
const SHIPPED: &[(&str, &str)] = &[("tidegate-cli", "tidegate-testkit")];

/// Crates beside the house that nothing depends on.
const OUTSIDE: &[&str] = &["xtask"];

/// Foreign crates that belong to a crate's promise and are used nowhere else.
const OWNERS: &[(&str, &[&str])] = &[
    ("rusqlite", &["tidegate-store"]),
    ("seccompiler", &["tidegate-sandbox"]),
    ("clap", &["tidegate-cli"]),
    ("clap_complete", &["tidegate-cli"]),
    ("indicatif", &["tidegate-cli", "tidegate-observe"]),
    ("tracing-subscriber", &["tidegate-cli", "tidegate-observe", "tidegate-serve"]),
    ("hyper", &["tidegate-call"]),
    ("hyper-util", &["tidegate-call"]),
    ("rustls", &["tidegate-call"]),
    ("jaq-core", &["tidegate-expr"]),
    ("minijinja", &["tidegate-expr"]),
    ("ignore", &["tidegate-connect"]),
    ("parquet", &["tidegate-table"]),
    ("arrow-array", &["tidegate-table"]),
    ("arrow-schema", &["tidegate-table"]),
    ("notify", &["tidegate-connect"]),
    ("pulldown-cmark", &["tidegate-text"]),
    ("chardetng", &["tidegate-text"]),
    ("hayro-syntax", &["tidegate-formats"]),
    ("mail-parser", &["tidegate-formats"]),
    ("quick-xml", &["tidegate-formats"]),
    ("tar", &["tidegate-formats"]),
    ("ttf-parser", &["tidegate-formats"]),
    ("zip", &["tidegate", "tidegate-formats"]),
    ("rten-gemm", &["tidegate-bert"]),
    ("rten-simd", &["tidegate-bert"]),
    ("rten-vecmath", &["tidegate-bert"]),
];

/// One dependency of one crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: String,
    to: String,
    dev: bool,
}

/// The check.
pub(super) fn check() -> Result<String, String> {
    let (crates, arrows) = read(&metadata(false)?);
    verdict(&format!("{} crates, {} dependencies", crates.len(), arrows.len()), &complaints(&crates, &arrows))
}

fn read(metadata: &Value) -> (BTreeSet<String>, BTreeSet<Arrow>) {
    let mut crates = BTreeSet::new();
    let mut arrows = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let from = package["name"].as_str().unwrap_or_default().to_owned();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default().to_owned();
            let dev = dependency["kind"] == "dev";
            arrows.insert(Arrow { from: from.clone(), to, dev });
        }
        crates.insert(from);
    }
    (crates, arrows)
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

fn complaints(crates: &BTreeSet<String>, arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let mut out = Vec::new();
    for name in crates {
        let name = name.as_str();
        if floor(name).is_none() && !DEV_ONLY.contains(&name) && !OUTSIDE.contains(&name) {
            out.push(format!("{name} is on no floor: give it a place in {}", file!()));
        }
    }
    for arrow in arrows.iter().filter(|arrow| !arrow.dev) {
        if crates.contains(&arrow.to) {
            out.extend(inside(arrow));
        } else {
            out.extend(foreign(arrow));
        }
    }
    out
}

/// What is wrong with an arrow between two crates of the workspace.
fn inside(arrow: &Arrow) -> Option<String> {
    let (from, to) = (arrow.from.as_str(), arrow.to.as_str());
    if SHIPPED.contains(&(from, to)) {
        return None;
    }
    if DEV_ONLY.contains(&to) {
        return Some(format!("{from} -> {to}: {to} is for tests, make it a dev-dependency"));
    }
    if let Some((_, allowed)) = ONLY.iter().find(|(name, _)| *name == from)
        && !allowed.contains(&to)
    {
        return Some(format!("{from} -> {to}: {from} may know {} only", allowed.join(", ")));
    }
    if DEV_ONLY.contains(&from) || OUTSIDE.contains(&from) {
        return None;
    }
    match (floor(from), floor(to)) {
        (Some(above), Some(below)) if below < above => None,
        _ => Some(format!("{from} -> {to}: dependencies point down only")),
    }
}

/// What is wrong with an arrow to a crate from elsewhere.
fn foreign(arrow: &Arrow) -> Option<String> {
    let (_, owners) = OWNERS.iter().find(|(name, _)| *name == arrow.to)?;
    let test_code = DEV_ONLY.contains(&arrow.from.as_str());
    (!test_code && !owners.contains(&arrow.from.as_str()))
        .then(|| format!("{} -> {}: belongs to {} alone", arrow.from, arrow.to, owners.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(crates: &[&str], arrows: &[(&str, &str, bool)]) -> Vec<String> {
        let crates = crates.iter().map(|name| (*name).to_owned()).collect();
        let arrow = |(from, to, dev): &(&str, &str, bool)| Arrow {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            dev: *dev,
        };
        complaints(&crates, &arrows.iter().map(arrow).collect())
    }

    const HOUSE: &[&str] = &[
        "tidegate-core",
        "tidegate-engine",
        "tidegate-store",
        "tidegate-connect",
        "tidegate",
        "tidegate-cli",
        "tidegate-testkit",
        "xtask",
    ];

    #[test]
    fn arrows_down_and_tests_are_fine() {
        let fine = [
            ("tidegate-engine", "tidegate-core", false),
            ("tidegate-connect", "tidegate-core", false),
            ("tidegate", "tidegate-store", false),
            ("tidegate-cli", "tidegate", false),
            ("tidegate-engine", "tidegate-testkit", true),
            ("tidegate-testkit", "tidegate-store", false),
            ("tidegate-cli", "tidegate-testkit", false),
            ("tidegate-store", "rusqlite", false),
            ("tidegate-engine", "rusqlite", true),
        ];
        assert_eq!(judge(HOUSE, &fine), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_wrong_arrow_is_found() {
        for wrong in [
            ("tidegate-core", "tidegate-engine", false),   // up
            ("tidegate-store", "tidegate-connect", false), // up
            ("tidegate-engine", "tidegate-store", false),  // up, and more than core
            ("tidegate-store", "tidegate-engine", false),  // down, but the store may know core only
            ("tidegate-store", "tidegate-testkit", false), // test code in the product
            ("tidegate-connect", "rusqlite", false),       // SQL outside the store
            ("xtask", "tidegate", false),                  // the judge knows the judged
            ("tidegate", "xtask", false),
        ] {
            assert_eq!(judge(HOUSE, &[wrong]).len(), 1, "{wrong:?}");
        }
        assert_eq!(judge(&["tidegate-new"], &[]).len(), 1, "a crate without a floor");
    }

    #[test]
    fn the_table_reads_what_cargo_prints() {
        let (crates, arrows) = read(&serde_json::json!({"packages": [{"name": "a", "dependencies": [
            {"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]}]}));
        assert_eq!(crates.len(), 1);
        let dev: Vec<bool> = arrows.iter().map(|arrow| arrow.dev).collect();
        assert_eq!(dev, [false, true]);
    }
}

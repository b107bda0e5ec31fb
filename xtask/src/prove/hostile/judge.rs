//! Compares what became of the files with what had to become of them. It knows the store by its commands alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::folder::{Case, Fate};
use crate::tool::{Tool, count};

/// So many differences are shown.
const SHOWN: usize = 60;

/// How many of each were as they had to be.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub(super) struct Tally {
    pub(super) stored: u64,
    pub(super) found: u64,
    pub(super) aside: u64,
    pub(super) aside_within: u64,
    pub(super) left_out: u64,
}

/// Every file has the fate it must have, and nothing else has any.
pub(super) fn fates(tool: &Tool, dir: &Path, cases: &[Case]) -> Result<Tally, String> {
    let aside = quarantine(tool, dir)?;
    let hits = search(tool, dir, cases)?;
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    let mut known = BTreeSet::new();
    for case in cases {
        known.insert(case.key.as_str());
        let row = aside.get(&case.key);
        if let Err(why) = fate(case, row, &hits, &mut tally) {
            wrong.push(format!("{}: {why}", short(&case.key)));
        }
    }
    for (key, (class, why)) in &aside {
        if !known.contains(key.as_str()) {
            wrong.push(format!("{}: put aside ({class}: {why}), which nobody expected", short(key)));
        }
    }
    if wrong.is_empty() {
        return Ok(tally);
    }
    let more = wrong.len().saturating_sub(SHOWN);
    wrong.truncate(SHOWN);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    Err(format!("not everything became what it must become:\n  {}{more}", wrong.join("\n  ")))
}

type Aside = BTreeMap<String, (String, String)>;

fn fate(
    case: &Case,
    row: Option<&(String, String)>,
    hits: &BTreeMap<String, String>,
    tally: &mut Tally,
) -> Result<(), String> {
    match (&case.fate, row) {
        (Fate::Aside(classes, says), Some((class, why))) => {
            if !classes.contains(&class.as_str()) || !why.contains(says) {
                return Err(format!("put aside as {class} ({why}), not as {}: {says}", classes.join(" or ")));
            }
            *if case.within { &mut tally.aside_within } else { &mut tally.aside } += 1;
        }
        (Fate::Aside(classes, _), None) => return Err(format!("not put aside as {}", classes.join(" or "))),
        (_, Some((class, why))) => return Err(format!("put aside ({class}: {why})")),
        (Fate::LeftOut, None) => tally.left_out += 1,
        (Fate::Stored, None) => tally.stored += 1,
        (Fate::Found(word), None) => {
            tally.stored += u64::from(!case.within);
            tally.found += 1;
            match hits.get(word) {
                Some(source) if *source == case.key => {}
                Some(other) => return Err(format!("a search for {word} finds {}", short(other))),
                None => return Err(format!("a search for {word} finds nothing")),
            }
        }
    }
    Ok(())
}

/// The end of a key is what tells one from another.
fn short(key: &str) -> &str {
    let from = key.find("/shelf-").map_or(0, |at| at + 1);
    &key[from..key.ceil_char_boundary(key.len().min(from + 120))]
}

fn quarantine(tool: &Tool, dir: &Path) -> Result<Aside, String> {
    let list = tool.json(dir, &["quarantine", "list", "--json"], &[0])?;
    let mut out = Aside::new();
    for row in list.as_array().ok_or("the quarantine is no list")? {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let again = out.insert(text("source"), (text("class"), text("message")));
        if again.is_some() {
            return Err(format!("{} is put aside twice", text("source")));
        }
    }
    Ok(out)
}

/// The first document that a search for each word finds.
fn search(tool: &Tool, dir: &Path, cases: &[Case]) -> Result<BTreeMap<String, String>, String> {
    let words = cases.iter().filter_map(|case| match &case.fate {
        Fate::Found(word) => Some(word),
        _ => None,
    });
    let queries: String = words.map(|word| json!({ "id": word, "text": word }).to_string() + "\n").collect();
    std::fs::write(dir.join("queries.jsonl"), queries).map_err(|error| format!("queries: {error}"))?;
    let ran = tool.run(dir, &["search", "--queries", "queries.jsonl", "--mode", "text", "-n", "2"])?;
    if ran.code != Some(0) {
        return Err(format!("searching ended with {:?}: {}", ran.code, ran.stderr));
    }
    let mut out = BTreeMap::new();
    for line in ran.stdout.lines() {
        let answer: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        if let (Some(word), Some(source)) = (answer["id"].as_str(), answer["hits"][0]["source"].as_str()) {
            out.insert(word.to_owned(), source.to_owned());
        }
    }
    Ok(out)
}

/// The report's counts are those of the files.
pub(super) fn accounts(report: &Value, cases: &[Case], first: bool) -> Result<(), String> {
    let of = |wanted: fn(&Fate) -> bool| {
        cases.iter().filter(|case| !case.within && wanted(&case.fate)).count() as u64
    };
    let aside = of(|fate| matches!(fate, Fate::Aside(..)));
    let good = of(|fate| matches!(fate, Fate::Found(_) | Fate::Stored));
    let (stored, unchanged) = if first { (good, 0) } else { (0, good) };
    let expected = [aside + good, stored, unchanged, aside, 0, 0];
    let names = ["seen", "stored", "unchanged", "quarantined", "deleted", "pending"];
    let mut found = [0; 6];
    for (name, place) in names.iter().zip(&mut found) {
        *place = count(report, &format!("/records/{name}"))?;
    }
    if found == expected { Ok(()) } else { Err(format!("{names:?} must be {expected:?}, and are {found:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(what: Fate, row: Option<(&str, &str)>, hit: &str) -> Result<(), String> {
        let case = Case { path: "/a".into(), key: "/a".to_owned(), within: false, fate: what };
        let row = row.map(|(class, why)| (class.to_owned(), why.to_owned()));
        let hits = BTreeMap::from([("w".to_owned(), hit.to_owned())]);
        fate(&case, row.as_ref(), &hits, &mut Tally::default())
    }

    #[test]
    fn every_other_fate_is_noticed() {
        let found = || Fate::Found("w".to_owned());
        let aside = || Fate::Aside(&["empty"], "no bytes");
        check(found(), None, "/a").expect("as it must be");
        check(aside(), Some(("empty", "it has no bytes")), "").expect("as it must be");
        for (what, row, hit) in [
            (found(), None, "/b"),
            (Fate::Found("other".to_owned()), None, "/a"),
            (found(), Some(("empty", "no bytes")), "/a"),
            (aside(), None, "/a"),
            (aside(), Some(("malformed", "no bytes")), ""),
            (aside(), Some(("empty", "for another reason")), ""),
            (Fate::LeftOut, Some(("empty", "no bytes")), ""),
            (Fate::Stored, Some(("empty", "no bytes")), ""),
        ] {
            assert!(check(what.clone(), row, hit).is_err(), "{what:?} {row:?}");
        }
    }
}

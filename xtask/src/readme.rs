//! Runs the README's main job as a newcomer would and checks that the documents answer.

use std::path::Path;

use serde_json::Value;

use crate::shell::{read, root};
use crate::tool::{Tool, count};

/// At least this share of the shipped questions must find their document among the first five hits.
const LEAST_FOUND: f64 = 0.8;

/// What the README's command indexes: the shipped documents and the project's own; not the README, which quotes an answer.
pub(crate) const SOURCES: &[&str] = &["examples/corpus", "docs", "ARCHITECTURE.md"];

/// Indexes, indexes again, asks every question.
pub(crate) fn check(tool: &Tool) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let store = dir.path().join("readme.db");
    let store = store.to_str().ok_or("a temporary folder whose name is not text")?;
    let root = root();
    let stored = first_run(tool, &root, store)?;
    second_run(tool, &root, store, stored)?;
    let (found, asked, missed) = ask(tool, &root, store, "hybrid")?;
    let share = found as f64 / asked as f64;
    let note =
        format!("{stored} documents; {found} of {asked} questions found their document among the first five");
    if share < LEAST_FOUND {
        return Err(format!(
            "{note}; {:.0} % are wanted; missed:\n  {}",
            LEAST_FOUND * 100.0,
            missed.join("\n  ")
        ));
    }
    Ok(note)
}

fn index(tool: &Tool, root: &Path, store: &str) -> Result<Value, String> {
    let mut words = vec!["index"];
    words.extend(SOURCES.iter().filter(|path| root.join(path).exists()));
    words.extend(["--store", store, "--json"]);
    tool.json(root, &words, &[0])
}

fn first_run(tool: &Tool, root: &Path, store: &str) -> Result<u64, String> {
    let report = index(tool, root, store)?;
    let (seen, stored) = (count(&report, "/records/seen")?, count(&report, "/records/stored")?);
    if stored < 50 || stored != seen {
        return Err(format!("the first run saw {seen} documents and stored {stored}"));
    }
    Ok(stored)
}

fn second_run(tool: &Tool, root: &Path, store: &str, stored: u64) -> Result<(), String> {
    let report = index(tool, root, store)?;
    let unchanged = count(&report, "/records/unchanged")?;
    let written = count(&report, "/records/stored")?;
    let embedded = count(&report, "/embedded/texts")?;
    if (unchanged, written, embedded) == (stored, 0, 0) {
        return Ok(());
    }
    Err(format!(
        "a second run must find {stored} documents unchanged: it found {unchanged}, stored {written} and embedded {embedded} texts"
    ))
}

/// Asks every shipped question; how many were answered, of how many, and which were not.
pub(crate) fn ask(
    tool: &Tool,
    root: &Path,
    store: &str,
    mode: &str,
) -> Result<(usize, usize, Vec<String>), String> {
    let questions = questions()?;
    let mut missed = Vec::new();
    for (query, expected) in &questions {
        let words = ["search", query, "--store", store, "--mode", mode, "--limit", "5", "--json"];
        let answer = tool.json(root, &words, &[0])?;
        let sources: Vec<&str> = hits(&answer)?.iter().filter_map(|hit| hit["source"].as_str()).collect();
        if !sources.iter().any(|source| source.ends_with(expected.as_str())) {
            missed.push(format!("{query} -> {expected}; got {}", sources.join(", ")));
        }
    }
    Ok((questions.len() - missed.len(), questions.len(), missed))
}

/// The hits of a search's answer.
pub(crate) fn hits(answer: &Value) -> Result<&Vec<Value>, String> {
    answer["hits"].as_array().ok_or_else(|| "a search printed no hits".to_owned())
}

fn questions() -> Result<Vec<(String, String)>, String> {
    let path = "examples/questions.jsonl";
    let mut out = Vec::new();
    for line in read(path)?.lines() {
        let entry: Value = serde_json::from_str(line).map_err(|error| format!("{path}: {error}"))?;
        let field =
            |key: &str| entry[key].as_str().map(str::to_owned).ok_or(format!("{path}: no {key} in {line}"));
        out.push((field("query")?, field("expect")?));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_names_a_document_that_is_shipped() {
        let questions = questions().expect("readable");
        assert!(questions.len() >= 20);
        for (query, expected) in questions {
            assert!(root().join("examples/corpus").join(&expected).exists(), "{query}: {expected}");
        }
    }

    #[test]
    fn the_shipped_corpus_is_a_few_dozen_documents_of_known_origin() {
        let provenance = read("examples/corpus/PROVENANCE.md").expect("readable");
        let (mut documents, mut bytes) = (0, 0);
        for folder in std::fs::read_dir(root().join("examples/corpus")).expect("listed").flatten() {
            let path = folder.path();
            if !path.is_dir() {
                continue;
            }
            let name = folder.file_name();
            assert!(
                provenance.contains(&format!("`{}/", name.to_string_lossy())),
                "{name:?} has no provenance"
            );
            for file in std::fs::read_dir(path).expect("listed").flatten() {
                documents += 1;
                bytes += file.metadata().expect("readable").len();
            }
        }
        assert!((30..=80).contains(&documents), "{documents}");
        assert!(bytes <= 2_000_000, "{bytes}");
    }
}

//! Token ids beside Hugging Face's `tokenizers`, on real texts, and the speed from text to ids and vectors.
//!
//! Compared: the ids of chunks of the corpus, as a run makes them, with BERT's own vocabulary, which is uncased, and
//! with one that the peer makes of the same chunks, which tells capital letters and accents apart. Both are charged the
//! CPU seconds of one thread for texts that are in memory.
//!
//! Not compared: the peer's offsets, which the tests compare on recorded texts.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::minilm::{text, texts, with_models};
use super::{Row, Setting, peers, table};
use crate::shell::root;
use crate::tool::{Build, Tool};

/// Chunks, spread over the corpus.
const CHUNKS: usize = 50_000;
/// Fewer show too little.
const LEAST: usize = 40_000;
/// So many megabytes of text a second must become vectors of the table inside the program, on one core.
const LEAST_MB: f64 = 40.0;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let tool = with_models(&Tool::build(Build::Release)?);
    let wanted = if setting.small { CHUNKS / 10 } else { CHUNKS };
    let texts = texts(&tool, (setting.corpus()?, folder.path()), wanted)?;
    let vocabulary = text(&root().join("crates/tidegate-model/assets/vocab.txt"));
    let cased = text(&folder.path().join("cased.txt"));
    peers::tokenizers(&["vocabulary", &texts, &cased])?;
    let (mut rows, mut out) = (Vec::new(), serde_json::Map::new());
    for (kind, vocabulary) in [("uncased", &vocabulary), ("cased", &cased)] {
        let compared = compared(folder.path(), (kind, vocabulary, &texts))?;
        let cells = ["texts", "tokens", "differences", "ours_mb_per_s", "peer_mb_per_s"];
        rows.push(Row(kind.to_owned(), cells.iter().map(|cell| shown(&compared[*cell])).collect()));
        out.insert(kind.to_owned(), compared);
    }
    table(&["ids", "texts", "tokens", "differ", "MB/s", "tokenizers"], &rows);
    out.insert("speed".to_owned(), speed(folder.path(), &texts)?);
    let texts = out["uncased"]["texts"].as_u64().unwrap_or(0);
    if out.values().any(|kind| kind["differences"].as_u64().is_some_and(|count| count > 0)) {
        return Err("ids differ from the reference's".to_owned());
    }
    if texts < LEAST as u64 && !setting.small {
        return Err(format!("the corpus has {texts} chunks; {LEAST} are needed"));
    }
    Ok(Value::Object(out))
}

fn shown(value: &Value) -> String {
    value
        .as_f64()
        .filter(|_| value.is_f64())
        .map_or_else(|| value.to_string(), |number| format!("{number:.1}"))
}

/// The ids of both, line by line.
fn compared(folder: &Path, (kind, vocabulary, texts): (&str, &str, &str)) -> Result<Value, String> {
    let file = |who: &str| text(&folder.join(format!("{kind}-{who}.txt")));
    let (ours, theirs) = (file("ours"), file("theirs"));
    let own = peers::example("tidegate-model", "wordpiece_ids", &[kind, vocabulary, texts, &ours])?;
    let peer = peers::tokenizers(&["ids", kind, vocabulary, texts, &theirs])?;
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (ours, theirs) = (read(&ours)?, read(&theirs)?);
    let (lines, peers) = (ours.lines().count(), theirs.lines().count());
    if lines != peers {
        return Err(format!("{lines} texts here, {peers} there"));
    }
    let differences = ours.lines().zip(theirs.lines()).filter(|(ours, theirs)| ours != theirs).count();
    Ok(json!({
        "texts": lines,
        "tokens": ours.split_whitespace().count(),
        "differences": differences,
        "ours_mb_per_s": own[0]["mb_per_s"],
        "peer_mb_per_s": peer[0]["mb_per_s"],
    }))
}

/// From text to vectors of the table inside the program, on one thread and on all.
fn speed(folder: &Path, texts: &str) -> Result<Value, String> {
    let lines = fs::read_to_string(texts).map_err(|error| format!("{texts}: {error}"))?;
    let read = |line: &str| serde_json::from_str::<String>(line).map_err(|error| error.to_string());
    let whole = lines.lines().map(read).collect::<Result<Vec<String>, String>>()?.join("\n\n");
    let plain = folder.join("texts.txt");
    fs::write(&plain, whole).map_err(|error| format!("{}: {error}", plain.display()))?;
    let told = peers::example("tidegate-model", "table_speed", &[&text(&plain)])?;
    let measured: Vec<Value> = told.into_iter().filter(|line| line["what"].is_string()).collect();
    let cells =
        |line: &Value| ["threads", "mb_per_s", "mtokens_per_s"].map(|cell| shown(&line[cell])).to_vec();
    let name = |line: &Value| line["what"].as_str().unwrap_or_default().to_owned();
    let rows: Vec<Row> = measured.iter().map(|line| Row(name(line), cells(line))).collect();
    table(&["the table inside", "threads", "MB/s", "M tokens/s"], &rows);
    let core = measured.iter().find(|line| line["what"] == "text to vectors" && line["threads"] == 1);
    match core.and_then(|line| line["mb_per_s"].as_f64()) {
        Some(rate) if rate >= LEAST_MB => Ok(Value::Array(measured)),
        rate => Err(format!("{rate:?} MB/s from text to vectors on one core; {LEAST_MB} are wanted")),
    }
}

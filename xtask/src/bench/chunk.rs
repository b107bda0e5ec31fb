//! Chunking on one core, beside chonkie and LangChain on the same texts.

use std::path::Path;

use serde_json::{Value, json};

use super::{Row, Setting, peers, table};

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let corpus = setting.corpus()?;
    let ours = ours(corpus, &["txt", "md"], &["chunk_structure", "chunk_exact"])?;
    let theirs = peers::script("chunk.py", corpus)?;
    compare(&ours, &theirs)
}

/// Our own steps over the documents with these extensions.
pub(super) fn ours(corpus: &Path, extensions: &[&str], steps: &[&str]) -> Result<Vec<Value>, String> {
    let files = peers::files(corpus, extensions)?;
    let words: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut lines = peers::example("tidegate-text", "speed", &words)?;
    lines.retain(|line| line["step"].as_str().is_some_and(|step| steps.contains(&step)));
    for line in &mut lines {
        line["name"] = json!(format!("tidegate {}", line["step"].as_str().unwrap_or_default()));
        line["documents"] = line["files"].clone();
        line["chunks"] = line["made"].clone();
    }
    Ok(lines)
}

/// A table of contestants, each with its throughput and ours as a multiple of it. Every line has `name` and
/// `mb_per_s`; more (`documents`, `chunks`) is shown where it is.
pub(super) fn compare(ours: &[Value], theirs: &[Value]) -> Result<Value, String> {
    let speed = |line: &Value| line["mb_per_s"].as_f64();
    let best = ours.iter().filter_map(speed).fold(0.0, f64::max);
    if best == 0.0 {
        return Err("our own contestant printed no {\"name\", \"mb_per_s\"}".to_owned());
    }
    let cell = |value: &Value| value.as_u64().map_or_else(String::new, |n| n.to_string());
    let row = |line: &Value| {
        let mb_per_s = speed(line).unwrap_or(f64::NAN);
        Row(
            line["name"].as_str().unwrap_or("?").to_owned(),
            vec![
                format!("{mb_per_s:.1}"),
                format!("{:.2} x", best / mb_per_s),
                cell(&line["documents"]),
                cell(&line["chunks"]),
            ],
        )
    };
    let rows: Vec<Row> = ours.iter().chain(theirs).map(row).collect();
    table(&["one core", "MB/s", "ours is", "documents", "chunks"], &rows);
    let ratios: serde_json::Map<String, Value> = theirs
        .iter()
        .filter_map(|line| Some((line["name"].as_str()?.to_owned(), json!(best / speed(line)?))))
        .collect();
    Ok(json!({"ours": ours, "peers": theirs, "ratios": ratios}))
}

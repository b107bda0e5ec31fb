//! Chunking on one core, beside chonkie and LangChain on the same texts.

use serde_json::{Value, json};

use super::{Row, Setting, peers, table};

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let corpus = setting.corpus()?;
    let ours = peers::example("tidegate-text", "speed", &["chunk"], Some(corpus))?;
    let theirs = peers::script("chunk.py", corpus)?;
    compare(&ours, &theirs)
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

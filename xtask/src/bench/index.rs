//! The main job on real documents: first run, second run.

use std::path::Path;

use serde_json::{Value, json};

use super::{Row, Setting, mb, table};
use crate::measure::{self, Cost};
use crate::tool::{Build, Tool, count};

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let corpus = setting.corpus()?;
    let tool = Tool::build(Build::Release)?;
    let bytes = weigh(corpus)?;
    let dir = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let (first, first_cost) = once(&tool, dir.path(), corpus)?;
    let (second, second_cost) = once(&tool, dir.path(), corpus)?;
    let store = std::fs::metadata(dir.path().join("bench.db")).map_or(0, |file| file.len());
    let seen = count(&first, "/records/seen")?;
    let row = |name: &str, report: &Value, cost: &Cost| -> Result<Row, String> {
        Ok(Row(
            name.to_owned(),
            vec![
                count(report, "/records/stored")?.to_string(),
                count(report, "/embedded/texts")?.to_string(),
                format!("{:.2} s", cost.seconds),
                format!("{:.2} s", cost.cpu),
                format!("{:.0}", seen as f64 / cost.seconds),
                format!("{:.1}", bytes as f64 / 1e6 / cost.seconds),
                mb(cost.peak),
            ],
        ))
    };
    println!("{seen} documents, {}, store {}", mb(bytes), mb(store));
    table(
        &["run", "stored", "embedded", "wall", "CPU", "documents/s", "MB/s", "peak"],
        &[row("first", &first, &first_cost)?, row("second", &second, &second_cost)?],
    );
    if count(&second, "/embedded/texts")? + count(&second, "/records/stored")? > 0 {
        return Err("the second run embedded or stored something again".to_owned());
    }
    Ok(json!({
        "documents": seen, "bytes": bytes, "store_bytes": store, "quarantined": count(&first, "/records/quarantined")?,
        "chunks": count(&first, "/chunks/written")?,
        "first": figures(&first_cost), "second": figures(&second_cost),
        "documents_per_s": seen as f64 / first_cost.seconds, "mb_per_s": bytes as f64 / 1e6 / first_cost.seconds,
        "second_to_first": second_cost.seconds / first_cost.seconds,
    }))
}

fn once(tool: &Tool, dir: &Path, corpus: &Path) -> Result<(Value, Cost), String> {
    let mut command = tool.command(dir);
    command.arg("index").arg(corpus).args(["--hidden", "--no-gitignore", "--store", "bench.db", "--json"]);
    let (printed, cost) = measure::run(&mut command, &[0, 3])?;
    let report = serde_json::from_str(&printed).map_err(|error| format!("the report is no JSON: {error}"))?;
    Ok((report, cost))
}

/// Figures of a run for the line of JSON.
pub(super) fn figures(cost: &Cost) -> Value {
    json!({"seconds": cost.seconds, "cpu_seconds": cost.cpu, "peak_bytes": cost.peak})
}

/// Bytes of all files below a folder.
pub(super) fn weigh(folder: &Path) -> Result<u64, String> {
    let mut total = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => total += data.len(),
                Err(_) => {}
            }
        }
    }
    Ok(total)
}

//! Tables of text and of columns through a filter and a template, without a model, beside Polars, DuckDB and pandas that
//! do the same with the same files: MB per CPU second, whether all cores work, and the peak of memory.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::calling::Aims;
use super::filter::said;
use super::{Row, Setting, index::figures, mb, peers, table};
use crate::measure::{self, Cost};
use crate::random::Random;
use crate::shell::root;
use crate::tool::{Build, Tool, count};

const JOB: &str = r#"
[[step]]
name = "english"
filter = '.lang == "en"'

[[step]]
name = "prompt"
set.prompt = { template = "Label this: {{ title }}\n{{ text }}" }
keep = ["id", "score", "prompt"]
"#;
/// What the columns of a table of text hold, as files of columns know it and others find out.
const TYPES: &str = "[input.types]\nuser_id = \"integer\"\nscore = \"number\"\n";
const PEERS: &[&str] = &["polars", "duckdb", "pandas"];
/// From where to where.
const WAYS: &[(&str, &str)] =
    &[("csv", "csv"), ("csv", "jsonl"), ("parquet", "jsonl"), ("parquet", "parquet")];

/// A table, as text and as columns.
struct Rows {
    dir: PathBuf,
    /// Of the table as text, which is what speeds are of: how columns are packed says little of the work.
    bytes: u64,
    rows: u64,
    kept: u64,
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let tool = Tool::build(Build::Release)?;
    let dir = tempfile::tempdir_in(crate::shell::target())
        .map_err(|error| format!("no temporary folder: {error}"))?;
    let rows = generate(dir.path(), if setting.small { 100_000_000 } else { 1_000_000_000 })?;
    script(&["make", "in.csv", "in.parquet"], &rows)?;
    let (mut shown, mut results, mut aims) = (vec![], vec![], Aims::default());
    for (from, to) in WAYS {
        let ours = contend(&tool, (from, to), &rows)?;
        let mut costs = vec![("tidegate", ours)];
        for name in PEERS {
            costs.push((name, by_script(name, (from, to), &rows)?));
        }
        for (name, cost) in &costs {
            shown.push(row((name, from, to), &rows, cost));
            results.push(json!({"name": name, "from": from, "to": to, "cost": figures(cost)}));
        }
        if *from == "csv" {
            let speed = rows.bytes as f64 / 1e6 / ours.cpu;
            aims.at_least(&format!("MB per CPU second, {from} to {to}"), speed, 100.0);
            aims.at_most(&format!("MB at the peak, {from} to {to}"), ours.peak as f64 / 1e6, 100.0);
        }
    }
    println!("{} as CSV, {} rows, {} of them kept", mb(rows.bytes), rows.rows, rows.kept);
    table(&["", "way", "wall", "MB/CPU s", "cores", "peak"], &shown);
    aims.end(json!({"bytes": rows.bytes, "rows": rows.rows, "contestants": results}))
}

fn row((name, from, to): (&str, &str, &str), rows: &Rows, cost: &Cost) -> Row {
    Row(
        name.to_owned(),
        vec![
            format!("{from}>{to}"),
            format!("{:.1} s", cost.seconds),
            format!("{:.0}", rows.bytes as f64 / 1e6 / cost.cpu),
            format!("{:.1}", cost.cpu / cost.seconds),
            mb(cost.peak),
        ],
    )
}

fn contend(tool: &Tool, (from, to): (&str, &str), rows: &Rows) -> Result<Cost, String> {
    let (input, output) = (format!("in.{from}"), format!("out.{to}"));
    let types = if from == "csv" { TYPES } else { "" };
    let job = rows.dir.join("job.toml");
    std::fs::write(&job, format!("{types}{JOB}")).map_err(|error| format!("{}: {error}", job.display()))?;
    let mut command = tool.command(&rows.dir);
    command.args(["map", "job.toml", &input, "-o", &output, "--overwrite", "--json", "--store", "t.db"]);
    let (printed, cost) = measure::run(&mut command, &[0])?;
    let report: Value =
        serde_json::from_str(&printed).map_err(|error| format!("the report is no JSON: {error}"))?;
    let stored = count(&report, "/records/stored")?;
    if stored != rows.rows {
        return Err(format!("{} rows, but {stored} accounted for", rows.rows));
    }
    let parts = format!("{output}/*.parquet");
    judge(if to == "parquet" { &parts } else { &output }, rows)?;
    let made = rows.dir.join(&output);
    let _ = if made.is_dir() { std::fs::remove_dir_all(made) } else { std::fs::remove_file(made) };
    Ok(cost)
}

fn by_script(name: &str, (from, to): (&str, &str), rows: &Rows) -> Result<Cost, String> {
    let (input, output) = (format!("in.{from}"), format!("peer.{to}"));
    let (_, cost) = script(&[name, &input, &output], rows)?;
    judge(&output, rows)?;
    let _ = std::fs::remove_file(rows.dir.join(&output));
    Ok(cost)
}

fn script(words: &[&str], rows: &Rows) -> Result<(String, Cost), String> {
    let mut command = Command::new(peers::tabular()?);
    command.current_dir(&rows.dir).env("PYTHONDONTWRITEBYTECODE", "1");
    measure::run(command.arg(root().join("bench/peers/tabular.py")).args(words), &[0])
}

/// Every contestant must have kept the same rows.
fn judge(output: &str, rows: &Rows) -> Result<(), String> {
    let (printed, _) = script(&["count", output], rows)?;
    let counted: Value = serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}"))?;
    let kept = count(&counted, "/rows")?;
    if kept == rows.kept { Ok(()) } else { Err(format!("{kept} rows were kept, not {}", rows.kept)) }
}

/// Rows of about a kilobyte, half of them English; the same bytes every time.
fn generate(dir: &Path, bytes: u64) -> Result<Rows, String> {
    let path = dir.join("in.csv");
    let broken = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(&path).map_err(broken)?);
    let mut random = Random::new(7);
    let mut rows = Rows { dir: dir.to_owned(), bytes: 0, rows: 0, kept: 0 };
    let mut line = "id,user_id,lang,score,title,text\n".to_owned();
    while rows.bytes < bytes {
        out.write_all(line.as_bytes()).map_err(broken)?;
        rows.bytes += line.len() as u64;
        let lang = ["en", "en", "de", "fr"][random.below(4) as usize];
        let (user, score, words) = (random.below(1_000_000), random.below(10_000), 60 + random.below(180));
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let (title, text) = (quoted(said(&mut random, 6)), quoted(said(&mut random, words)));
        line = format!("row-{:09},{user},{lang},0.{score:04},{title},{text}\n", rows.rows);
        if rows.bytes < bytes {
            rows.rows += 1;
            rows.kept += u64::from(lang == "en");
        }
    }
    out.flush().map_err(broken)?;
    Ok(rows)
}

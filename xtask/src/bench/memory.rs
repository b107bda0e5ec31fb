//! Memory is a setting, not a function of the input: ten times the rows, the same peak.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::{Row, Setting, index::figures, mb, table};
use crate::measure::{self, Cost};
use crate::random::Random;
use crate::tool::{Build, Tool, count};

/// The peaks may differ by this much.
const MOST_DIFFERENCE: f64 = 0.15;

/// What one size cost.
struct Sized {
    bytes: u64,
    rows: u64,
    store: u64,
    cost: Cost,
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let tool = Tool::build(Build::Release)?;
    let unit: u64 = if setting.small { 20_000_000 } else { 200_000_000 };
    let small = sized(&tool, unit)?;
    let large = sized(&tool, 10 * unit)?;
    let ratio = large.cost.peak as f64 / small.cost.peak as f64;
    let row = |one: &Sized| {
        Row(
            mb(one.bytes),
            vec![
                one.rows.to_string(),
                format!("{:.1} s", one.cost.seconds),
                format!("{:.1}", one.bytes as f64 / 1e6 / one.cost.cpu),
                mb(one.cost.peak),
                mb(one.store),
            ],
        )
    };
    table(&["JSONL", "rows", "wall", "MB/CPU s", "peak", "store"], &[row(&small), row(&large)]);
    println!("peak of the larger: {ratio:.3} times that of the smaller");
    let result = |one: &Sized| json!({"bytes": one.bytes, "rows": one.rows, "store_bytes": one.store, "cost": figures(&one.cost)});
    if (ratio - 1.0).abs() > MOST_DIFFERENCE {
        return Err(format!("the peaks differ by more than {:.0} %", MOST_DIFFERENCE * 100.0));
    }
    Ok(json!({"small": result(&small), "large": result(&large), "ratio": ratio}))
}

fn sized(tool: &Tool, bytes: u64) -> Result<Sized, String> {
    // On the disk of the workspace: a temporary folder is often memory, and the store is several times the input.
    let base = crate::shell::target();
    let dir = tempfile::tempdir_in(base).map_err(|error| format!("no temporary folder: {error}"))?;
    let rows =
        generate(&dir.path().join("rows.jsonl"), bytes).map_err(|error| format!("writing rows: {error}"))?;
    let mut command = tool.command(dir.path());
    command.args([
        "index",
        "rows.jsonl",
        "--text-field",
        "text",
        "--id-field",
        "id",
        "--store",
        "rows.db",
        "--json",
    ]);
    let (printed, cost) = measure::run(&mut command, &[0])?;
    let report: Value =
        serde_json::from_str(&printed).map_err(|error| format!("the report is no JSON: {error}"))?;
    let stored = count(&report, "/records/stored")?;
    if stored != rows {
        return Err(format!("{rows} rows, but {stored} stored"));
    }
    let store = std::fs::metadata(dir.path().join("rows.db")).map_or(0, |file| file.len());
    Ok(Sized { bytes, rows, store, cost })
}

/// Rows of unequal length whose words repeat as words do; the same bytes every time.
fn generate(path: &Path, bytes: u64) -> std::io::Result<u64> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let mut random = Random::new(1);
    let (mut written, mut rows) = (0, 0);
    while written < bytes {
        let mut text = String::new();
        for _ in 0..20 + random.below(300) {
            // Squaring makes small numbers, and so some words, much more frequent than others.
            let word = (random.below(1000) * random.below(1000)) / 50;
            text.push_str(SYLLABLES[(word % 16) as usize]);
            text.push_str(SYLLABLES[(word / 16 % 16) as usize]);
            text.push_str(SYLLABLES[(word / 256 % 16) as usize]);
            text.push(' ');
        }
        let line =
            format!("{}\n", json!({"id": format!("row-{rows}"), "text": text, "number": random.below(1000)}));
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        rows += 1;
    }
    out.flush()?;
    Ok(rows)
}

const SYLLABLES: [&str; 16] =
    ["ta", "ri", "mo", "len", "ka", "sur", "ve", "di", "pon", "sha", "el", "gru", "ni", "fo", "bar", "ty"];

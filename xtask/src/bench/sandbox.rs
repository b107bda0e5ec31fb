//! What it costs to have files parsed by children that may be killed, over parsing them in the same process.
//!
//! The same real files either way, read from disk before; starting the children, sending the files, taking the answers
//! apart and checking them counts. CPU is that of the process and its children together: the clock on the wall also
//! shows what else the machine did.

use std::process::Command;

use serde_json::{Value, json};

use super::formats::EXTENSIONS;
use super::{Row, Setting, mb, peers, table};
use crate::measure;
use crate::shell::{cargo, run, target};

/// Rounds over all files, so that starting children is as rare as it is in a large folder.
const ROUNDS: u64 = 5;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let files = peers::files(setting.documents()?, EXTENSIONS)?;
    let small: Vec<String> = files.iter().filter(|file| size(file) < 32 << 10).cloned().collect();
    run(cargo().args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "tidegate-sandbox",
        "--example",
        "cost",
    ]))?;
    let rounds = if setting.small { 1 } else { ROUNDS };
    let mut figures = Vec::new();
    for (of, files) in [("all files", &files), ("files below 32 KB", &small)] {
        let list = peers::list(&folder.path().join("list"), files)?;
        let mut base = None;
        for (way, width) in [("inside", 1), ("children", 1), ("inside", 2), ("children", 2)] {
            let line = one(&list, rounds, way, width)?;
            let base = base.get_or_insert_with(|| line.clone());
            if ["documents", "text"].iter().any(|field| base[*field] != line[*field]) {
                return Err(format!("not the same was found: {base} and {line}"));
            }
            figures.push(json!({"of": of, "way": way, "width": width, "line": line}));
        }
    }
    show(&figures);
    Ok(Value::from(figures))
}

fn size(file: &str) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}

fn one(list: &str, rounds: u64, way: &str, width: u64) -> Result<Value, String> {
    let mut command = Command::new(target().join("release/examples/cost"));
    command.args([list, &rounds.to_string(), way, &width.to_string()]);
    let (printed, cost) = measure::run(&mut command, &[0])?;
    let mut line: Value = serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}"))?;
    line["peak"] = cost.peak.into();
    Ok(line)
}

fn show(figures: &[Value]) {
    let number = |figure: &Value, field: &str| figure["line"][field].as_f64().unwrap_or(f64::NAN);
    let mut rows = Vec::new();
    for four in figures.chunks(4) {
        let base = number(&four[0], "cpu_seconds");
        for figure in four {
            let name = match (figure["way"].as_str(), figure["width"].as_u64()) {
                (Some("inside"), Some(width)) => format!("in process, {width} at once"),
                (_, width) => format!("children, {}", width.unwrap_or(0)),
            };
            let files = number(figure, "files");
            rows.push(Row(
                name,
                vec![
                    format!("{:.2}", number(figure, "cpu_seconds")),
                    format!("{:.3} x", number(figure, "cpu_seconds") / base),
                    format!("{:.0} us", (number(figure, "cpu_seconds") - base) / files * 1e6),
                    format!("{:.0}", files / number(figure, "wall_seconds")),
                    mb(figure["line"]["peak"].as_u64().unwrap_or(0)),
                    figure["of"].as_str().unwrap_or_default().to_owned(),
                ],
            ));
        }
    }
    table(&["parsed", "CPU s", "of the first", "more a file", "files/s", "parent's peak", "of"], &rows);
}

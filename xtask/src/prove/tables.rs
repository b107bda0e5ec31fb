//! Kills wherever a job's output is written that is a table of parts or compressed; and tables that pandas, Polars and DuckDB wrote, labelled by a scripted provider while `tidegate` is killed at every point
//! where it writes one, and read back by all three.

use std::path::Path;

use serde_json::Value;

mod kills;
mod reading;
mod scene;

use super::crash::{Plan, in_a_folder, unwritable};
use super::provider::Provider;
use super::strike::{Kill, strike};
use crate::bench::peers;
use crate::tool::{Build, Tool, count};

/// Who writes tables, and who reads them.
const WRITERS: &[&str] = &["pandas", "polars", "duckdb"];
/// Points where a table is written, and at which passage the process dies there.
const POINTS: &[(&str, u64)] = &[
    ("table.tail.middle", 1),
    ("table.tail.synced", 1),
    ("table.commit.after", 1),
    ("table.tail.middle", 2),
    ("table.part.written", 1),
    ("table.part.named", 1),
    ("table.manifest.written", 1),
];

const JOB: &str = "\
[[step]]
name = \"label\"
model = \"toy:m\"
prompt = \"How is this wine? {{ text }}\"
response = { type = \"object\", properties = { topic = { enum = [\"red\", \"white\"] }, score = { type = \"number\" }, good = { type = \"boolean\" } }, required = [\"topic\", \"score\", \"good\"], additionalProperties = false }
merge = true

[providers.toy]
concurrency = 8
";

/// The proof of the everyday test: kills at every point.
pub(crate) fn short() -> Result<String, String> {
    kills(&Tool::build(Build::Killpoints)?, &Plan { kills: 0, seed: 1, keep: false })
}

/// The kills alone.
pub(crate) fn kills(tool: &Tool, plan: &Plan) -> Result<String, String> {
    kills::prove(tool, plan)
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan) -> Result<String, String> {
    let killed = kills::prove(tool, plan)?;
    let labelled = real(tool, plan)?;
    Ok(format!("{killed}\n{labelled}"))
}

/// Tables of others.
fn real(tool: &Tool, plan: &Plan) -> Result<String, String> {
    in_a_folder(plan, plan.seed, |dir| {
        let made = peers::tables(&["make", &dir.display().to_string()])?;
        let rows = count(&made, "/rows")?;
        std::fs::write(dir.join("job.toml"), JOB).map_err(|error| unwritable(&error))?;
        let provider = Provider::start(tool, dir, "latency = { base = { fixed = '3ms' } }\n")?;
        let mut killed = 0;
        for writer in WRITERS {
            killed += labelled(tool, dir, (writer, &provider, rows))?;
        }
        let log = std::fs::read_to_string(&provider.log).map_err(|error| unwritable(&error))?;
        let asked = log.lines().filter(|line| line.contains("\"event\":\"received\"")).count() as u64;
        // The three tables hold the same texts, which are asked about once; a kill repeats what was in flight.
        if asked < rows || asked > rows + 8 * killed {
            return Err(format!("{asked} calls for {rows} rows and {killed} kills"));
        }
        Ok(format!(
            "{rows} rows of scikit-learn's wines, written by {}; labelled with {killed} kills at {} points, {asked} calls; \
             pandas, Polars and DuckDB read the rows and types that went in, and the labels",
            WRITERS.join(", "),
            POINTS.len()
        ))
    })
}

/// Labels a table, killed on the way, and has it read; how often it was killed.
fn labelled(
    tool: &Tool,
    dir: &Path,
    (writer, provider, rows): (&str, &Provider, u64),
) -> Result<u64, String> {
    let (input, output) = (format!("{writer}.parquet"), format!("{writer}-labelled.parquet"));
    let base = format!("{}/v1", provider.url);
    let words = ["map", "job.toml", &input, "-o", &output, "--base-url", &base, "--json"];
    let mut killed = 0;
    for (point, nth) in POINTS {
        killed += u64::from(strike(tool, dir, &words, &Kill::Point(point, *nth))?);
    }
    let report: Value = tool.json(dir, &words, &[0])?;
    let read = |path: &str| dir.join(path).display().to_string();
    let seen = peers::tables(&["check", &read(&input), &read(&output)])?;
    if count(&seen, "/rows")? != rows || count(&report, "/records/quarantined")? != 0 {
        return Err(format!("of {rows} rows: {seen}, {report}"));
    }
    if killed == 0 {
        return Err("nothing was killed: is the binary built with killpoints?".to_owned());
    }
    Ok(killed)
}

//! Calls to a provider: how near the limit, at which cost, and what becomes of them when the provider misbehaves. The
//! provider is ours, in a process of its own; the peers are scripts as one finds them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Row, Setting, mb, peers, table};
use crate::tool::{Build, Tool};

/// What every call takes, in seconds, and how many are made at once.
const LATENCY: f64 = 0.05;
const AT_ONCE: u64 = 256;

/// A provider that plays a script, until it is dropped.
struct Provider {
    child: Child,
    url: String,
}

impl Provider {
    fn start(folder: &Path, script: &str) -> Result<Self, String> {
        let tool = Tool::build(Build::Release)?;
        let file = folder.join("provider.toml");
        std::fs::write(&file, script).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = tool.command(folder);
        command.args(["mock-provider", "--quiet", "--port", "0", "--script"]).arg(&file);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("cannot start the provider: {error}"))?;
        let mut url = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut url).map_err(|error| format!("the provider: {error}"))?;
        }
        match url.trim() {
            "" => Err("the provider did not say where it is".to_owned()),
            url => Ok(Self { url: url.to_owned(), child }),
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.child.wait();
    }
}

/// One line of ours.
fn ours(words: &[&str]) -> Result<Value, String> {
    peers::example("tidegate", "paid_calls", words)?
        .pop()
        .ok_or_else(|| "the example printed nothing".to_owned())
}

/// One line of a peer.
fn theirs(words: &[&str]) -> Result<Value, String> {
    peers::script("calls.py", words)?.pop().ok_or_else(|| "the peer printed nothing".to_owned())
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or(f64::NAN)
}

fn name(line: &Value) -> String {
    ["name", "mode"].iter().find_map(|field| line[*field].as_str()).unwrap_or("?").to_owned()
}

fn wall(line: &Value) -> f64 {
    ["wall_seconds", "wall_s", "seconds"]
        .iter()
        .map(|field| number(line, field))
        .find(|it| it.is_finite())
        .unwrap_or(f64::NAN)
}

/// 20,000 one-text calls of 50 ms, 256 at once.
pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let calls: u64 = if setting.small { 2_000 } else { 20_000 };
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let provider = Provider::start(folder.path(), "latency = { base = { fixed = \"50ms\" } }\n")?;
    let (many, wide) = (calls.to_string(), AT_ONCE.to_string());
    let journal = folder.path().join("journal.db");
    let journal = journal.to_string_lossy();
    let plain = [provider.url.as_str(), "--calls", &many, "--at-once", &wide];
    let kept = [&plain[..], &["--journal", &journal]].concat();
    let mut lines = vec![ours(&plain)?, ours(&kept)?];
    for mode in ["aiohttp", "threads"] {
        lines.push(theirs(&[mode, "--url", &provider.url, "--n", &many, "--concurrency", &wide])?);
    }
    let least = calls as f64 * LATENCY / AT_ONCE as f64;
    let rows: Vec<Row> = lines
        .iter()
        .map(|line| {
            let peak = line["peak_bytes"].as_u64().or(line["peak_rss_bytes"].as_u64());
            Row(
                name(line),
                vec![
                    format!("{:.2} s", wall(line)),
                    format!("{:.2}", least / wall(line)),
                    format!("{:.0} us", number(line, "cpu_us_per_record")),
                    peak.map_or_else(String::new, mb),
                    format!("{}", line["lost"]),
                ],
            )
        })
        .collect();
    table(&["calls", "wall", "of limit", "CPU a call", "peak", "lost"], &rows);
    Ok(json!({"calls": calls, "least_seconds": least, "contestants": lines}))
}

/// What goes wrong with a provider that misbehaves.
const HOSTILE: &str = r#"
latency = { base = { fixed = "50ms" } }
[[faults]]
when = { probability = 0.05 }
act = { too_many = { hint = "seconds", wait = "1s" } }
[[faults]]
when = { probability = 0.03 }
act = { status = { code = 503 } }
[[faults]]
when = { probability = 0.01 }
act = "reset_before_reading"
[[faults]]
when = { probability = 0.01 }
act = "hang_before_headers"
[[faults]]
when = { probability = 0.02 }
act = { slow = { times = 20.0 } }
"#;

/// 5,000 records, 64 at once, against refusals, errors, resets, hangs and slow answers.
pub(super) fn hostile(setting: &Setting) -> Result<Value, String> {
    let records: u64 = if setting.small { 500 } else { 5_000 };
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let many = records.to_string();
    let provider = Provider::start(folder.path(), HOSTILE)?;
    let mut lines = vec![ours(&[&provider.url, "--calls", &many, "--at-once", "64", "--timeout", "5"])?];
    drop(provider);
    let provider = Provider::start(folder.path(), HOSTILE)?;
    let words = ["--url", &provider.url, "--n", &many, "--concurrency", "64", "--timeout", "5"];
    lines.push(theirs(&[&["aiohttp"][..], &words].concat())?);
    let rows: Vec<Row> = lines
        .iter()
        .map(|line| {
            let requests =
                ["requests", "sent"].iter().map(|field| number(line, field)).find(|it| it.is_finite());
            Row(
                name(line),
                vec![
                    format!("{:.1} s", wall(line)),
                    requests.map_or_else(String::new, |it| format!("{:.2}", it / records as f64)),
                    format!("{}", line["lost"]),
                    format!("{:.0} us", number(line, "cpu_us_per_record")),
                ],
            )
        })
        .collect();
    table(&["hostile", "wall", "requests each", "lost", "CPU each"], &rows);
    Ok(json!({"records": records, "contestants": lines}))
}

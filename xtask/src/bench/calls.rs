//! How near the limit many small calls come, and what one costs.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Line, Place};
use super::{Row, Setting, mb, table};

/// What every call takes, in seconds, and how many are made at once.
const LATENCY: f64 = 0.05;
const AT_ONCE: u64 = 256;
const SCRIPT: &str = "latency = { base = { fixed = \"50ms\" } }\n";

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let calls: u64 = if setting.small { 2_000 } else { 20_000 };
    let place = Place::new()?;
    let (many, wide) = (calls.to_string(), AT_ONCE.to_string());
    let fixed = format!("concurrency = {AT_ONCE}");
    let words = ["--embed", EMBED, "--calls", &many, "--at-once", &wide];
    let mut lines = vec![place.silent(SCRIPT)?.ours("tidegate", &fixed, &words)?];
    let round = place.silent(SCRIPT)?;
    let journal = round.path("journal.db");
    let kept = [&words[..], &["--journal", &journal]].concat();
    lines.push(round.ours("tidegate, journalled", &fixed, &kept)?);
    for way in ["threads", "sequential"] {
        // One after the other they would take a quarter of an hour.
        let fewer = (calls / if way == "threads" { 1 } else { 100 }).to_string();
        let words = ["--embed", EMBED, "--calls", &fewer, "--at-once", &wide, "--way", way];
        lines.push(place.silent(SCRIPT)?.ours(&format!("tidegate, {way}"), &fixed, &words)?);
    }
    let peers =
        [("aiohttp", &["--uvloop"][..], 1), ("aiohttp", &[], 1), ("threads", &[], 4), ("openai", &[], 20)];
    for (mode, more, part) in peers {
        let fewer = (calls / part).to_string();
        let words = [&["--n", fewer.as_str(), "--concurrency", &wide][..], more].concat();
        lines.push(place.silent(SCRIPT)?.theirs(mode, &words)?);
    }
    let rows: Vec<Row> = lines.iter().map(row).collect();
    table(&["calls of 50 ms, 256 at once", "calls", "wall", "of limit", "CPU a call", "peak", "lost"], &rows);
    let mut aims = Aims::default();
    aims.at_least("share of the limit", share(&lines[0]), 0.97);
    aims.at_most("CPU a call, us", lines[0].cpu_us(), 40.0);
    aims.at_most("CPU a call with the journal, us", lines[1].cpu_us(), 75.0);
    aims.at_most("peak memory, MB", lines[0].peak() as f64 / 1e6, 40.0);
    aims.exactly("lost", lines[0].lost() + lines[1].lost(), 0);
    aims.end(json!({"contestants": lines.iter().map(|line| line.json(None)).collect::<Vec<_>>()}))
}

/// The least time that is possible, as a share of the time it took.
fn share(line: &Line) -> f64 {
    let rounds = ((line.ok() + line.lost()) as f64 / AT_ONCE as f64).max(1.0);
    rounds * LATENCY / line.seconds()
}

fn row(line: &Line) -> Row {
    Row(
        line.name.clone(),
        vec![
            (line.ok() + line.lost()).to_string(),
            format!("{:.2} s", line.seconds()),
            format!("{:.3}", share(line)),
            format!("{:.0} us", line.cpu_us()),
            mb(line.peak()),
            line.lost().to_string(),
        ],
    )
}

//! A provider that bears 48 requests at once and slows down beyond: what is found out, beside fixed numbers.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Place};
use super::{Row, Setting, table};

/// 120 calls a second at best; with 256 at once 85, of 3 s each.
const SCRIPT: &str = "latency = { base = { fixed = \"400ms\" } }\nknee = { at = 48, steepness = 1.2 }\n";

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let calls: u64 = if setting.small { 1_800 } else { 6_000 };
    let place = Place::new()?;
    let mut lines = Vec::new();
    for (name, settings, part) in [
        ("found out", "max_concurrency = 256", 1),
        ("fixed 8", "concurrency = 8", 10),
        ("fixed 48", "concurrency = 48", 1),
        ("fixed 256", "concurrency = 256", 1),
    ] {
        let many = (calls / part).to_string();
        let words = ["--embed", EMBED, "--calls", &many, "--at-once", "256"];
        lines.push(place.silent(SCRIPT)?.ours(name, settings, &words)?);
    }
    let rows: Vec<Row> = lines
        .iter()
        .map(|line| {
            let per_second = format!("{:.0}", line.at("per_second"));
            let [p50, p95] = ["p50_ms", "p95_ms"].map(|name| format!("{:.0} ms", line.at(name)));
            Row(line.name.clone(), vec![per_second, p50, p95, line.lost().to_string()])
        })
        .collect();
    table(&["knee at 48", "calls/s", "p50", "p95", "lost"], &rows);
    println!("p50 and p95 are of whole calls, the wait for a turn included: 256 are begun at any time");
    let best = lines[1..].iter().map(|line| line.at("per_second")).fold(0.0, f64::max);
    let mut aims = Aims::default();
    aims.at_least("throughput, of the best fixed", lines[0].at("per_second") / best, 0.95);
    aims.exactly("lost", lines.iter().map(super::calling::Line::lost).sum(), 0);
    aims.end(json!({"contestants": lines.iter().map(|line| line.json(None)).collect::<Vec<_>>()}))
}

//! A hundred users ask at the same time what takes two seconds to answer: who waits for whom.

use serde_json::{Value, json};

use super::calling::{Aims, Place};
use super::{Row, Setting, mb, table};

/// The first words after half a second, the last after two.
const SCRIPT: &str = "latency = { base = { fixed = \"500ms\" }, per_piece = \"100ms\" }\n";
const USERS: u64 = 100;
/// Threads of a pool as scripts have them.
const THREADS: &str = "32";

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let place = Place::new()?;
    // Two seconds each: all hundred one after the other say no more than some of them.
    let some = if setting.small { 5 } else { 20 };
    let mut lines = Vec::new();
    for (name, way, at_once, calls) in [
        ("one at a time", "sequential", "1", some),
        ("32 threads", "threads", THREADS, USERS),
        ("100 threads", "threads", "100", USERS),
        ("all on one thread", "async", "100", USERS),
    ] {
        let many = calls.to_string();
        let words = [
            "--chat",
            "openai:gpt-4o-mini",
            "--calls",
            &many,
            "--at-once",
            at_once,
            "--way",
            way,
            "--tokens",
            "40",
        ];
        let line = place.silent(SCRIPT)?.ours(name, "concurrency = 100", &words)?;
        lines.push((line, USERS as f64 / calls as f64));
    }
    let rows: Vec<Row> = lines
        .iter()
        .map(|(line, times)| {
            let first = line.line["first_text_ms"][2].as_f64().unwrap_or(f64::NAN);
            let alone = line.at("p50_ms") / 1e3;
            Row(
                line.name.clone(),
                vec![
                    format!("{:.1} s", line.seconds() * times),
                    format!("{:.1} x", line.seconds() * times / alone),
                    format!("{first:.0} ms"),
                    format!("{:.0} us", line.cpu_us()),
                    mb(line.peak()),
                    line.lost().to_string(),
                ],
            )
        })
        .collect();
    table(&["100 users", "last answer", "of one answer", "first words", "CPU each", "peak", "lost"], &rows);
    println!(
        "one at a time: worked out from {some} of them; first words: of 99 in 100, since their own call began"
    );
    let ours = &lines[3].0;
    let mut aims = Aims::default();
    aims.at_most("last answer, as a multiple of one answer", ours.seconds() / (ours.at("p50_ms") / 1e3), 1.1);
    aims.exactly("lost", lines.iter().map(|(line, _)| line.lost()).sum(), 0);
    aims.end(json!({"contestants": lines.iter().map(|(line, _)| line.json(None)).collect::<Vec<_>>()}))
}

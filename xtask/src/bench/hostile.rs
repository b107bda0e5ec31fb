//! What becomes of records when the provider refuses, fails, resets, hangs and dawdles at random.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Line, Place};
use super::{Row, Setting, table};

/// Of an answer's 20 ms the slow ones take 400; the hanging ones never come.
const SCRIPT: &str = r#"
latency = { base = { fixed = "20ms" } }
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

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let records: u64 = if setting.small { 1_000 } else { 5_000 };
    let place = Place::new()?;
    let many = records.to_string();
    // 64 are in flight; who rests after a refusal holds no place, so that more may be begun.
    let words = ["--embed", EMBED, "--calls", &many, "--at-once", "256"];
    let settings = "concurrency = 64\ntimeout = \"5s\"";
    let mut rounds = Vec::new();
    for (name, more) in [("tidegate", ""), ("tidegate, no hedges", "\nhedge = \"off\"")] {
        let round = place.logged(SCRIPT)?;
        let line = round.ours(name, &format!("{settings}{more}"), &words)?;
        rounds.push((line, round.judged(&[])?));
    }
    for mode in ["aiohttp", "threads"] {
        let round = place.logged(SCRIPT)?;
        let words = ["--n", &many, "--concurrency", "64", "--timeout", "5"];
        let line = round.theirs(mode, &words)?;
        rounds.push((line, round.judged(&[])?));
    }
    let rows: Vec<Row> = rounds.iter().map(|(line, judged)| row(line, judged)).collect();
    table(
        &["hostile, 64 in flight", "wall", "requests each", "lost", "paid twice", "p95", "CPU each"],
        &rows,
    );
    println!("64 in flight; the scripts keep a place for a record that rests after a refusal, as scripts do");
    let (ours, judged) = &rounds[0];
    let mut aims = Aims::default();
    aims.at_most("seconds", ours.seconds(), 4.0);
    aims.at_most("requests for each record", each(judged, ours), 1.15);
    aims.exactly("lost", ours.lost(), 0);
    aims.exactly("records answered", ours.ok(), records);
    aims.end(json!({"contestants": rounds.iter().map(|(line, judged)| line.json(Some(judged))).collect::<Vec<_>>()}))
}

/// Requests by the provider's log for each record.
fn each(judged: &Value, line: &Line) -> f64 {
    judged["requests"].as_f64().unwrap_or(f64::NAN) / (line.ok() + line.lost()) as f64
}

fn row(line: &Line, judged: &Value) -> Row {
    Row(
        line.name.clone(),
        vec![
            format!("{:.1} s", line.seconds()),
            format!("{:.3}", each(judged, line)),
            line.lost().to_string(),
            judged["paid_twice"].to_string(),
            format!("{:.0} ms", line.at("p95_ms")),
            format!("{:.0} us", line.cpu_us()),
        ],
    )
}

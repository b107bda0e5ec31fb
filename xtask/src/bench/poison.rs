//! One text in a hundred makes its whole batch be refused: the others must not suffer.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Place};
use super::{Row, Setting, table};

const SCRIPT: &str = "latency = { base = { fixed = \"20ms\" } }\n[[poison]]\ntext = \"POISON\"\n";
const BATCH: u64 = 64;
const EVERY: u64 = 100;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let calls: u64 = if setting.small { 25 } else { 100 };
    let texts = calls * BATCH;
    let bad = texts / EVERY;
    let place = Place::new()?;
    let round = place.logged(SCRIPT)?;
    let many = calls.to_string();
    let words = ["--embed", EMBED, "--calls", &many, "--at-once", "16", "--batch", "64", "--poison", "100"];
    let line = round.ours("tidegate", "concurrency = 16", &words)?;
    let judged = round.judged(&[])?;
    let requests = judged["requests"].as_u64().unwrap_or(0);
    let extra = requests.saturating_sub(calls) as f64 / bad as f64;
    table(
        &["poison", "texts", "refused", "answered", "lost", "requests", "extra each", "paid twice"],
        &[Row(
            line.name.clone(),
            vec![
                texts.to_string(),
                bad.to_string(),
                line.ok().to_string(),
                line.lost().to_string(),
                requests.to_string(),
                format!("{extra:.1}"),
                judged["paid_twice"].to_string(),
            ],
        )],
    );
    let mut aims = Aims::default();
    aims.exactly("good texts answered", line.ok(), texts - bad);
    aims.exactly("bad texts put aside", line.lost(), bad);
    aims.exactly("paid twice", judged["paid_twice"].as_u64().unwrap_or(u64::MAX), 0);
    // A batch with one culprit: itself, then two halves on each of the levels down to one text.
    aims.at_most("extra requests for each bad text", extra, (2 * BATCH.ilog2()) as f64);
    aims.end(json!({"texts": texts, "bad": bad, "extra_each": extra, "ours": line.json(Some(&judged))}))
}

//! How much of a quota is used, and how often more is asked for than there is.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Line, Place};
use super::{Row, Setting, table};

const REQUESTS: u64 = 6_000;
const TOKENS: u64 = 1_000_000;

/// How the provider counts.
struct Kind {
    name: &'static str,
    shape: &'static str,
    texts: u64,
    small: u64,
}

const KINDS: [Kind; 2] = [
    Kind { name: "bucket of 1 s", shape: "{ bucket = \"1s\" }", texts: 5_000, small: 1_500 },
    Kind { name: "any 60 s", shape: "\"sliding\"", texts: 20_000, small: 7_500 },
];

fn script(shape: &str) -> String {
    let limit = |unit, amount| format!("[[limits]]\nunit = \"{unit}\"\namount = {amount}\nshape = {shape}\n");
    let latency = "latency = { base = { log_normal = { p50 = \"50ms\", p99 = \"300ms\" } } }\n";
    format!("{latency}{}{}", limit("requests", REQUESTS), limit("tokens", TOKENS))
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let place = Place::new()?;
    let known = format!("requests_per_minute = {REQUESTS}\ntokens_per_minute = {TOKENS}\nconcurrency = 64");
    let mut rounds: Vec<(Line, Value)> = Vec::new();
    let mut aims = Aims::default();
    for Kind { name, shape, texts, small } in KINDS {
        let many = if setting.small { small } else { texts }.to_string();
        let script = script(shape);
        let words = ["--embed", EMBED, "--calls", &many, "--at-once", "256"];
        for (told, settings) in [("limits known", &*known), ("limits unknown", "max_concurrency = 64")] {
            let round = place.logged(&script)?;
            let line = round.ours(&format!("tidegate, {name}, {told}"), settings, &words)?;
            let judged = judged(round)?;
            judge(&mut aims, (&line, &judged), told == "limits known");
            rounds.push((line, judged));
        }
        // Scripts that are refused and obey each refusal on its own, and one that paces itself as tidegate does.
        let words = ["--n", &many, "--concurrency", "64"];
        let per_minute = (REQUESTS.to_string(), TOKENS.to_string());
        let paced = ["--requests-per-minute", &per_minute.0, "--tokens-per-minute", &per_minute.1];
        let plain = (!setting.small).then_some(&[][..]);
        for more in [Some(&paced[..]), plain].into_iter().flatten() {
            let round = place.logged(&script)?;
            let mut line = round.theirs("aiohttp", &[&words[..], more].concat())?;
            line.name = format!("{}, {name}", line.name);
            let judged = judged(round)?;
            rounds.push((line, judged));
        }
    }
    let rows: Vec<Row> = rounds.iter().map(|(line, judged)| row(line, judged)).collect();
    table(&["6,000 requests, 1 M tokens a minute", "wall", "of quota", "429s", "of requests", "lost"], &rows);
    aims.end(json!({"contestants": rounds.iter().map(|(line, judged)| line.json(Some(judged))).collect::<Vec<_>>()}))
}

/// What the log says; windows may hold a second's worth more where a bucket does, so they bound nothing here: the
/// provider itself keeps the limits, and what it refused is counted.
fn judged(round: super::calling::Round<'_>) -> Result<Value, String> {
    let requests = format!("{REQUESTS}:60");
    let tokens = format!("{TOKENS}:60");
    round.judged(&["--max-per-window", &requests, "--max-tokens-per-window", &tokens])
}

fn judge(aims: &mut Aims, (line, judged): (&Line, &Value), known: bool) {
    let share = judged["share_of_quota"].as_f64().unwrap_or(f64::NAN);
    let refused = judged["refused"].as_u64().unwrap_or(u64::MAX);
    let what = |figure: &str| format!("{}: {figure}", line.name);
    if known {
        aims.at_least(&what("share of the quota"), share, 0.99);
        aims.at_most(&what("refused"), refused as f64, 5.0);
    } else {
        aims.at_least(&what("share of the quota"), share, 0.90);
        let requests = judged["requests"].as_f64().unwrap_or(f64::NAN);
        aims.at_most(&what("refused, of all requests"), refused as f64 / requests, 0.02);
    }
    aims.exactly(&what("lost"), line.lost(), 0);
}

fn row(line: &Line, judged: &Value) -> Row {
    let refused = judged["refused"].as_u64().unwrap_or(0);
    let requests = judged["requests"].as_u64().unwrap_or(0);
    Row(
        line.name.clone(),
        vec![
            format!("{:.1} s", line.seconds()),
            format!("{:.4}", judged["share_of_quota"].as_f64().unwrap_or(f64::NAN)),
            refused.to_string(),
            format!("{:.2} %", refused as f64 / requests.max(1) as f64 * 100.0),
            line.lost().to_string(),
        ],
    )
}

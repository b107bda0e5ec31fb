//! Plans map jobs, runs them, and holds what was predicted against what the provider's log and the clock say.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::crash::{Plan, in_a_folder, unwritable};
use super::provider::Provider;
use super::strike::ENDED;
use crate::random::Random;
use crate::tool::{Build, Tool};

/// Rows of the whole proof, and of the everyday one.
pub(crate) const ROWS: u64 = 3_000;
pub(crate) const FEW: u64 = 400;
/// Rows of the try before, which tells how long answers are and how fast they come.
const TRIED: &str = "60";

/// How far tokens, money and time may be off.
const TOKENS: f64 = 0.03;
const COST: f64 = 0.03;
const TIME: f64 = 0.15;

/// What is paid for a million tokens, sent and answered, so that the judge reckons for itself.
const PRICES: (f64, f64) = (2.0, 10.0);

/// A job that another limit binds.
struct Case {
    name: &'static str,
    /// Of the provider's section in the job.
    limits: &'static str,
    /// What the provider does beside answering.
    script: &'static str,
    /// Whether a second step asks about some of the answers.
    two: bool,
    /// What the plan must say binds it.
    binding: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "requests a minute",
        limits: "requests_per_minute = 6000\nconcurrency = 64\n",
        script: "chat = { words = 12 }\nlatency = { base = { uniform = { from = \"20ms\", to = \"60ms\" } } }\n",
        two: false,
        binding: "6000 requests a minute",
    },
    Case {
        name: "tokens a minute",
        limits: "tokens_per_minute = 480000\nconcurrency = 64\n",
        script: "chat = { words = 12 }\nlatency = { base = { uniform = { from = \"20ms\", to = \"60ms\" } } }\n",
        two: false,
        binding: "480000 tokens a minute",
    },
    Case {
        name: "requests in flight",
        limits: "concurrency = 6\n",
        script: "chat = { words = 12 }\nlatency = { base = { uniform = { from = \"30ms\", to = \"90ms\" } } }\n",
        two: false,
        binding: "6 requests in flight",
    },
    Case {
        name: "two steps of one model",
        limits: "concurrency = 8\n",
        script: "chat = { words = 12 }\nlatency = { base = { uniform = { from = \"30ms\", to = \"90ms\" } } }\n",
        two: true,
        binding: "8 requests in flight",
    },
];

const FIRST: &str = "\
[[step]]
name = \"about\"
model = \"toy:m\"
system = \"You name what a text is about.\"
prompt = \"What is this about? {{ text }}\"
max_tokens = 24
";

const SECOND: &str = "\
[[step]]
name = \"reply\"
model = \"toy:m\"
when = \".n % 3 == 0\"
prompt = \"Answer a text about {{ about }}: {{ text }}\"
max_tokens = 24
";

/// The proof of the everyday test.
pub(crate) fn short() -> Result<String, String> {
    prove(&Tool::build(Build::Debug)?, &Plan { kills: 0, seed: 1, keep: false }, FEW)
}

/// The whole proof.
pub(crate) fn prove(tool: &Tool, plan: &Plan, rows: u64) -> Result<String, String> {
    let mut note = format!("{rows} rows; predicted and actual, by what binds:");
    let mut random = Random::new(plan.seed);
    for case in CASES {
        let seed = random.next();
        let told = in_a_folder(plan, seed, |dir| judged(tool, (dir, seed), (case, rows)))
            .map_err(|error| format!("seed {}, {}: {error}", plan.seed, case.name))?;
        let _ = write!(note, "\n  {}: {told}", case.name);
    }
    Ok(note)
}

/// Tries some rows, plans the others and runs them.
fn judged(tool: &Tool, (dir, seed): (&Path, u64), (case, rows): (&Case, u64)) -> Result<String, String> {
    let provider = Provider::start(tool, dir, &format!("seed = {}\n{}", seed >> 1, case.script))?;
    let second = if case.two { SECOND } else { "" };
    let section = format!("[providers.toy]\nbase_url = \"{}/v1\"\n{}", provider.url, case.limits);
    let write =
        |name: &str, text: &str| std::fs::write(dir.join(name), text).map_err(|error| unwritable(&error));
    write("job.toml", &format!("{FIRST}{second}{section}[limits]\nprices = \"prices.toml\"\n"))?;
    let (input, output) = PRICES;
    write(
        "prices.toml",
        &format!("[[prices]]\nprovider = \"toy\"\nmodel = \"m\"\ninput = {input}\noutput = {output}\n"),
    )?;
    write("in.jsonl", &lines(rows, seed))?;
    tool.json(dir, &["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--limit", TRIED, "--json"], ENDED)?;
    let before = Billed::of(&provider)?;
    let planned = tool.json(dir, &["plan", "job.toml", "in.jsonl", "--json"], ENDED)?;
    if Billed::of(&provider)?.calls != before.calls {
        return Err("the plan sent something".to_owned());
    }
    let binding = planned["binding"].as_str().unwrap_or_default();
    if !binding.contains(case.binding) {
        return Err(format!("the plan says that it is bound by {binding:?}, not by {}", case.binding));
    }
    let report =
        tool.json(dir, &["map", "job.toml", "in.jsonl", "-o", "out.jsonl", "--plan", "--json"], ENDED)?;
    let billed = Billed::of(&provider)?.since(before);
    let seconds = report["seconds"].as_f64().unwrap_or(0.0);
    compare(&report, (billed, seconds))
}

fn lines(rows: u64, seed: u64) -> String {
    let mut random = Random::new(seed);
    (0..rows).fold(String::new(), |mut text, n| {
        let words = "of boats and tides ".repeat(usize::try_from(random.below(24)).unwrap_or(0));
        let _ = writeln!(text, "{{\"n\":{n},\"text\":\"row {n} {words}\"}}");
        text
    })
}

/// What the provider's log says that it billed.
#[derive(Debug, Clone, Copy, Default)]
struct Billed {
    calls: f64,
    input: f64,
    output: f64,
}

impl Billed {
    fn of(provider: &Provider) -> Result<Self, String> {
        let log = std::fs::read_to_string(&provider.log).unwrap_or_default();
        let mut billed = Self::default();
        for line in log.lines().filter(|line| line.contains("\"answered\"")) {
            let event: Value =
                serde_json::from_str(line).map_err(|error| format!("the provider's log: {error}"))?;
            billed.calls += 1.0;
            billed.input += event["billed_input"].as_f64().unwrap_or(0.0);
            billed.output += event["billed_output"].as_f64().unwrap_or(0.0);
        }
        Ok(billed)
    }

    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls - before.calls,
            input: self.input - before.input,
            output: self.output - before.output,
        }
    }

    fn cost(self) -> f64 {
        (self.input * PRICES.0 + self.output * PRICES.1) / 1e6
    }
}

/// Holds what the report says was predicted against what was.
fn compare(report: &Value, (billed, seconds): (Billed, f64)) -> Result<String, String> {
    let predicted = |figure: &str| report["plan"]["predicted"][figure].as_f64().unwrap_or(f64::NAN);
    let mut told = Vec::new();
    for (figure, predicted, actual, most, digits) in [
        ("calls", predicted("calls"), billed.calls, 0.0, 0),
        ("tokens in", predicted("input_tokens"), billed.input, TOKENS, 0),
        ("out", predicted("output_tokens"), billed.output, TOKENS, 0),
        ("cost", predicted("cost"), billed.cost(), COST, 4),
        ("seconds", predicted("seconds"), seconds, TIME, 2),
    ] {
        let off = predicted / actual - 1.0;
        told.push(format!("{figure} {predicted:.digits$} {actual:.digits$} ({:+.1} %)", off * 1e2));
        // What is no number is off as well.
        if off.is_nan() || off.abs() > most + f64::EPSILON {
            return Err(format!("{} is off by more than {:.0} %: {}", figure, most * 1e2, told.join(", ")));
        }
    }
    Ok(told.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_off_is_caught() {
        let billed = Billed { calls: 100.0, input: 1_000.0, output: 100.0 };
        let report = |calls: u64, input: u64, output: u64, seconds: f64| {
            let cost = (input as f64 * PRICES.0 + output as f64 * PRICES.1) / 1e6;
            json!({ "plan": { "predicted": { "calls": calls, "input_tokens": input, "output_tokens": output, "cost": cost, "seconds": seconds } } })
        };
        compare(&report(100, 1_020, 98, 11.0), (billed, 10.0)).unwrap();
        for (report, figure) in [
            (report(101, 1_000, 100, 10.0), "calls"),
            (report(100, 1_040, 100, 10.0), "tokens in"),
            (report(100, 1_000, 96, 10.0), "out"),
            (report(100, 1_000, 100, 12.0), "seconds"),
            (json!({}), "calls"),
        ] {
            let error = compare(&report, (billed, 10.0)).unwrap_err();
            assert!(error.starts_with(figure), "{error}");
        }
    }
}

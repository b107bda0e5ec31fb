//! A provider that answers 503 to everything for a while in the middle of a run.

use serde_json::{Value, json};

use super::calling::{Aims, EMBED, Place};
use super::{Row, Setting, table};

/// Where the run is at full speed, calls a second.
const AT_ONCE: u64 = 32;
const LATENCY: f64 = 0.05;
/// Full speed is this share of what it was before.
const FULL: f64 = 0.9;
/// Speed is judged over so long, in seconds.
const MOMENT: f64 = 0.5;

/// What the log says of the outage.
struct Told {
    /// Requests that came during it.
    during: u64,
    /// Answers a second before it.
    before: f64,
    /// Seconds after its end until the speed was back; none if it never was.
    back: Option<f64>,
}

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let (from, length) = if setting.small { (4.0, 10.0) } else { (15.0, 60.0) };
    let to = from + length;
    let script = format!(
        "latency = {{ base = {{ fixed = \"50ms\" }} }}\n[[outages]]\nfrom = \"{from}s\"\nto = \"{to}s\"\n"
    );
    // As many as take what comes before the outage and as long again, and ten seconds.
    let calls = ((2.0 * from + 10.0) * AT_ONCE as f64 / LATENCY) as u64;
    let place = Place::new()?;
    let round = place.logged(&script)?;
    let many = calls.to_string();
    let words = ["--embed", EMBED, "--calls", &many, "--at-once", "128"];
    let line = round.ours("tidegate", &format!("concurrency = {AT_ONCE}"), &words)?;
    let told = read(&round.log()?, (from, to));
    let judged = round.judged(&[])?;
    let back = told.back.unwrap_or(f64::NAN);
    table(
        &[
            "outage",
            "calls",
            "wall",
            "calls during",
            "calls/s before",
            "full speed after",
            "lost",
            "sent twice",
        ],
        &[Row(
            format!("{length:.0} s of 503"),
            vec![
                calls.to_string(),
                format!("{:.1} s", line.seconds()),
                told.during.to_string(),
                format!("{:.0}", told.before),
                format!("{back:.1} s"),
                line.lost().to_string(),
                judged["sent_twice"].to_string(),
            ],
        )],
    );
    let mut aims = Aims::default();
    aims.exactly("records put aside", line.lost(), 0);
    aims.exactly("records answered", line.ok(), calls);
    // Those in flight when it begins, and then a probe now and then.
    aims.at_most("calls during the outage", told.during as f64, 2.0 * AT_ONCE as f64 + length);
    // Probes come less and less often; what they add is no longer than the outage was.
    aims.at_most("seconds to full speed", if back.is_nan() { f64::INFINITY } else { back }, length);
    aims.end(json!({
        "outage_seconds": length, "during": told.during, "per_second_before": told.before, "full_speed_after": told.back,
        "ours": line.json(Some(&judged)),
    }))
}

fn read(log: &[Value], (from, to): (f64, f64)) -> Told {
    let at = |line: &Value| line["at_us"].as_f64().unwrap_or(f64::NAN) / 1e6;
    let received = log.iter().filter(|line| line["event"] == "received").map(at);
    let during = received.filter(|at| (from..to).contains(at)).count() as u64;
    let mut answers: Vec<f64> =
        log.iter().filter(|line| line["event"] == "answered" && line["status"] == 200).map(at).collect();
    answers.sort_by(f64::total_cmp);
    let between = |from: f64, to: f64| {
        answers.partition_point(|at| *at < to) - answers.partition_point(|at| *at < from)
    };
    // The first second may go into starting up.
    let before = between(from / 2.0, from) as f64 / (from / 2.0);
    let moments = (0..1_200_u32).map(|tenth| f64::from(tenth) / 10.0);
    let mut full =
        moments.filter(|after| between(to + after, to + after + MOMENT) as f64 >= FULL * before * MOMENT);
    Told { during, before, back: full.next() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_log_says_of_an_outage_is_read() {
        let mut log = Vec::new();
        let mut add = |at: f64, status: u64| {
            log.push(json!({"event": "received", "at_us": (at * 1e6) as u64}));
            log.push(json!({"event": "answered", "at_us": (at * 1e6) as u64 + 1, "status": status}));
        };
        for at in 0..1_000 {
            add(f64::from(at) / 100.0, 200);
        }
        for at in [11.0, 15.0, 19.0] {
            add(at, 503);
        }
        for at in 0..500 {
            add(22.0 + f64::from(at) / 100.0, 200);
        }
        let told = read(&log, (10.0, 20.0));
        assert_eq!(told.during, 3);
        assert!((told.before - 100.0).abs() < 1.0, "{}", told.before);
        let back = told.back.expect("it came back");
        assert!((1.9..=2.1).contains(&back), "{back}");
        assert!(read(&log[..2_000], (10.0, 20.0)).back.is_none());
    }
}

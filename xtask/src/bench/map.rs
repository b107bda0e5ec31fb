//! How near a map job comes to what its provider allows, its rows in order.

use serde_json::{Value, json};

use super::calling::{Aims, Place};
use super::{Row, Setting, bare, mb, table};

/// What every answer takes, in seconds.
const LATENCY: f64 = 0.1;
const SCRIPT: &str = "latency = { base = { fixed = \"100ms\" } }\nchat = { reply = \"a label\" }\n";
const AT_ONCE: u64 = 256;
/// Rows that are all asked about at once.
const FEW: u64 = 64;
/// Of the short measurement, which the start of a process may disturb, the one in the middle counts.
const ROUNDS: usize = 5;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let many: u64 = if setting.small { 2_560 } else { 10_000 };
    let place = Place::new()?;
    let (few, bare_few) = middle(&place, FEW, FEW, ROUNDS)?;
    let (all, bare_all) = middle(&place, many, AT_ONCE, 1)?;
    let (once, least) = (seconds(&few) / LATENCY, seconds(&few) / bare_few);
    // Nobody can do with less than one latency for each time that all are asked at once, the last time included.
    let limit = many.div_ceil(AT_ONCE) as f64 * LATENCY;
    let (share, of_bare) = (limit / seconds(&all), bare_all / seconds(&all));
    let row = |name: String, wall: f64, figure: String, report: Option<&Value>| {
        let peak = report.map(|report| mb(report["peak_memory_bytes"].as_u64().unwrap_or_default()));
        Row(name, vec![format!("{wall:.3} s"), figure, peak.unwrap_or_default()])
    };
    table(
        &["rows against answers of 100 ms", "wall", "of what is possible", "peak"],
        &[
            row(format!("{FEW}, all at once"), seconds(&few), format!("{once:.3} latencies"), Some(&few)),
            row(
                "  a client that only waits".into(),
                bare_few,
                format!("{:.3} latencies", bare_few / LATENCY),
                None,
            ),
            row(format!("{many}, {AT_ONCE} at once"), seconds(&all), format!("{share:.3}"), Some(&all)),
            row("  a client that only waits".into(), bare_all, format!("{:.3}", limit / bare_all), None),
        ],
    );
    let mut aims = Aims::default();
    aims.at_most("latencies that rows take which are all asked about at once", once, 1.03);
    aims.at_most("the same beside a client that only waits", least, 1.03);
    aims.at_least("share of the limit, in order", share, 0.97);
    aims.at_least("the same beside a client that only waits", of_bare, 0.97);
    let bare = json!({"few_seconds": bare_few, "many_seconds": bare_all});
    aims.end(json!({"few": few, "many": all, "bare": bare, "latencies": once, "share": share}))
}

/// The report in the middle of some runs, and the seconds in the middle of as many by a client that only waits, one
/// after the other.
fn middle(place: &Place, rows: u64, at_once: u64, rounds: usize) -> Result<(Value, f64), String> {
    let (mut reports, mut bares) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let round = place.silent(SCRIPT)?;
        bares.push(bare::wait(round.url(), rows, at_once)?.as_secs_f64());
        reports.push(round.maps(rows, at_once)?);
    }
    reports.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    bares.sort_by(f64::total_cmp);
    Ok((reports.swap_remove(rounds / 2), bares[rounds / 2]))
}

fn seconds(report: &Value) -> f64 {
    report["seconds"].as_f64().unwrap_or(f64::NAN)
}

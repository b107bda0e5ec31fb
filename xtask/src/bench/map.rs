//! How near a map job comes to what its provider allows, its rows in order.

use serde_json::{Value, json};

use super::calling::{Aims, Place};
use super::{Row, Setting, mb, table};

/// What every answer takes, in seconds.
const LATENCY: f64 = 0.1;
const SCRIPT: &str = "latency = { base = { fixed = \"100ms\" } }\nchat = { reply = \"a label\" }\n";
const AT_ONCE: u64 = 256;
/// Rows that are all asked about at once.
const FEW: u64 = 64;

pub(super) fn measure(setting: &Setting) -> Result<Value, String> {
    let many: u64 = if setting.small { 2_560 } else { 10_000 };
    let place = Place::new()?;
    let few = place.silent(SCRIPT)?.maps(FEW, FEW)?;
    let all = place.silent(SCRIPT)?.maps(many, AT_ONCE)?;
    let seconds = |report: &Value| report["seconds"].as_f64().unwrap_or(f64::NAN);
    let once = seconds(&few) / LATENCY;
    // Nobody can do with less than one latency for each time that all are asked at once, the last time included.
    let share = many.div_ceil(AT_ONCE) as f64 * LATENCY / seconds(&all);
    let row = |name: String, report: &Value, figure: String| {
        let peak = report["peak_memory_bytes"].as_u64().unwrap_or_default();
        Row(name, vec![format!("{:.3} s", seconds(report)), figure, mb(peak)])
    };
    table(
        &["rows against answers of 100 ms", "wall", "of what is possible", "peak"],
        &[
            row(format!("{FEW}, all at once"), &few, format!("{once:.3} latencies")),
            row(format!("{many}, {AT_ONCE} at once"), &all, format!("{share:.3}")),
        ],
    );
    let mut aims = Aims::default();
    aims.at_most("latencies that rows take which are all asked about at once", once, 1.03);
    aims.at_least("share of the limit, in order", share, 0.97);
    aims.end(json!({"few": few, "many": all, "latencies": once, "share": share}))
}

//! What earlier runs of the same store say of the lanes they called.

use std::collections::BTreeMap;

use tidegate_core::Fault;
use tidegate_core::report::LaneReport;
use tidegate_store::Store;

/// Runs that are looked at, the newest first.
const RUNS: usize = 50;
/// Calls after which a run has found out how many a service bears.
const ENOUGH: u64 = 200;

/// Lanes of earlier runs, by name.
#[derive(Debug, Default)]
pub(super) struct Past(BTreeMap<String, LaneReport>);

impl Past {
    /// What the latest run that called a lane says of it.
    ///
    /// # Errors
    /// Storage faults.
    pub(super) fn of(store: Option<&Store>) -> Result<Self, Fault> {
        let Some(store) = store else { return Ok(Self::default()) };
        let mut lanes = BTreeMap::new();
        for run in store.runs(RUNS)? {
            // A report of another version is as good as none.
            let reported =
                run.report.and_then(|mut report| report.get_mut("lanes").map(serde_json::Value::take));
            let reported = reported.and_then(|lanes| serde_json::from_value::<Vec<LaneReport>>(lanes).ok());
            for lane in reported.into_iter().flatten().filter(|lane| lane.sent > 0 && millis(lane) > 0.0) {
                lanes.entry(lane.name.clone()).or_insert(lane);
            }
        }
        Ok(Self(lanes))
    }

    /// Seconds that a call of `lane` took on average.
    pub(super) fn latency(&self, lane: &str) -> Option<f64> {
        self.0.get(lane).map(|lane| millis(lane) / 1e3)
    }

    /// Requests of `lane` in flight that its service was found to bear.
    pub(super) fn in_flight(&self, lane: &str) -> Option<u32> {
        self.0.get(lane).filter(|lane| lane.sent >= ENOUGH).map(|lane| lane.concurrency)
    }
}

/// Reports of older versions say no average.
fn millis(lane: &LaneReport) -> f64 {
    if lane.mean_ms > 0.0 { lane.mean_ms } else { lane.p50_ms }
}

//! What a lane did, for the report: how long calls waited for what, and which limit that was.

use std::collections::BTreeMap;

use tidegate_call::{Cause, Lane, LaneView};
use tidegate_core::QuotaUnit;
use tidegate_core::report::LaneReport;
use tidegate_model::is_another_model;

/// Calls that waited less than this all together waited for nothing worth naming, seconds.
const LITTLE: f64 = 0.05;

/// What `lane` did. `aliases` says that its models are called as their owner likes.
pub(super) fn of(lane: &Lane, aliases: bool) -> LaneReport {
    let another = |told: &String| !aliases && is_another_model(&lane.name().model, told);
    let (counters, view) = (lane.counters(), lane.view());
    let waited = |cause: &Cause| (cause.name().to_owned(), counters.wait(*cause).sum().as_secs_f64());
    let mut waits: BTreeMap<String, f64> = Cause::ALL.iter().map(waited).collect();
    waits.insert("backoff".to_owned(), counters.wait_backoff.sum().as_secs_f64());
    waits.retain(|_, seconds| *seconds > 0.0);
    let longest = Cause::ALL.into_iter().max_by_key(|cause| counters.wait(*cause).sum());
    let binding = longest.filter(|cause| counters.wait(*cause).sum().as_secs_f64() > LITTLE);
    let ms = |q: f64| counters.latency.quantile(q).as_secs_f64() * 1e3;
    LaneReport {
        name: lane.name().to_string(),
        sent: counters.sent.get(),
        concurrency: view.allowed,
        waits,
        answered_by: lane.models_named().into_iter().filter(another).collect(),
        binding: binding.map(|cause| words(cause, &view)).unwrap_or_default(),
        mean_ms: counters.latency.sum().as_secs_f64() * 1e3 / counters.latency.count().max(1) as f64,
        p50_ms: ms(0.50),
        p95_ms: ms(0.95),
        p99_ms: ms(0.99),
    }
}

/// What calls waited for, so that a person knows what to raise.
fn words(cause: Cause, view: &LaneView) -> String {
    let limit = |tokens: bool| {
        let of_kind = |unit: QuotaUnit| tokens != matches!(unit, QuotaUnit::Requests | QuotaUnit::Inputs);
        let tightest =
            view.limits.iter().filter(|view| of_kind(view.limit.unit)).min_by_key(|view| view.limit.amount);
        let unit = if tokens { "tokens" } else { "requests" };
        match tightest {
            Some(view) if view.limit.per.as_secs() == 60 => {
                format!("the limit of {} {} a minute", view.limit.amount, view.limit.unit.name())
            }
            Some(view) => {
                let seconds = view.limit.per.as_secs();
                format!("the limit of {} {} in {seconds} s", view.limit.amount, view.limit.unit.name())
            }
            None => format!("{unit}, of which the service wants fewer"),
        }
    };
    match cause {
        Cause::Requests => limit(false),
        Cause::Tokens => limit(true),
        Cause::Concurrency => format!("its turn: {} requests may be in flight", view.allowed),
        Cause::Pause => "pauses that the service asked for".to_owned(),
        Cause::Breaker => "the service, which answered nobody".to_owned(),
        Cause::Extra => "leave to repeat: too many calls failed".to_owned(),
        Cause::Budget => "what may be spent".to_owned(),
    }
}

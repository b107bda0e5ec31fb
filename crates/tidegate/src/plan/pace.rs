//! How long calls take: from the limits of their lanes, how many may be in flight, and how long one is.
//!
//! A formula for each limit, and the slowest binds. A simulation of the lane was refused: it would take the time of a
//! run, and what it knew better is lost in how far latencies are off.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_call::Limit;
use tidegate_core::QuotaUnit;

/// Calls of one step.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    /// The lane that they share with others of its model.
    pub(super) lane: String,
    pub(super) calls: f64,
    /// Tokens sent, all calls together.
    pub(super) input: f64,
    /// Tokens answered.
    pub(super) output: f64,
    /// Tokens that the answers may have: what is held until they are there.
    pub(super) room: f64,
    /// Seconds from a request to its whole answer.
    pub(super) latency: f64,
    /// Records that the step works on at once.
    pub(super) at_once: f64,
    /// Requests of the lane that may be in flight.
    pub(super) in_flight: f64,
    /// Whether a run finds out how many, from few upwards.
    pub(super) adapts: bool,
    pub(super) limits: Vec<Limit>,
    /// The share of a limit that is used.
    pub(super) share: f64,
}

/// How long it takes, in seconds, and what makes it so long.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pace {
    pub(super) seconds: f64,
    pub(super) binding: String,
}

/// Limits over longer windows are counted but not paced.
const PACED: Duration = Duration::from_secs(300);
/// Requests in flight at first where their number is found out, and round trips before it is doubled.
const AT_FIRST: f64 = 4.0;
const EACH_LEVEL: f64 = 3.0;
/// What a call takes of this machine beside its waiting, in seconds: templates, journal, output.
const OVERHEAD: f64 = 0.000_2;

/// How long a step takes by itself.
pub(super) fn of_step(load: &Load) -> Pace {
    of_lane(std::slice::from_ref(load))
}

/// How long all steps take together. They run side by side, each on the records that the one before has done; the
/// first record must pass all of them, and those of one lane share its limits.
pub(super) fn of_all(loads: &[Load]) -> Pace {
    let mut lanes: BTreeMap<&str, Vec<Load>> = BTreeMap::new();
    for load in loads.iter().filter(|load| load.calls > 0.0) {
        lanes.entry(&load.lane).or_default().push(load.clone());
    }
    let chain = |but: &str| -> f64 {
        let others = loads.iter().filter(|load| load.calls > 0.0 && load.lane != but);
        others.map(|load| load.latency).sum()
    };
    let paces = lanes.iter().map(|(lane, loads)| {
        let pace = of_lane(loads);
        Pace { seconds: pace.seconds + chain(lane), ..pace }
    });
    paces.max_by(|a, b| a.seconds.total_cmp(&b.seconds)).unwrap_or_default()
}

fn of_lane(loads: &[Load]) -> Pace {
    let calls: f64 = loads.iter().map(|load| load.calls).sum();
    let Some(first) = loads.first().filter(|_| calls > 0.0) else { return Pace::default() };
    let busy: f64 = loads.iter().map(|load| load.calls * load.latency).sum();
    let chain: f64 = loads.iter().map(|load| load.latency).sum();
    let at_once = loads.iter().map(|load| load.at_once).sum::<f64>().min(first.in_flight).max(1.0);
    let rounds = if first.adapts { found_out(calls, at_once) } else { rounds(calls, at_once) };
    let mut slowest = Pace {
        seconds: (rounds * busy / calls).max(chain),
        binding: format!("{at_once:.0} requests in flight, of {} each", short(busy / calls)),
    };
    let mut offer = |seconds: f64, binding: &dyn Fn() -> String| {
        if seconds > slowest.seconds {
            slowest = Pace { seconds, binding: binding() };
        }
    };
    for limit in &first.limits {
        let seconds = limited(loads, limit, busy / calls) + busy / calls;
        offer(seconds, &|| words(limit));
    }
    offer(calls * OVERHEAD, &|| "this machine".to_owned());
    slowest
}

/// Round trips that calls take of which so many are in flight. Whole ones where they are few: 17 calls of which 16 are
/// in flight take two.
fn rounds(calls: f64, at_once: f64) -> f64 {
    if calls / at_once < 20.0 { (calls / at_once).ceil() } else { calls / at_once }
}

/// The same where a run begins with few in flight, and doubles them while that pays.
fn found_out(calls: f64, at_once: f64) -> f64 {
    let (mut level, mut left, mut took) = (AT_FIRST, calls, 0.0);
    while level < at_once && left > EACH_LEVEL * level {
        left -= EACH_LEVEL * level;
        took += EACH_LEVEL;
        level *= 2.0;
    }
    took + rounds(left, level.min(at_once))
}

/// Seconds until the last of the calls may go.
fn limited(loads: &[Load], limit: &Limit, latency: f64) -> f64 {
    let sum = |of: &dyn Fn(&Load) -> f64| -> f64 { loads.iter().map(of).sum() };
    let calls = sum(&|load| load.calls);
    let input = sum(&|load| load.input);
    let used = match limit.unit {
        QuotaUnit::Requests | QuotaUnit::Inputs => calls,
        QuotaUnit::Tokens => input + sum(&|load| load.output),
        QuotaUnit::InputTokens => input,
        QuotaUnit::OutputTokens => sum(&|load| load.output),
    };
    let held = match limit.unit {
        QuotaUnit::Tokens => input + sum(&|load| load.room),
        QuotaUnit::OutputTokens => sum(&|load| load.room),
        _ => used,
    };
    let (amount, window) = (limit.amount.max(1) as f64, limit.per.as_secs_f64());
    if limit.per > PACED {
        return ((used - 1.0) / amount).floor().max(0.0) * window;
    }
    let rate = amount * loads.first().map_or(1.0, |load| load.share) / window;
    let burst = rate * limit.burst.as_secs_f64();
    // What an answer may have is held until it is there. Experience corrects it to half at the least, so answers that
    // are much shorter than they may be keep others waiting.
    let held = used.max(held / 2.0);
    let excess = (held - used) / calls;
    let a_second = if excess > 0.0 && latency > 0.0 {
        let by_return = burst / (latency * excess);
        (rate / (used / calls)).min(by_return.max(rate / (held / calls)))
    } else {
        rate / (used / calls).max(f64::MIN_POSITIVE)
    };
    ((calls - burst / (used / calls).max(f64::MIN_POSITIVE)) / a_second).max(0.0)
}

fn words(limit: &Limit) -> String {
    let window = match limit.per.as_secs() {
        60 => "a minute".to_owned(),
        3_600 => "an hour".to_owned(),
        86_400 => "a day".to_owned(),
        seconds => format!("in {seconds} s"),
    };
    format!("the limit of {} {} {window}", limit.amount, limit.unit.name().replace('_', " "))
}

fn short(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(calls: f64) -> Load {
        Load {
            lane: "a/m".to_owned(),
            calls,
            input: calls * 100.0,
            output: calls * 10.0,
            room: calls * 10.0,
            latency: 0.1,
            at_once: 64.0,
            in_flight: 16.0,
            adapts: false,
            limits: Vec::new(),
            share: 1.0,
        }
    }

    fn near(pace: &Pace, seconds: f64, binding: &str) {
        assert!((pace.seconds - seconds).abs() < 0.02 * seconds, "{pace:?} is not {seconds}");
        assert!(pace.binding.contains(binding), "{pace:?} does not name {binding}");
    }

    #[test]
    fn the_slowest_limit_binds() {
        near(&of_step(&load(1_600.0)), 10.0, "16 requests in flight, of 100 ms each");
        near(&of_step(&load(17.0)), 0.2, "16 requests");
        near(&of_step(&load(1.0)), 0.1, "in flight");
        let limited = |unit, amount| {
            let limits = vec![Limit::per_minute(unit, amount)];
            of_step(&Load { limits, ..load(1_600.0) })
        };
        // Half a second's worth goes at once, and the last answer takes its time.
        near(&limited(QuotaUnit::Requests, 6_000), 16.0 - 0.5 + 0.1, "the limit of 6000 requests a minute");
        near(&limited(QuotaUnit::Tokens, 600_000), 17.6 - 0.4, "600000 tokens a minute");
        near(&limited(QuotaUnit::InputTokens, 600_000), 16.0 - 0.4, "600000 input tokens");
        near(&limited(QuotaUnit::OutputTokens, 600_000), 10.0, "in flight");
        // 12 round trips until there are 64 in flight, in which 180 are answered.
        let adapting = Load { adapts: true, in_flight: 64.0, ..load(6_580.0) };
        near(&of_step(&adapting), 11.2, "64 requests in flight");
        near(&of_step(&Load { adapts: true, ..load(10.0) }), 0.3, "in flight");
        let day = Limit { per: Duration::from_secs(86_400), ..Limit::per_minute(QuotaUnit::Requests, 1_000) };
        let days = of_step(&Load { limits: vec![day], ..load(1_600.0) });
        near(&days, 86_400.0, "1000 requests a day");
        let fast = Load { latency: 0.0, ..load(1_000_000.0) };
        near(&of_step(&fast), 200.0, "this machine");
        assert_eq!(of_step(&load(0.0)), Pace::default());
        assert_eq!(of_all(&[]), Pace::default());
    }

    #[test]
    fn room_that_answers_do_not_use_is_held_until_they_come() {
        let limits = vec![Limit::per_minute(QuotaUnit::Tokens, 600_000)];
        let tight = Load { limits, ..load(1_600.0) };
        let wide =
            Load { room: tight.calls * 1_000.0, latency: 2.0, in_flight: 1e6, at_once: 1e6, ..tight.clone() };
        assert!(of_step(&wide).seconds > 2.0 * of_step(&tight).seconds, "{:?}", of_step(&wide));
        // Never slower than if nothing were given back.
        assert!(of_step(&wide).seconds < 1_600.0 * 1_100.0 / 10_000.0, "{:?}", of_step(&wide));
    }

    #[test]
    fn steps_share_the_lane_of_a_model_and_run_beside_others() {
        let other = Load { lane: "b/m".to_owned(), ..load(800.0) };
        near(&of_all(&[load(1_600.0), other.clone()]), 10.1, "16 requests");
        let same = Load { lane: "a/m".to_owned(), ..other };
        near(&of_all(&[load(1_600.0), same]), 15.0, "16 requests");
    }
}

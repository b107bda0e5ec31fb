//! The checker: compares what is durable and what was reported with what should be. It shares nothing with the
//! engine but the shape of the report.

use tidegate_core::Stop;
use tidegate_core::report::RunState;
use tidegate_engine::{Ended, Monitor};

use super::durable::{Doings, brief};
use super::expect::{Expect, expect};
use super::gauge::Lasting;
use super::plan::Plan;

/// How far a run was stopped.
#[derive(Clone, Copy)]
pub(crate) struct Stopped {
    pub(crate) level: Stop,
    /// What was in flight was not finished: it was aborted, or the drain took too long.
    pub(crate) cut: bool,
    /// The stop was asked for from outside.
    pub(crate) asked: bool,
}

/// Checks a run that ended: by itself, by a drain or by an abort.
pub(crate) fn after_round(
    lasting: &Lasting,
    (ended, stopped, last): (&Ended, Stopped, bool),
    (plan, monitor): (&Plan, &Monitor),
) -> Vec<String> {
    let mut found = Vec::new();
    let Stopped { level, cut, asked } = stopped;
    let (report, run) = (&ended.report, &lasting.durable.run);
    let mut check = |right: bool, what: String| {
        if !right {
            found.push(what);
        }
    };
    let records = report.records;
    check(records.add_up(), format!("the report does not add up: {records:?}"));
    check(report.state != RunState::Failed, format!("the run failed: {:?}", ended.fault));
    check(run.overheld.is_none(), format!("{:?} was held for longer than it may", run.overheld));
    if report.state == RunState::Stopped && ended.fault.is_some() && !asked {
        let down = run.longest_down;
        check(down >= plan.options.max_hold, format!("stopped as held too long after {down:?}"));
    }
    if last {
        check(
            ended.fault.is_none()
                && (report.state == RunState::Done || (Stop::Drain..Stop::Abort).contains(&level)),
            format!("without faults the run ended as {:?}: {:?}", report.state, ended.fault),
        );
        check(records.pending == 0, format!("{} items stay pending without faults", records.pending));
    }
    if report.state == RunState::Done {
        check(records.pending == 0, format!("done, but {} items are pending", records.pending));
        // Items that were listed and then found gone are in both counts.
        let seen = run.listed + run.deleted - run.deleted_when_read;
        check(records.seen == seen, format!("{} of {seen} items were seen", records.seen));
    }
    // An abort may leave the last commit's result unknown; so may a sink that was given up on.
    compare(&mut check, !cut && ended.fault.is_none(), (&records, run));
    if !cut {
        check(run.interrupted == 0, format!("{} paid calls were dropped without an abort", run.interrupted));
    }
    let longest = lasting.world.contents.values().map(|lines| lines.iter().map(String::len).sum::<usize>());
    let most = (plan.options.memory + longest.max().unwrap_or(0) as u64) * plan.overdraft();
    let peak = monitor.budget().peak();
    check(peak <= most, format!("peak memory {peak} exceeds {most}"));
    check_idle(&mut check, monitor);
    found
}

fn compare(
    check: &mut impl FnMut(bool, String),
    exact: bool,
    (records, run): (&tidegate_core::report::Records, &Doings),
) {
    for (what, reported, durable, skipped) in [
        ("stored", records.stored, run.stored, 0),
        ("unchanged", records.unchanged, run.unchanged, run.skipped_unchanged),
        ("quarantined", records.quarantined, run.quarantined, run.skipped_quarantined),
        ("deleted", records.deleted, run.deleted, 0),
    ] {
        // What was skipped counts once it is admitted; a stop may come in between.
        let right = reported <= durable + skipped && (!exact || reported >= durable);
        check(right, format!("{reported} reported {what}; {durable} are, and {skipped} skipped"));
    }
}

fn check_idle(check: &mut impl FnMut(bool, String), monitor: &Monitor) {
    for stage in monitor.stages() {
        let counters = &stage.counters;
        let sane = counters.queued.get() < 1 << 40 && counters.busy.get() < 1 << 40;
        check(sane, format!("a gauge of {} went below zero", stage.name));
    }
}

/// Checks what is there when everything was healed and worked off.
pub(crate) fn at_the_end(lasting: &Lasting, plan: &Plan) -> Vec<String> {
    let (world, durable) = (&lasting.world, &lasting.durable);
    let mut found = Vec::new();
    for thing in &world.things {
        let Some(row) = durable.rows.get(&thing.key) else {
            found.push(format!("{} has no outcome", thing.key));
            continue;
        };
        let right = match expect(&thing.lines, plan) {
            Expect::Aside(stage, class) => row.aside == Some((stage.into(), class.into())),
            Expect::Stored(texts) => row.aside.is_none() && durable.docs.get(&thing.key) == Some(&texts),
        };
        if (!right && !row.mate) || row.version != thing.version() {
            let docs = durable.docs.get(&thing.key).map(|texts| brief(texts));
            found.push(format!("{} ({}) ended as {row:?} with {docs:?}", thing.key, brief(&thing.lines)));
        }
    }
    let known = |key: &String| world.things.iter().any(|thing| thing.key == *key);
    let left: Vec<&String> =
        durable.rows.keys().chain(durable.docs.keys()).filter(|key| !known(key)).collect();
    if !left.is_empty() {
        found.push(format!("{left:?} vanished from the source and were kept"));
    }
    found.extend(check_file(lasting, plan));
    found.extend(check_payments(lasting));
    let end = world.things.len() as u64;
    if plan.stream && durable.position.map_or(0, |position| position + 1) != end {
        found.push(format!("the position is {:?} after {end} rows", durable.position));
    }
    found
}

fn check_file(lasting: &Lasting, plan: &Plan) -> Vec<String> {
    let durable = &lasting.durable;
    if !plan.ordered {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut keys: Vec<&String> = durable.file.iter().map(|line| &line.key).collect();
    keys.sort();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        found.push("a document is in the ordered output twice".to_owned());
    }
    let whole = |line: &&super::durable::Line| durable.docs.get(&line.key) != Some(&line.texts);
    if let Some(line) = durable.file.iter().find(whole) {
        found.push(format!("{} is not whole in the ordered output", line.key));
    }
    let stored = durable.docs.values().filter(|texts| !texts.is_empty()).count();
    if stored != durable.file.len() {
        found.push(format!("{} lines for {stored} documents", durable.file.len()));
    }
    found
}

/// Every text is paid once, and once more for each time its answer was lost on the way.
fn check_payments(lasting: &Lasting) -> Vec<String> {
    let durable = &lasting.durable;
    let lost = |text: &str| durable.interrupted.get(text).copied().unwrap_or(0);
    let wrong = |(text, paid): (&String, &u64)| {
        let right = u64::from(durable.journal.contains(text)) + lost(text);
        (*paid != right).then(|| format!("{text:.8} was paid {paid} times; expected {right}"))
    };
    durable.payments.iter().filter_map(wrong).collect()
}

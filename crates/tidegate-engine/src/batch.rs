//! Running a grouped stage: records are gathered until a group is full or has lingered, and handled in place.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{Advice, Batch, Fault, FaultKind, Grouping, Record, Stop, advise};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::each::held;
use crate::hold::Hold;
use crate::lane::Lane;
use crate::mutant::planted;
use crate::queue::Took;
use crate::tasks::guarded;

/// One worker of a grouped stage. `turn` lets one worker gather at a time, so that several idle workers do not
/// share out what belongs into one group.
pub(crate) async fn work(lane: Lane, stage: Arc<dyn Batch>, (hold, turn): (Arc<Hold>, Arc<Mutex<()>>)) {
    let lane = lane.for_worker();
    loop {
        let group = {
            let _gathering = turn.lock().await;
            gather(&lane, stage.grouping()).await
        };
        let Some(group) = group else { return };
        let size = group.len() as u64;
        handle(&lane, &*stage, &hold, group).await;
        lane.counters().busy.sub(size);
    }
}

/// Gathers one group; `None` once the input has ended.
async fn gather(lane: &Lane, grouping: Grouping) -> Option<Vec<Record>> {
    let mut group = lane.next(1, u64::MAX).await?;
    let deadline = Instant::now() + grouping.linger.min(Duration::from_secs(3_600));
    let mut load = (group.iter().map(Record::weight).sum(), group.iter().map(tokens).sum());
    while grouping.items == 0 || group.len() < grouping.items {
        match lane.take_one(|record| fits(grouping, load, record)) {
            Took::One(record) => {
                load = (load.0 + record.weight(), load.1 + tokens(&record));
                group.push(record);
            }
            Took::TooMuch if planted("group bounds ignored") => group.extend(lane.take_one(|_| true).one()),
            Took::TooMuch => break,
            Took::Nothing if lane.input.ended() || lane.cx.stop() >= Stop::Abort => break,
            Took::Nothing => tokio::select! {
                biased;
                () = lane.input.changed() => {}
                () = tokio::time::sleep_until(deadline) => break,
            },
        }
    }
    Some(group)
}

fn tokens(record: &Record) -> u64 {
    u64::from(record.tokens)
}

/// Whether a record may join a group of so many bytes and tokens. A service refuses a whole group that is over its
/// limit, so the bounds are never overstepped but by a single record.
fn fits(grouping: Grouping, (bytes, sum): (u64, u64), record: &Record) -> bool {
    (grouping.bytes == 0 || bytes + record.weight() <= grouping.bytes)
        && (grouping.tokens == 0 || sum + tokens(record) <= grouping.tokens)
}

/// A group still to be handled.
struct Todo {
    records: Vec<Record>,
    /// Whether a fault that asks for another try gets one.
    again: bool,
}

/// Handles a group until each record has gone on, been put aside, or must stay pending.
async fn handle(lane: &Lane, stage: &dyn Batch, hold: &Hold, group: Vec<Record>) {
    let mut groups = vec![Todo { records: group, again: true }];
    while let Some(mut todo) = groups.pop() {
        if hold.is_over() {
            todo.records.iter().for_each(|record| record.tether().pend());
            continue;
        }
        let started = Instant::now();
        let result = guarded(stage.run(&lane.cx, &mut todo.records)).await;
        lane.tried(started);
        let fault = match result {
            Ok(mut answers) if answers.len() == todo.records.len() => {
                if planted("answers shifted by one") {
                    answers.rotate_right(1);
                }
                groups.extend(hand_on(lane, hold, (todo, answers)).await);
                continue;
            }
            Ok(answers) => Fault::new(
                FaultKind::Internal,
                format!("{} answers for {} records", answers.len(), todo.records.len()),
            ),
            Err(fault) => fault,
        };
        groups.extend(refused(lane, hold, (todo, &fault)).await);
    }
}

/// What is to be tried again of a group whose call failed as a whole.
async fn refused(lane: &Lane, hold: &Hold, (mut todo, fault): (Todo, &Fault)) -> Vec<Todo> {
    let advice = advise(fault);
    if !matches!(advice, Advice::Hold(_)) {
        hold.lift(&lane.monitor); // a judgement of the records is an answer: whatever was held works again
    }
    match advice {
        Advice::Hold(_) if planted("outage quarantines") => {
            todo.records.iter().for_each(|record| record.tether().fail("embed", fault));
        }
        Advice::Hold(pause) => {
            if held(lane, hold, (fault, pause)).await {
                todo.records.truncate(if planted("held group dropped") { 0 } else { usize::MAX });
                return vec![todo];
            }
            todo.records.iter().for_each(|record| record.tether().pend());
        }
        // One of them is at fault, and the call does not say which: halve until it is alone.
        Advice::Quarantine | Advice::Again
            if todo.records.len() > 1 && !planted("whole batch quarantined") =>
        {
            let half = todo.records.split_off(todo.records.len() / 2);
            return vec![Todo { records: half, again: todo.again }, todo];
        }
        Advice::Again if todo.again => return vec![Todo { again: false, ..todo }],
        Advice::Quarantine | Advice::Again | Advice::StopRun => {
            todo.records.iter().for_each(|record| lane.fail(record.tether(), fault));
        }
    }
    Vec::new()
}

/// Hands on what succeeded and puts aside what failed. Returns the records whose answer asks for another try: a
/// service may answer for some of a group that it was too busy for them.
async fn hand_on(lane: &Lane, hold: &Hold, (todo, answers): (Todo, Vec<Result<(), Fault>>)) -> Option<Todo> {
    let (mut later, mut pause) = (Vec::new(), None);
    let is_hold = |fault: &Fault| matches!(advise(fault), Advice::Hold(_));
    // Before anything is handed on: that may take a while, and what fails meanwhile is held from then on.
    if !answers.iter().any(|answer| answer.as_ref().err().is_some_and(is_hold)) {
        hold.lift(&lane.monitor);
    }
    for (record, answer) in todo.records.into_iter().zip(answers) {
        let Err(fault) = answer else {
            lane.emit(record).await;
            continue;
        };
        match advise(&fault) {
            Advice::Hold(wait) => {
                pause = Some((fault, wait));
                later.push(record);
            }
            Advice::Again if todo.again => later.push(record),
            _ => lane.fail(record.tether(), &fault),
        }
    }
    if let Some((fault, wait)) = &pause
        && !held(lane, hold, (fault, *wait)).await
    {
        later.iter().for_each(|record| record.tether().pend());
        return None;
    }
    // A held record keeps its second try.
    let again = todo.again && pause.is_some();
    (!later.is_empty()).then_some(Todo { records: later, again })
}

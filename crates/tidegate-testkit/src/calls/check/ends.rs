//! How lives ended, and whether every document has its outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_core::FaultKind;
use tidegate_core::report::RunState;

use super::case::Case;
use crate::calls::plan::Loss;
use crate::calls::process::{Process, key_of};
use crate::calls::round::Life;
use crate::calls::texts::hash;
use crate::calls::traffic::Sent;

/// The longest rest of a breaker, its spread included, and what it takes to send afterwards.
const REST: Duration = Duration::from_secs(150);

/// What is answered while a run that has given up finishes what it can.
const DRAIN: Duration = Duration::from_secs(30);

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let mut found: Vec<String> = case.lives.iter().filter_map(|life| one(case, life)).collect();
    for document in &case.plan.documents {
        match case.rows.get(&document.key) {
            None => found.push(format!("{} has no outcome", document.key)),
            Some(row) if document.poisoned() && row.aside.is_none() => {
                found.push(format!("{} is poisoned and stored", document.key));
            }
            Some(_) => {}
        }
    }
    found
}

fn one(case: &Case<'_>, life: &Life) -> Option<String> {
    let ended = life.ended.as_ref()?;
    let (state, fault) = (ended.report.state, ended.fault.as_ref());
    let kind = fault.map(tidegate_core::Fault::kind);
    let wrong = |what: &str| Some(format!("life {} ended as {state:?}, {fault:?}: {what}", life.life));
    let records = ended.report.records;
    if !records.add_up() {
        return wrong("it does not add up");
    }
    if life.last && (state != RunState::Done || fault.is_some() || records.pending > 0) {
        return wrong("everything was repaired");
    }
    match (state, kind) {
        (RunState::Done, None) if records.pending == 0 => None,
        (RunState::Aborted | RunState::Stopped, None) if life.asked => None,
        (RunState::Budget, Some(FaultKind::Budget))
            if case.plan.lanes.iter().any(|lane| lane.max_tokens.is_some()) =>
        {
            None
        }
        (RunState::Stopped | RunState::Failed, Some(FaultKind::Blocked | FaultKind::Config)) => {
            (!may_block(case, life)).then(|| wrong("nothing blocked a lane")).flatten()
        }
        (RunState::Stopped, Some(FaultKind::Unavailable | FaultKind::RateLimited | FaultKind::Timeout)) => {
            held(case, life).and_then(|what| wrong(&what))
        }
        // Storage that is busy now and then is held for as long as nothing else succeeds in between.
        (RunState::Stopped, Some(FaultKind::StorageBusy | FaultKind::StorageFull)) => {
            let journal = case.plan.rounds[life.life as usize - 1].journal;
            (!journal.fails()).then(|| wrong("storage was well")).flatten()
        }
        (RunState::Stopped, Some(FaultKind::Cancelled)) => {
            (!life.asked).then(|| wrong("nobody asked for it")).flatten()
        }
        _ => wrong("that is no end"),
    }
}

/// Whether anything in this life says that nothing will be answered.
fn may_block(case: &Case<'_>, life: &Life) -> bool {
    const STOPS: [&str; 4] = ["insufficient_quota", "daily_quota", "payment_required", "wrong_key"];
    let tls = case.plan.lanes.iter().flat_map(|lane| &lane.losses).any(|loss| loss.what == Loss::Tls);
    let stopped = |sent: &&Sent| {
        sent.life == life.life
            && case.entry(sent).is_some_and(|entry| entry.acts.iter().any(|act| STOPS.contains(act)))
    };
    tls || case.sent.iter().any(|sent| stopped(&sent))
}

/// What is wrong with a run that gave up on a lane which answered nobody.
fn held(case: &Case<'_>, life: &Life) -> Option<String> {
    if life.asked {
        return None;
    }
    let (max_hold, lost) = (case.plan.max_hold, lost(case));
    let tried = |lane: usize| {
        let own = case.sent.iter().filter(|sent| sent.lane == lane && sent.life == life.life);
        let last = own.clone().map(|sent| sent.end.map_or(sent.at, |end| end.at)).max();
        let early = |sent: &&Sent| sent.end.is_some_and(|end| end.at + DRAIN < life.over);
        let kept = |sent: &&Sent| {
            let lost = sent.texts.iter().any(|text| lost.contains(&(lane, *text)));
            case.good(sent) && !lost && !is_piece(case, sent)
        };
        let good = own.clone().filter(early).filter(kept).map(|sent| sent.at).max();
        let waits = own.filter_map(|sent| sent.hint).max().unwrap_or_default();
        (last.unwrap_or(life.began), good, waits)
    };
    // The lane that was given up: it was sent something last the longest ago, or was never answered since long.
    let given_up = |lane: usize| {
        let (last, good, waits) = tried(lane);
        let silent = life.over.saturating_sub(good.unwrap_or(life.began));
        if silent + Duration::from_secs(1) < max_hold.min(Duration::from_secs(900)) && waits < max_hold {
            return Some(format!("lane {lane} answered {silent:?} before"));
        }
        let idle = life.over.saturating_sub(last);
        (idle > REST + waits && waits < max_hold)
            .then(|| format!("lane {lane} was not tried for {idle:?} before it was given up"))
    };
    let complaints: Vec<Option<String>> = (0..case.plan.lanes.len()).map(given_up).collect();
    // Others may be well; one must be to blame.
    if complaints.iter().any(Option::is_none) { None } else { complaints.into_iter().flatten().next() }
}

/// Whether `sent` may be a piece of a batch: the run gets no further before the other pieces are answered too.
fn is_piece(case: &Case<'_>, sent: &Sent) -> bool {
    let batches = case.lasting.books.batches.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    batches.iter().any(|batch| {
        (batch.lane, batch.life) == (sent.lane, sent.life)
            && (batch.begun..batch.over).contains(&sent.order)
            && batch.texts.len() > sent.texts.len()
            && sent.texts.iter().all(|text| batch.texts.contains(text))
    })
}

/// Texts with an answer that came and was not kept at once, by lane: a run that gets no further for that is as held as one
/// whose lane answers nobody.
fn lost(case: &Case<'_>) -> BTreeSet<(usize, u64)> {
    let process = Process::start(case.lasting, u32::MAX);
    let texts = || case.plan.documents.iter().flat_map(|document| &document.texts);
    let shelf = &case.lasting.shelf;
    let lost = |lane, text: &String| key_of(&process, lane, text).is_some_and(|key| shelf.refused(&key));
    let of = |lane| texts().filter(move |text| lost(lane, text)).map(move |text| (lane, hash(text)));
    (0..case.plan.lanes.len()).flat_map(of).collect()
}

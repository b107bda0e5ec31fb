//! What was paid for: once, and again only where the answer was lost on the way, or with the process.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, is_right};
use crate::calls::process::{Process, key_of};
use crate::calls::texts::hash;
use crate::calls::traffic::{How, Sent};

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let mut found = again(case);
    found.extend(budgets(case));
    found.extend(unpaid(case));
    found
}

/// Texts of stored documents for which no answer ever came whole. Whether it was the right one is seen on the record.
fn unpaid(case: &Case<'_>) -> Vec<String> {
    let whole = |sent: &&Sent| sent.status == 200 && sent.end.is_some_and(|end| end.how == How::Whole);
    let good = case.sent.iter().filter(|sent| !sent.person).filter(whole);
    let answered: BTreeSet<(usize, u64)> =
        good.flat_map(|sent| sent.texts.iter().map(|text| (sent.lane, *text))).collect();
    let stored = |key: &String| case.rows.get(key).is_some_and(|row| row.aside.is_none());
    let documents = case.plan.documents.iter().filter(|document| stored(&document.key));
    let texts: BTreeSet<&String> = documents.flat_map(|document| &document.texts).collect();
    let lanes = 0..case.plan.lanes.len();
    let missing =
        |lane| texts.iter().find(|text| !answered.contains(&(lane, hash(text)))).map(|text| (lane, text));
    let named = |(lane, text)| format!("lane {lane}: {text} is stored, and was never answered whole");
    lanes.filter_map(missing).map(named).collect()
}

/// Texts that were answered again although a good answer had come and was kept.
fn again(case: &Case<'_>) -> Vec<String> {
    let process = Process::start(case.lasting, u32::MAX);
    let mut received: BTreeMap<(usize, u64), u32> = BTreeMap::new();
    for sent in case.sent.iter().filter(|sent| !sent.person && case.good(sent)) {
        for text in &sent.texts {
            *received.entry((sent.lane, *text)).or_default() += 1;
        }
    }
    let texts: BTreeMap<u64, &String> = case
        .plan
        .documents
        .iter()
        .flat_map(|document| &document.texts)
        .map(|text| (hash(text), text))
        .collect();
    let mut found = Vec::new();
    for ((lane, text), times) in received {
        let Some(text) = texts.get(&text) else { continue };
        let Some(key) = key_of(&process, lane, text) else { continue };
        // An answer of a lane that was just then given up for good, or whose process died, was not kept.
        let lost = case.lasting.shelf.unkept(&key);
        if times > 1 + lost {
            found.push(format!("lane {lane}: {text} was answered {times} times, and lost {lost} times"));
        }
    }
    found
}

/// Tokens that were paid beyond what a life of the process may spend on a lane.
fn budgets(case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (lane, plan) in case.plan.lanes.iter().enumerate() {
        let Some(most) = plan.max_tokens else { continue };
        for life in case.lives.iter().filter(|life| !life.last) {
            let own = |sent: &&Sent| {
                let whole = sent.end.is_some_and(|end| end.how == How::Whole);
                sent.lane == lane && sent.life == life.life && sent.status == 200 && whole
            };
            let entries =
                case.sent.iter().filter(own).filter_map(|sent| case.entry(sent)).filter(|it| is_right(it));
            let spent: u64 = entries
                .filter_map(|entry| entry.answered.as_ref())
                .map(|answered| answered.billed_input + answered.billed_output)
                .sum();
            if spent > most {
                found
                    .push(format!("lane {lane}: {spent} tokens were spent in life {}, of {most}", life.life));
            }
        }
    }
    found
}

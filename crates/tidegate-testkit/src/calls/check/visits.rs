//! Whether people got what they asked for, in time and before the run.

use std::time::Duration;

use super::case::Case;
use crate::calls::people::Visit;
use crate::calls::texts::hash;

/// What may pass between the end of a person's patience and word of it.
const SLACK: Duration = Duration::from_millis(50);

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for visit in &case.visits {
        let person = &visit.person;
        let journal = Duration::from_millis(1_000);
        let mut complain = |what: String| found.push(format!("life {}, {person:?}: {what}", visit.life));
        if let Some(wrong) = &visit.wrong {
            complain(wrong.clone());
        }
        let took = visit.ended.saturating_sub(visit.asked);
        if took > Duration::from_millis(person.patience) + SLACK + journal {
            complain(format!("it took {took:?}"));
        }
        if let (Some(Err(fault)), true) = (&visit.result, must_be_answered(case, visit)) {
            complain(format!("nobody answered: {fault:?}"));
        }
        if let Some(passed) = passed_by(case, visit) {
            complain(passed);
        }
    }
    found
}

/// Whether nothing can excuse that there is no answer: all is repaired, nothing is limited, and there is time.
fn must_be_answered(case: &Case<'_>, visit: &Visit) -> bool {
    let lane = &case.plan.lanes[visit.person.lane];
    let last = case.lives.iter().any(|life| life.life == visit.life && life.last);
    last && lane.script.limits.is_empty() && lane.script.knee.is_none() && visit.person.patience >= 30_000
}

/// Bulk requests that went first while a person waited in line.
fn passed_by(case: &Case<'_>, visit: &Visit) -> Option<String> {
    let (order, looked) = case.lasting.shelf.looked(visit.key.as_ref()?)?;
    let own = [hash(&visit.person.question)];
    let here = |sent: &&crate::calls::traffic::Sent| {
        sent.lane == visit.person.lane && sent.life == visit.life && sent.order > order
    };
    let first = case.sent.iter().filter(here).find(|sent| sent.texts == own)?;
    if looked < visit.asked || looked > visit.ended {
        return None;
    }
    let between = case
        .sent
        .iter()
        .filter(here)
        .filter(|sent| sent.at > looked && sent.order < first.order && sent.at < first.at && !sent.hedge);
    let (people, bulk): (Vec<_>, Vec<_>) = between.partition(|sent| sent.person);
    let most = 2 + people.len() / 3;
    (bulk.len() > most).then(|| format!("{} of the run and {} people went first", bulk.len(), people.len()))
}

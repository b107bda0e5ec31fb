//! Who was put aside, and whether rightly: only poison, and records whose own answers were bad too often.

use std::time::Duration;

use super::case::Case;
use crate::calls::books::Row;
use crate::calls::texts::{POISON, hash};
use crate::calls::traffic::{End, How, Sent};

/// Answers that are none, after which a record alone is to blame.
const MISTRUSTED: usize = 3;
/// Failures that look like the service's, while it answered others, after which a record alone is to blame.
const DOUBTED: usize = 6;
/// Ways in which an answer ends that are the record's own at once.
const UNFINISHED: [&str; 3] = ["length_stop", "filtered", "no_content"];

/// The shortest time limit of a try.
const SHORTEST: Duration = Duration::from_secs(19);

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for document in &case.plan.documents {
        let Some(Row { aside: Some((stage, class)), life, .. }) = case.rows.get(&document.key) else {
            continue;
        };
        let lane: usize = stage.strip_prefix("lane").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        let own = |text: &String| {
            (text.contains(POISON) && class == "refused")
                || deserved(case, (lane, *life), (hash(text), class))
        };
        if !document.texts.iter().any(own) {
            found.push(format!(
                "{} was put aside in {stage} as {class} in life {life}: {:?}",
                document.key, document.texts
            ));
        }
    }
    found
}

/// Whether the answers to a text were bad often enough.
fn deserved(case: &Case<'_>, (lane, life): (usize, u32), (text, class): (u64, &str)) -> bool {
    let alone = |sent: &&Sent| sent.lane == lane && sent.life == life && sent.texts == [text];
    let own: Vec<&Sent> = case.sent.iter().filter(alone).collect();
    let acts = |sent: &Sent| case.entry(sent).map(|entry| entry.acts.clone()).unwrap_or_default();
    let bad = |sent: &&&Sent| {
        // Who gives up after a time limit leaves as one does who is no longer interested.
        let left = |end: End| end.how == How::Left && end.at.saturating_sub(sent.at) < SHORTEST;
        !sent.end.is_none_or(left) && !case.good(sent) && !matches!(sent.status, 429 | 503 | 529)
    };
    match class {
        "incomplete" => own.iter().any(|sent| acts(sent).iter().any(|act| UNFINISHED.contains(act))),
        "bad_response" => own.iter().filter(bad).count() >= MISTRUSTED,
        "refused" => {
            let bad: Vec<&&Sent> = own.iter().filter(bad).collect();
            let (Some(first), Some(last)) = (bad.first(), bad.last()) else { return false };
            let until = last.end.map_or(u64::MAX, |end| end.order);
            let answered = |sent: &&Sent| {
                sent.lane == lane
                    && sent.life == life
                    && case.good(sent)
                    && sent.end.is_some_and(|end| end.order > first.order && end.order < until)
            };
            bad.len() >= DOUBTED && case.sent.iter().filter(answered).count() + 1 >= DOUBTED
        }
        _ => false,
    }
}

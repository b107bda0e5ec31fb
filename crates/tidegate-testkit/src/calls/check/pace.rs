//! When requests were sent: within limits, outside of waits, not too many at once.

use std::collections::HashMap;
use std::time::Duration;

use tidegate_call::Concurrency;

use super::case::Case;
use crate::calls::traffic::{How, Sent};
use crate::provider::script::{Limit, Unit};

/// Refusals in a row that a lane must take as one said to all.
const TOGETHER: usize = 3;
/// Statuses, and codes within, after which a lane is blocked.
const BLOCKS: [&str; 4] = ["insufficient_quota", "daily_quota", "payment_required", "wrong_key"];

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for lane in 0..case.plan.lanes.len() {
        for life in &case.lives {
            let own: Vec<&Sent> =
                case.sent.iter().filter(|sent| sent.lane == lane && sent.life == life.life).collect();
            let complaints = [
                crowd(case, lane, &own),
                windows(case, lane, &own),
                hints(case, &own),
                pauses(case, &own),
                blocked(case, &own),
                hedges(case, &own),
            ];
            let named = |what| format!("lane {lane}, life {}: {what}", life.life);
            found.extend(complaints.into_iter().flatten().map(named));
        }
    }
    found
}

fn crowd(case: &Case<'_>, lane: usize, own: &[&Sent]) -> Option<String> {
    let most = match case.plan.lanes[lane].concurrency {
        Concurrency::Fixed(most) | Concurrency::Adaptive { most, .. } => most,
    };
    let worst = own.iter().map(|sent| sent.open).max().filter(|open| *open > most)?;
    Some(format!("{worst} requests at once, of {most}"))
}

/// Requests, or what they count, in any window of a limit that the lane was told of.
fn windows(case: &Case<'_>, lane: usize, own: &[&Sent]) -> Option<String> {
    case.plan.lanes[lane].known.iter().find_map(|limit| {
        let arrived: Vec<(&Sent, u64)> =
            own.iter().filter(|sent| sent.arrived()).map(|sent| (*sent, units(case, sent, limit))).collect();
        let mut from = 0;
        let mut sum = 0;
        for (to, (sent, units)) in arrived.iter().enumerate() {
            let at = sent.at;
            sum += units;
            while at.saturating_sub(arrived[from].0.at) >= limit.window.0 {
                sum -= arrived[from].1;
                from += 1;
            }
            // A single request may be larger than was thought; the next ones make up for it.
            if sum > limit.amount + unsure(&arrived[from..=to], limit) && to > from {
                let what = limit.unit;
                return Some(format!(
                    "{sum} {what:?} within {:?} before {at:?}, of {}",
                    limit.window, limit.amount
                ));
            }
        }
        None
    })
}

/// By how much what is on its way when the last of `sent` leaves may be more than was thought: tokens are estimated
/// until an answer says how many they are.
fn unsure(sent: &[(&Sent, u64)], limit: &Limit) -> u64 {
    let Some((last, _)) = sent.last().filter(|_| limit.unit == Unit::InputTokens) else { return 0 };
    let open = |sent: &Sent| sent.end.is_none_or(|end| end.order > last.order);
    sent.iter().filter(|(sent, _)| open(sent)).map(|(_, units)| units.div_ceil(5)).sum()
}

/// What a request counts, if it is known beforehand: a lane cannot know what tokens an answer will have, nor that
/// of one that never came.
fn units(case: &Case<'_>, sent: &Sent, limit: &Limit) -> u64 {
    match limit.unit {
        Unit::Requests => 1,
        Unit::Inputs => sent.texts.len() as u64,
        Unit::InputTokens if case.good(sent) => {
            case.entry(sent).map_or(0, |entry| entry.texts.iter().map(|text| text.tokens).sum())
        }
        _ => 0,
    }
}

/// Texts that were sent again before the time that the refusal of them had named.
fn hints(case: &Case<'_>, own: &[&Sent]) -> Option<String> {
    let mut until: HashMap<u64, (u64, Duration)> = HashMap::new();
    // Refusals take effect when they have come, not when they were asked for.
    let mut refusals: Vec<&&Sent> = own.iter().filter(|sent| refused(sent)).collect();
    refusals.sort_by_key(|sent| sent.end.map_or(0, |end| end.order));
    let mut refusals = refusals.into_iter().peekable();
    for sent in own {
        while let Some(refusal) =
            refusals.next_if(|refusal| refusal.end.is_some_and(|end| end.order < sent.order))
        {
            let (Some(end), Some(hint)) = (refusal.end, refusal.hint) else { continue };
            if hint < case.plan.max_hold {
                for text in &refusal.texts {
                    until.insert(*text, (end.order, end.at + hint));
                }
            }
        }
        let early = sent.texts.iter().find_map(|text| until.get(text).filter(|(_, until)| sent.at < *until));
        if let Some((_, until)) = early
            && !sent.person
        {
            return Some(format!("a text was sent again at {:?}, before {until:?}: {sent:?}", sent.at));
        }
    }
    None
}

fn refused(sent: &Sent) -> bool {
    sent.status == 429 && sent.hint.is_some() && sent.end.is_some_and(|end| end.how == How::Whole)
}

/// Requests after the whole lane was told to wait.
fn pauses(case: &Case<'_>, own: &[&Sent]) -> Option<String> {
    let mut ends: Vec<&&Sent> =
        own.iter().filter(|sent| sent.end.is_some_and(|end| end.how != How::Left)).collect();
    ends.sort_by_key(|sent| sent.end.map_or(0, |end| end.order));
    for at in TOGETHER..=ends.len() {
        let last = &ends[at - TOGETHER..at];
        let (Some(end), true) = (last[TOGETHER - 1].end, last.iter().all(|sent| limited(case, sent))) else {
            continue;
        };
        if last[0].end.is_none_or(|first| first.at != end.at)
            || !mostly(case, &ends[..at], under_way(own, end.order))
        {
            continue;
        }
        let wait = last.iter().filter_map(|sent| sent.hint).max().unwrap_or_default();
        let inside = own.iter().find(|sent| {
            sent.order > end.order && sent.at > end.at && sent.at < end.at + wait.min(case.plan.max_hold)
        });
        if let Some(sent) = inside {
            return Some(format!("sent at {:?} within a pause from {:?} of {wait:?}", sent.at, end.at));
        }
    }
    None
}

fn limited(case: &Case<'_>, sent: &Sent) -> bool {
    let stops = |entry: &crate::provider::Entry| entry.acts.iter().any(|act| BLOCKS.contains(act));
    refused(sent) && !case.entry(sent).is_some_and(stops)
}

/// How many requests were under way at a moment.
fn under_way(own: &[&Sent], order: u64) -> usize {
    let is = |sent: &&&Sent| sent.order < order && sent.end.is_none_or(|end| end.order > order);
    own.iter().filter(is).count()
}

/// Whether however far one looks back, at least half of what ended was refused so, even if all that is under way
/// should be answered.
fn mostly(case: &Case<'_>, ends: &[&&Sent], under_way: usize) -> bool {
    let mut refusals = 0;
    ends.iter().rev().take(64).enumerate().all(|(n, sent)| {
        refusals += usize::from(limited(case, sent));
        n + 1 < TOGETHER || refusals * 2 > n + under_way
    })
}

/// Requests after a lane was told that nothing will be answered.
fn blocked(case: &Case<'_>, own: &[&Sent]) -> Option<String> {
    let stops = |sent: &&&Sent| {
        sent.end.is_some_and(|end| end.how == How::Whole)
            && (400..500).contains(&sent.status)
            && case.entry(sent).is_some_and(|entry| {
                let said = entry.answered.as_ref().map_or("", |answered| answered.verdict);
                matches!(
                    said,
                    "quota"
                        | "daily"
                        | "payment"
                        | "wrong_key"
                        | "insufficient_quota"
                        | "daily_quota"
                        | "payment_required"
                )
            })
    };
    let first = own.iter().filter(stops).filter_map(|sent| sent.end).min_by_key(|end| end.order)?;
    let after = own.iter().find(|sent| sent.order > first.order && sent.at > first.at)?;
    Some(format!("sent at {:?}, after the lane was blocked at {:?}", after.at, first.at))
}

/// Second tries beyond the budget for them.
fn hedges(case: &Case<'_>, own: &[&Sent]) -> Option<String> {
    let hedged = own.iter().filter(|sent| sent.hedge).count() as f64;
    let good = own.iter().filter(|sent| case.good(sent)).count() as f64;
    let most = 20.0 + 0.05 * good;
    (hedged > most).then(|| format!("{hedged} hedges beside {good} answers"))
}

//! How batches were taken apart: a batch of n in at most 2n − 1 different requests.

use std::collections::BTreeSet;

use super::case::Case;

pub(super) fn check(case: &Case<'_>) -> Vec<String> {
    let batches = case.lasting.books.batches.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut found = Vec::new();
    for batch in batches.iter() {
        let texts: BTreeSet<u64> = batch.texts.iter().copied().collect();
        let from = case.sent.partition_point(|sent| sent.order < batch.begun);
        let own = case.sent[from..].iter().take_while(|sent| sent.order < batch.over).filter(|sent| {
            sent.lane == batch.lane
                && sent.life == batch.life
                && sent.texts.iter().all(|text| texts.contains(text))
        });
        let sets: BTreeSet<&[u64]> = own.map(|sent| &*sent.texts).collect();
        if sets.len() > 2 * texts.len() - 1 {
            found.push(format!("a batch of {} was sent in {} ways", texts.len(), sets.len()));
        }
    }
    found
}

//! The waiting line of a lane: first come, first served within each class; hedges before interactive calls before
//! bulk calls, with a floor for bulk.
//!
//! The one at the head is waited for, however much it needs: nobody overtakes it within its class, so a large
//! request is served as surely as a small one.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use tokio::time::Instant;

use super::admission::{Denied, Extra, Priority};
use super::state::{Grant, Wish};
use crate::mutant::planted;

/// Who waits, by the order of arrival.
pub(super) type Key = u64;

const HEDGE: usize = 0;
const INTERACTIVE: usize = 1;
const BULK: usize = 2;

/// One call that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) wish: Wish,
    pub(super) joined: Instant,
    /// The line's clocks when it joined.
    pub(super) mark: super::causes::Mark,
    /// What became of it.
    pub(super) end: Option<Result<Grant, Denied>>,
    /// Whether it is to look again.
    pub(super) nudged: bool,
    pub(super) waker: Option<Waker>,
    /// Whether the run is being drained.
    pub(super) draining: bool,
}

/// The line.
#[derive(Debug)]
pub(super) struct Line {
    next: Key,
    waiters: BTreeMap<Key, Waiter>,
    queues: [BTreeSet<Key>; 3],
    /// Repeats that wait until the budget of extra calls pays for them; they hold up nobody.
    parked: BTreeSet<Key>,
    /// Interactive turns since the last turn of bulk, while both waited.
    turns: f64,
    /// Interactive turns after which bulk has one.
    most_turns: f64,
}

impl Line {
    pub(super) fn new(bulk_floor: f64) -> Self {
        let floor = bulk_floor.clamp(0.01, 1.0);
        Self {
            next: 0,
            waiters: BTreeMap::new(),
            queues: Default::default(),
            parked: BTreeSet::new(),
            turns: 0.0,
            most_turns: (1.0 - floor) / floor,
        }
    }

    pub(super) fn join(&mut self, waiter: Waiter, parked: bool) -> Key {
        let key = self.next;
        self.next += 1;
        if parked {
            self.parked.insert(key);
        } else {
            self.queues[class(&waiter.wish)].insert(key);
        }
        self.waiters.insert(key, waiter);
        key
    }

    pub(super) fn get(&self, key: Key) -> Option<&Waiter> {
        self.waiters.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Waiter> {
        self.waiters.get_mut(&key)
    }

    /// Takes a waiter out of the line, with what became of it.
    pub(super) fn remove(&mut self, key: Key) -> Option<Waiter> {
        let waiter = self.waiters.remove(&key)?;
        self.unqueue(key, &waiter.wish);
        Some(waiter)
    }

    /// Whose turn it is. `floor` says whether bulk may have its turn before interactive calls.
    pub(super) fn head(&self, floor: bool) -> Option<Key> {
        let [hedge, interactive, bulk] = &self.queues;
        let first = |queue: &BTreeSet<Key>| queue.first().copied();
        if let Some(key) = first(hedge) {
            return Some(key);
        }
        match (first(interactive), first(bulk)) {
            (Some(_), Some(bulk)) if floor && self.turns >= self.most_turns => Some(bulk),
            (interactive, bulk) => interactive.or(bulk),
        }
    }

    /// The first of those that wait for the budget of extra calls.
    pub(super) fn first_parked(&self) -> Option<Key> {
        self.parked.first().copied()
    }

    /// Lets a parked waiter join the line, at the place its arrival gives it.
    pub(super) fn unpark(&mut self, key: Key) {
        if let (true, Some(waiter)) = (self.parked.remove(&key), self.waiters.get(&key)) {
            self.queues[class(&waiter.wish)].insert(key);
        }
    }

    /// Takes a waiter out of the line until the budget of extra calls pays for it.
    pub(super) fn park(&mut self, key: Key) {
        if let Some(waiter) = self.waiters.get(&key) {
            self.queues[class(&waiter.wish)].remove(&key);
            self.parked.insert(key);
        }
    }

    /// Ends the wait of `key`; its task will come for the end. The waker is to be woken without the lane's lock.
    pub(super) fn finish(&mut self, key: Key, end: Result<Grant, Denied>) -> Option<Waker> {
        let wish = self.waiters.get(&key)?.wish;
        self.unqueue(key, &wish);
        if end.is_ok() {
            self.count_turn(class(&wish));
        }
        let waiter = self.waiters.get_mut(&key)?;
        waiter.end = Some(end);
        waiter.waker.take()
    }

    /// A call of `wish` passed without waiting.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(BTreeSet::is_empty)
    }

    /// Everybody in the line or parked, in the order of arrival.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.waiters.iter().filter(|(_, waiter)| waiter.end.is_none()).map(|(key, _)| *key).collect()
    }

    /// How many wait in the line (hedges, interactive, bulk), and how many are parked.
    pub(super) fn lengths(&self) -> ([usize; 3], usize) {
        (std::array::from_fn(|class| self.queues[class].len()), self.parked.len())
    }

    fn unqueue(&mut self, key: Key, wish: &Wish) {
        if !self.queues[class(wish)].remove(&key) {
            self.parked.remove(&key);
        }
    }

    fn count_turn(&mut self, class: usize) {
        match class {
            INTERACTIVE if !self.queues[BULK].is_empty() => self.turns += 1.0,
            BULK => self.turns = (self.turns - self.most_turns).max(0.0),
            _ => {}
        }
    }
}

fn class(wish: &Wish) -> usize {
    match (wish.extra, wish.priority) {
        (Extra::Hedge, _) => HEDGE,
        (_, Priority::Interactive) if !planted("people wait behind bulk") => INTERACTIVE,
        (_, Priority::Interactive) => BULK,
        (_, Priority::Bulk) => BULK,
    }
}

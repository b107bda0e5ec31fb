//! A journal in memory that is slow, busy, full, and loses power between calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_core::{ContentHash, Fault, FaultKind, Journal, Kept, Replies};

use super::tally::Tally;
use super::traffic::Traffic;
use crate::sim::Rng;

/// What is kept.
#[derive(Debug, Clone)]
enum Entry {
    Vector(Arc<[f32]>),
    Reply(Kept),
}

/// How it fails, per mille of calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Fails without an effect.
    pub busy_before: u64,
    /// Fails although it had its effect.
    pub busy_after: u64,
    /// Of these failures, for want of room.
    pub full: u64,
    /// A lookup fails.
    pub lookup: u64,
    /// The longest time that a call takes, milliseconds.
    pub slow: u64,
}

impl Faults {
    /// Whether any call fails.
    pub(crate) fn fails(&self) -> bool {
        self.busy_before + self.busy_after + self.lookup > 0
    }
}

#[derive(Debug, Default)]
struct Inner {
    kept: BTreeMap<ContentHash, Entry>,
    /// How often an answer was given up between its arrival and its keeping.
    unkept: BTreeMap<ContentHash, u32>,
    /// Keys of answers whose keeping was reported as failed.
    refused: BTreeSet<ContentHash>,
    /// When each key was last looked up: order and time.
    looked: BTreeMap<ContentHash, (u64, Duration)>,
    faults: Faults,
}

/// The journal. It outlives processes.
#[derive(Clone)]
pub(crate) struct Shelf {
    inner: Arc<Mutex<Inner>>,
    dice: Arc<Mutex<Rng>>,
    tally: Arc<Mutex<Tally>>,
    traffic: Traffic,
}

impl Shelf {
    pub(crate) fn new(rng: Rng, tally: Arc<Mutex<Tally>>, traffic: Traffic) -> Self {
        Self { inner: Arc::default(), dice: Arc::new(Mutex::new(rng)), tally, traffic }
    }

    /// From now on it fails so.
    pub(crate) fn fail(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// Whether `key` is kept.
    pub(crate) fn has(&self, key: &ContentHash) -> bool {
        self.lock().kept.contains_key(key)
    }

    /// How often an answer for `key` may have come and was not kept.
    pub(crate) fn unkept(&self, key: &ContentHash) -> u32 {
        self.lock().unkept.get(key).copied().unwrap_or(0)
    }

    /// Whether it ever said of `key` that it could not be kept.
    pub(crate) fn refused(&self, key: &ContentHash) -> bool {
        self.lock().refused.contains(key)
    }

    /// When `key` was last looked up: order and time.
    pub(crate) fn looked(&self, key: &ContentHash) -> Option<(u64, Duration)> {
        self.lock().looked.get(key).copied()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.dice.lock().unwrap_or_else(PoisonError::into_inner).chance(per_mille)
    }

    fn count(&self, kind: &'static str) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).add(kind);
    }

    async fn nap(&self) {
        let most = self.lock().faults.slow;
        let ms = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            if most == 0 || dice.chance(500) { 0 } else { dice.between(1, most) }
        };
        if ms > 0 {
            if ms >= 100 {
                self.count("journal slow");
            }
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    async fn find(&self, keys: &[ContentHash]) -> Result<Vec<Option<Entry>>, Fault> {
        self.nap().await;
        let lookup = self.lock().faults.lookup;
        if self.chance(lookup) {
            self.count("journal lookup busy");
            return Err(Fault::new(FaultKind::StorageBusy, "sim: busy"));
        }
        let (order, at) = (self.traffic.tick(), self.traffic.now());
        let mut inner = self.lock();
        keys.iter().for_each(|key| {
            inner.looked.insert(*key, (order, at));
        });
        Ok(keys.iter().map(|key| inner.kept.get(key).cloned()).collect())
    }

    async fn keep(&self, entries: Vec<(ContentHash, Entry)>) -> Result<(), Fault> {
        let keys: Vec<ContentHash> = entries.iter().map(|(key, _)| *key).collect();
        let mut writing = Writing { shelf: self, entries: Some(entries) };
        self.nap().await;
        let faults = self.lock().faults;
        if self.chance(faults.busy_before) {
            return Err(self.refuse(&keys, faults, "journal busy before"));
        }
        writing.apply();
        self.nap().await;
        if self.chance(faults.busy_after) {
            return Err(self.refuse(&keys, faults, "journal busy after"));
        }
        Ok(())
    }

    fn refuse(&self, keys: &[ContentHash], faults: Faults, kind: &'static str) -> Fault {
        self.lock().refused.extend(keys);
        if self.chance(faults.full) {
            self.count("journal full");
            return Fault::new(FaultKind::StorageFull, "sim: full");
        }
        self.count(kind);
        Fault::new(FaultKind::StorageBusy, "sim: busy")
    }
}

/// Entries on their way to the disk. Dropped before they are there, all of them are kept, or none.
struct Writing<'a> {
    shelf: &'a Shelf,
    entries: Option<Vec<(ContentHash, Entry)>>,
}

impl Writing<'_> {
    fn apply(&mut self) {
        let mut inner = self.shelf.lock();
        for (key, entry) in self.entries.take().into_iter().flatten() {
            inner.kept.entry(key).or_insert(entry);
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.entries.is_none() {
            return;
        }
        if self.shelf.chance(300) {
            self.shelf.count("kept although dropped");
            return self.apply();
        }
        let mut inner = self.shelf.lock();
        for (key, _) in self.entries.take().into_iter().flatten() {
            *inner.unkept.entry(key).or_default() += 1;
        }
    }
}

#[async_trait]
impl Journal for Shelf {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Arc<[f32]>>>, Fault> {
        let vector = |entry| if let Some(Entry::Vector(vector)) = entry { Some(vector) } else { None };
        Ok(self.find(keys).await?.into_iter().map(vector).collect())
    }

    async fn append(&self, _: &str, entries: Vec<(ContentHash, Arc<[f32]>, u32)>) -> Result<(), Fault> {
        self.keep(entries.into_iter().map(|(key, vector, _)| (key, Entry::Vector(vector))).collect()).await
    }
}

#[async_trait]
impl Replies for Shelf {
    async fn lookup_replies(&self, keys: &[ContentHash]) -> Result<Vec<Option<(Kept, u64)>>, Fault> {
        let reply = |entry| if let Some(Entry::Reply(kept)) = entry { Some((kept, 0)) } else { None };
        Ok(self.find(keys).await?.into_iter().map(reply).collect())
    }

    async fn append_replies(&self, _: &str, entries: Vec<(ContentHash, Kept)>) -> Result<(), Fault> {
        self.keep(entries.into_iter().map(|(key, kept)| (key, Entry::Reply(kept))).collect()).await
    }
}

//! The thread between a record and the source item it came from.
//!
//! An item is settled when the last record derived from it is gone, whether it was stored, dropped by a filter or
//! put aside. Counting references does that for one-to-many, many-to-one and dropping stages alike, without any
//! stage having to say how many records it will make.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fault::Fault;

/// Names a unit of accounting (a source item in flight) within one run: its position in listing order.
pub type UnitId = u64;

/// Who is told when units lose their last record. The engine implements it.
pub trait Book: Send + Sync {
    /// The last tether of `unit` is gone.
    fn released(&self, unit: UnitId);
    /// Something derived from `unit` failed for a reason of its own.
    fn failed(&self, unit: UnitId, stage: &str, fault: &Fault);
    /// A document derived from `unit` failed for a reason of its own, which the others of the unit outlive. Whether
    /// the whole unit fails with it all the same, because it cannot be taken out any more.
    fn part_failed(&self, unit: UnitId, part: &Arc<str>, (stage, fault): (&str, &Fault)) -> bool {
        let _ = part;
        self.failed(unit, stage, fault);
        true
    }
    /// From now on these units settle together or not at all.
    fn joined(&self, units: &[UnitId]);
    /// `unit` is given up for this run; it stays pending.
    fn pended(&self, unit: UnitId);
}

/// Holds one or several source items open.
#[derive(Clone)]
pub struct Tether {
    strand: Strand,
    /// The document within the item that it belongs to, where it is that which fails.
    part: Option<Arc<Share>>,
}

/// A document within an item.
struct Share {
    key: Arc<str>,
    /// Set once it was put aside.
    failed: AtomicBool,
}

#[derive(Clone)]
enum Strand {
    One(Arc<Thread>),
    Many(Arc<[Arc<Thread>]>),
}

struct Thread {
    unit: UnitId,
    book: Arc<dyn Book>,
    /// Set once the unit was put aside, so that work on its other records can be skipped.
    failed: AtomicBool,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.book.released(self.unit);
    }
}

impl Tether {
    /// Opens `unit`; it is released when this and every clone of it are gone.
    #[must_use]
    pub fn open(unit: UnitId, book: Arc<dyn Book>) -> Self {
        Self::whole(Strand::One(Arc::new(Thread { unit, book, failed: AtomicBool::new(false) })))
    }

    fn whole(strand: Strand) -> Self {
        Self { strand, part: None }
    }

    /// A tether of the same item for one document within it: what fails then is that document alone.
    #[must_use]
    pub fn part(&self, key: Arc<str>) -> Self {
        let share = Share { key, failed: AtomicBool::new(false) };
        Self { strand: self.strand.clone(), part: Some(Arc::new(share)) }
    }

    /// One tether that holds everything `tethers` hold, and makes it settle together: a window over several items
    /// must not be half accounted for after a crash.
    ///
    /// Returns `None` for no tethers.
    #[must_use]
    pub fn join<'a>(tethers: impl IntoIterator<Item = &'a Tether>) -> Option<Self> {
        let mut threads: Vec<Arc<Thread>> = Vec::new();
        let mut parts: Vec<Option<Arc<Share>>> = Vec::new();
        for tether in tethers {
            parts.push(tether.part.clone());
            for thread in tether.threads() {
                if !threads.iter().any(|known| Arc::ptr_eq(known, thread)) {
                    threads.push(thread.clone());
                }
            }
        }
        let first = threads.first()?.clone();
        if threads.len() == 1 {
            // Of one document, it stays that document's; of several, it is the item's.
            let same = |other: &Option<Arc<Share>>| match (other, &parts[0]) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (one, other) => one.is_none() && other.is_none(),
            };
            let part = if parts.iter().all(same) { parts[0].clone() } else { None };
            return Some(Self { strand: Strand::One(first), part });
        }
        let units: Vec<UnitId> = threads.iter().map(|thread| thread.unit).collect();
        first.book.joined(&units);
        Some(Self::whole(Strand::Many(threads.into())))
    }

    /// A tether that holds nothing, for records that outlive their flow.
    #[must_use]
    pub fn none() -> Self {
        Self::whole(Strand::Many(Arc::new([])))
    }

    /// The first unit held; outputs are filed under it. `None` for [`Tether::none`].
    #[must_use]
    pub fn unit(&self) -> Option<UnitId> {
        self.threads().first().map(|thread| thread.unit)
    }

    /// Every unit held.
    pub fn units(&self) -> impl Iterator<Item = UnitId> {
        self.threads().iter().map(|thread| thread.unit)
    }

    /// Whether anything this holds was put aside already: further work on it would be thrown away.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.failed.load(Ordering::Acquire))
            || self.threads().iter().any(|thread| thread.failed.load(Ordering::Acquire))
    }

    /// One tether for each unit held.
    pub fn split(&self) -> impl Iterator<Item = (UnitId, Self)> {
        let part =
            |thread: &Arc<Thread>| Self { strand: Strand::One(thread.clone()), part: self.part.clone() };
        self.threads().iter().map(move |thread| (thread.unit, part(thread)))
    }

    /// Whether nothing but this tether holds its units any more.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.threads().iter().all(|thread| Arc::strong_count(thread) == 1)
    }

    /// Gives up everything this holds for this run; it stays pending.
    pub fn pend(&self) {
        for thread in self.threads() {
            thread.book.pended(thread.unit);
        }
    }

    /// Puts everything this holds aside for `fault`: the document it belongs to, or whole items.
    pub fn fail(&self, stage: &str, fault: &Fault) {
        if let Some(part) = &self.part {
            if part.failed.swap(true, Ordering::AcqRel) {
                return;
            }
            for thread in self.threads() {
                if thread.book.part_failed(thread.unit, &part.key, (stage, fault)) {
                    thread.failed.store(true, Ordering::Release);
                }
            }
            return;
        }
        for thread in self.threads() {
            thread.failed.store(true, Ordering::Release);
            thread.book.failed(thread.unit, stage, fault);
        }
    }

    fn threads(&self) -> &[Arc<Thread>] {
        match &self.strand {
            Strand::One(thread) => std::slice::from_ref(thread),
            Strand::Many(threads) => threads,
        }
    }
}

impl fmt::Debug for Tether {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.threads().iter().map(|thread| thread.unit)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Book for Log {
        fn released(&self, unit: UnitId) {
            self.0.lock().unwrap().push(format!("released {unit}"));
        }
        fn failed(&self, unit: UnitId, stage: &str, _: &Fault) {
            self.0.lock().unwrap().push(format!("failed {unit} {stage}"));
        }
        fn part_failed(&self, unit: UnitId, part: &Arc<str>, (stage, _): (&str, &Fault)) -> bool {
            self.0.lock().unwrap().push(format!("{unit} {part} {stage}"));
            false
        }
        fn joined(&self, units: &[UnitId]) {
            self.0.lock().unwrap().push(format!("joined {units:?}"));
        }
        fn pended(&self, unit: UnitId) {
            self.0.lock().unwrap().push(format!("pended {unit}"));
        }
    }

    #[test]
    fn a_unit_is_released_once_by_its_last_tether() {
        let log = Arc::new(Log::default());
        let first = Tether::open(7, log.clone());
        let second = first.clone();
        drop(first);
        assert!(log.0.lock().unwrap().is_empty());
        drop(second);
        assert_eq!(*log.0.lock().unwrap(), ["released 7"]);
    }

    #[test]
    fn a_document_within_an_item_fails_alone_unless_it_is_joined_with_others() {
        let log = Arc::new(Log::default());
        let item = Tether::open(3, log.clone());
        let (a, b) = (item.part("z!/a".into()), item.part("z!/b".into()));
        a.fail("parse", &Fault::new(crate::FaultKind::Malformed, "x"));
        assert!(a.is_failed() && a.clone().is_failed() && !b.is_failed() && !item.is_failed());
        let both = Tether::join([&b, &b]).unwrap();
        both.fail("chunk", &Fault::new(crate::FaultKind::Malformed, "x"));
        assert!(b.is_failed() && !item.is_failed());
        let mixed = Tether::join([&b, &item]).unwrap();
        mixed.fail("store", &Fault::new(crate::FaultKind::Malformed, "x"));
        assert!(item.is_failed());
        assert_eq!(*log.0.lock().unwrap(), ["3 z!/a parse", "3 z!/b chunk", "failed 3 store"]);
    }

    #[test]
    fn a_joined_tether_holds_all_its_units() {
        let log = Arc::new(Log::default());
        let (a, b) = (Tether::open(1, log.clone()), Tether::open(2, log.clone()));
        let both = Tether::join([&a, &b, &a]).unwrap();
        drop((a, b));
        assert_eq!(*log.0.lock().unwrap(), ["joined [1, 2]"]);
        drop(both);
        assert_eq!(*log.0.lock().unwrap(), ["joined [1, 2]", "released 1", "released 2"]);
    }
}

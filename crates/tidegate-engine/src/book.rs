//! Settlement: which items are open, what has come of each, and when the last of it is done.

mod exhibit;
mod waits;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exhibit::head;
use tidegate_core::item::{Aside, Failure};
use tidegate_core::{
    Body, Book, Budget, ContentHash, Cx, Fault, ItemOutcome, Outcome, Permit, Position, Record, SourceItem,
    Stop, Tether, TraceId, Unit, UnitId, Version,
};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::intake::Known;
use crate::mutant::planted;

/// Word to the committer, in the order in which things settled.
pub(crate) enum Settled {
    /// A unit to commit.
    Unit(Closed),
    /// Part of a unit too large to hold; taken by the sink before the unit itself.
    Part(UnitId, Vec<Record>, OwnedSemaphorePermit),
    /// Nothing to commit for this ordinal: it was unchanged.
    Skip(u64, Option<Position>),
    /// This ordinal stays pending: order passes it, the low-water mark does not.
    Pending(u64),
    /// The source has nothing new for now: what was gathered is committed, and how far a stream was read.
    Checkpoint,
}

/// A unit on its way to the sink, with what it holds until it is durable.
pub(crate) struct Closed {
    pub(crate) unit: Unit,
    /// Names the unit towards the sink's staging.
    pub(crate) id: UnitId,
    /// Its places among the items in flight.
    pub(crate) slots: Vec<OwnedSemaphorePermit>,
    /// The memory of its exhibits.
    pub(crate) memory: Vec<Permit>,
}

/// The open items of a run.
pub(crate) struct Settlement {
    state: Mutex<State>,
    settled: Mutex<VecDeque<Settled>>,
    /// Where the memory of exhibits is accounted.
    budget: Budget,
    /// Wakes the committer.
    ready: Notify,
    /// Wakes whoever waits until nothing is open.
    calm: Notify,
    /// Intake waits for something that is given back when items settle.
    starved: AtomicBool,
    /// Wakes windows when intake begins to wait.
    starving: Notify,
    /// The committer has nothing to do.
    idle: AtomicBool,
    /// To see an abort as soon as it is asked for: stages that see it sooner may drop what they were working on.
    cx: Cx,
    /// From now on everything released stays pending.
    aborted: AtomicBool,
    /// Nothing more will settle.
    ended: AtomicBool,
    /// Records of a unit beyond this many are handed to the sink early.
    stage_at: usize,
}

#[derive(Default)]
struct State {
    open: HashMap<UnitId, Entry>,
    groups: HashMap<u64, Group>,
    next_group: u64,
    /// Items given up for this run.
    pending: u64,
    /// Items handed to the committer and not yet durable.
    handed_over: u64,
}

struct Entry {
    item: Arc<SourceItem>,
    known: Known,
    content: Option<ContentHash>,
    outcome: Outcome,
    failure: Option<Failure>,
    /// Documents within it that were put aside alone.
    asides: Vec<Aside>,
    /// What the quarantine will show; kept from the moment it was read.
    exhibit: Body,
    /// The memory of the exhibit.
    memory: Option<Permit>,
    records: Vec<Record>,
    staged: u64,
    group: Option<u64>,
    slot: Option<OwnedSemaphorePermit>,
}

/// Units that settle together.
#[derive(Default)]
struct Group {
    open: Vec<UnitId>,
    done: Vec<(UnitId, Entry)>,
}

impl Settlement {
    pub(crate) fn new(stage_at: usize, (cx, budget): (Cx, Budget)) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            settled: Mutex::default(),
            ready: Notify::new(),
            calm: Notify::new(),
            starved: AtomicBool::new(false),
            starving: Notify::new(),
            idle: AtomicBool::new(true),
            budget,
            cx,
            aborted: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            stage_at: stage_at.max(1),
        })
    }

    /// Opens an item; it settles when the tether and everything cloned from it is gone.
    pub(crate) fn open(
        self: &Arc<Self>,
        unit: UnitId,
        item: Arc<SourceItem>,
        (known, slot, body): (Known, Option<OwnedSemaphorePermit>, &Body),
    ) -> Tether {
        let exhibit = head(body);
        let content = item.content;
        let entry = Entry {
            item,
            known,
            content,
            outcome: Outcome::Stored,
            failure: None,
            asides: Vec::new(),
            memory: Some(self.budget.force(exhibit.weight())),
            exhibit,
            records: Vec::new(),
            staged: 0,
            group: None,
            slot,
        };
        self.lock().open.insert(unit, entry);
        Tether::open(unit, self.clone())
    }

    /// The item of an open unit and what is known of its content.
    pub(crate) fn item(&self, unit: UnitId) -> Option<(Arc<SourceItem>, Known)> {
        self.lock().open.get(&unit).map(|entry| (entry.item.clone(), entry.known))
    }

    /// Notes what was read for a unit.
    pub(crate) fn content(&self, unit: UnitId, hash: ContentHash, (version, body): (Option<Version>, &Body)) {
        let exhibit = head(body);
        let memory = self.budget.force(exhibit.weight());
        if let Some(entry) = self.lock().open.get_mut(&unit) {
            entry.content = Some(hash);
            (entry.exhibit, entry.memory) = (exhibit, Some(memory));
            if let Some(version) = version {
                Arc::make_mut(&mut entry.item).version = version;
            }
        }
    }

    /// Says what becomes of a unit, where that is not `Stored`.
    pub(crate) fn conclude(&self, unit: UnitId, outcome: Outcome) {
        if let Some(entry) = self.lock().open.get_mut(&unit) {
            entry.outcome = outcome;
        }
    }

    /// Files a record that reached the sink under its unit. Returns what must be staged now, if the unit grew large.
    pub(crate) fn absorb(&self, record: Record) -> Absorbed {
        let (record, tether) = record.detach();
        let Some(unit) = tether.unit() else { return Absorbed { part: None, _tether: tether } };
        let mut part = None;
        let mut state = self.lock();
        // Under the lock: what failed before has taken its records out, what fails later will find this one.
        if tether.is_failed() {
            drop(state);
            return Absorbed { part, _tether: tether };
        }
        if let Some(entry) = state.open.get_mut(&unit) {
            entry.records.push(record);
            if entry.records.len() >= self.stage_at {
                let mut records = std::mem::take(&mut entry.records);
                records.sort_by_key(Record::rank);
                entry.staged += records.len() as u64;
                part = Some((unit, records));
            }
        }
        drop(state);
        Absorbed { part, _tether: tether }
    }

    /// Gives back the place of a unit among the items in flight: it waits in a window for items still to come.
    pub(crate) fn unslot(&self, unit: UnitId) {
        let slot = self.lock().open.get_mut(&unit).and_then(|entry| entry.slot.take());
        drop(slot);
    }

    /// From now on nothing settles; everything open stays pending.
    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    /// Items without a durable outcome: open, given up, or handed to the committer and not reported durable.
    pub(crate) fn unsettled(&self) -> u64 {
        let state = self.lock();
        let grouped: usize = state.groups.values().map(|group| group.done.len()).sum();
        (state.open.len() + grouped) as u64 + state.pending + state.handed_over
    }

    /// Notes that `items` handed to the committer are durable.
    pub(crate) fn durable(&self, items: usize) {
        self.lock().handed_over -= items as u64;
        self.calm.notify_waiters();
    }

    /// Notes that `items` handed to the committer stay pending after all.
    pub(crate) fn give_up(&self, items: usize) {
        let mut state = self.lock();
        state.handed_over -= items as u64;
        state.pending += items as u64;
        drop(state);
        self.calm.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns finished entries into one unit for the committer, or into pending items.
    ///
    /// Under the lock, so that no item is ever in none of the counts. What is dropped here has been parted from its
    /// tethers and cannot call back.
    fn close(&self, state: &mut State, mut entries: Vec<(UnitId, Entry)>) {
        entries.sort_by_key(|(unit, _)| *unit);
        if entries.iter().any(|(_, entry)| entry.outcome == Outcome::Pending) {
            state.pending += entries.len() as u64;
            entries.into_iter().for_each(|(unit, _)| self.send(Settled::Pending(unit)));
            return self.calm.notify_waiters();
        }
        let failed =
            entries.iter().find_map(|(_, entry)| entry.failure.clone().or_else(|| nothing_left(entry)));
        let Some(id) = entries.first().map(|(unit, _)| *unit) else { return };
        let mut closed = Closed {
            unit: Unit { items: Vec::with_capacity(entries.len()), records: Vec::new(), staged: 0 },
            id,
            slots: Vec::new(),
            memory: Vec::new(),
        };
        for (unit, mut entry) in entries {
            closed.unit.staged += entry.staged;
            closed.slots.extend(entry.slot.take());
            if failed.is_none() {
                // Within each item: places of different items say nothing about each other.
                entry.records.sort_by_key(Record::rank);
                closed.unit.records.append(&mut entry.records);
            } else {
                closed.memory.extend(entry.memory.take());
            }
            closed.unit.items.push(outcome_of(unit, entry, failed.as_ref()));
        }
        state.handed_over += closed.unit.items.len() as u64;
        self.send(Settled::Unit(closed));
    }
}

/// Why an item is put aside of which every document was: an archive without one good member is no success.
fn nothing_left(entry: &Entry) -> Option<Failure> {
    let empty = entry.records.is_empty() && entry.staged == 0 && entry.outcome == Outcome::Stored;
    let first = entry.asides.first().filter(|_| empty)?;
    let fault = first.failure.fault.clone().during(format!("reading {}", first.key));
    let fault = match entry.asides.len() - 1 {
        0 => fault,
        more => fault.during(format!("nothing in it can be read, and {more} more like the first")),
    };
    Some(Failure { fault, ..first.failure.clone() })
}

fn outcome_of(unit: UnitId, entry: Entry, failed: Option<&Failure>) -> ItemOutcome {
    let failure = entry
        .failure
        .or_else(|| failed.cloned())
        .map(|failure| Failure { exhibit: entry.exhibit, ..failure });
    ItemOutcome {
        outcome: if failure.is_some() && !planted("failed settles as stored") {
            Outcome::Quarantined
        } else {
            entry.outcome
        },
        item: entry.item,
        ordinal: unit,
        content: entry.content,
        asides: if failure.is_some() { Vec::new() } else { entry.asides },
        failure,
        trace: TraceId(unit << 24),
    }
}

/// What [`Settlement::absorb`] leaves to do. Hold it until the part is on its way: it keeps the unit open.
pub(crate) struct Absorbed {
    pub(crate) part: Option<(UnitId, Vec<Record>)>,
    _tether: Tether,
}

impl Book for Settlement {
    fn released(&self, unit: UnitId) {
        let mut state = self.lock();
        let aborted = self.aborted.load(Ordering::Acquire) || self.cx.stop() >= Stop::Abort;
        if aborted && !planted("released by an abort settles") {
            return; // it stays open, which is to say pending
        }
        let Some(entry) = state.open.remove(&unit) else { return };
        let Some(id) = entry.group else {
            return self.close(&mut state, vec![(unit, entry)]);
        };
        let Some(group) = state.groups.get_mut(&id) else { return };
        group.open.retain(|open| *open != unit);
        group.done.push((unit, entry));
        if group.open.is_empty() {
            let done = state.groups.remove(&id).map(|group| group.done).unwrap_or_default();
            self.close(&mut state, done);
        }
    }

    fn failed(&self, unit: UnitId, stage: &str, fault: &Fault) {
        let mut state = self.lock();
        let Some(entry) = state.open.get_mut(&unit) else { return };
        let wasted = std::mem::take(&mut entry.records);
        if entry.failure.is_none() {
            entry.failure = Some(Failure { stage: stage.into(), fault: fault.clone(), exhibit: Body::Empty });
        }
        drop(state);
        drop(wasted);
    }

    fn part_failed(&self, unit: UnitId, part: &Arc<str>, (stage, fault): (&str, &Fault)) -> bool {
        let mut state = self.lock();
        let Some(entry) = state.open.get_mut(&unit) else { return false };
        // What the sink has taken already cannot be taken out again document by document, and who settles together
        // fails together.
        if entry.staged > 0 || entry.group.is_some() {
            drop(state);
            self.failed(unit, stage, fault);
            return true;
        }
        let (wasted, kept) =
            std::mem::take(&mut entry.records).into_iter().partition(|record: &Record| record.key == *part);
        entry.records = kept;
        let failure = Failure { stage: stage.into(), fault: fault.clone(), exhibit: Body::Empty };
        entry.asides.push(Aside { key: part.clone(), failure });
        drop(state);
        drop::<Vec<Record>>(wasted);
        false
    }

    fn joined(&self, units: &[UnitId]) {
        if planted("window members settle apart") {
            return;
        }
        let mut state = self.lock();
        let id = state.next_group;
        state.next_group += 1;
        let mut group = Group::default();
        for unit in units {
            let Some(entry) = state.open.get_mut(unit) else { continue };
            match entry.group.replace(id) {
                None => group.open.push(*unit),
                Some(earlier) if earlier == id => {}
                // A window over windows: the earlier group becomes part of this one.
                Some(earlier) => {
                    let Some(mut merged) = state.groups.remove(&earlier) else { continue };
                    for member in &merged.open {
                        if let Some(entry) = state.open.get_mut(member) {
                            entry.group = Some(id);
                        }
                    }
                    group.open.append(&mut merged.open);
                    group.done.append(&mut merged.done);
                }
            }
        }
        state.groups.insert(id, group);
    }

    fn pended(&self, unit: UnitId) {
        if planted("given up settles as stored") {
            return;
        }
        self.conclude(unit, Outcome::Pending);
    }
}

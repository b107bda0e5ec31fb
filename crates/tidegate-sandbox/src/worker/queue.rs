//! Records that wait for a process, and who may take them.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_core::Fault;
use tokio::sync::oneshot;

/// Starts in a row that read nothing before the program is taken for one that cannot work.
const STARTS: u32 = 3;
/// Processes in a row that died of records: of a program that never answered at all, and of one that did. Records that
/// kill programs come one by one; a program that dies of everything is not worth a file of them.
const DEATHS_AT_FIRST: u32 = 10;
const DEATHS: u32 = 100;
/// Processes that wrote lines which answer nothing, within so many answers, before that is taken for what the program
/// does.
const STRAYS: u32 = 3;
const STRAYS_WITHIN: u64 = 1_000;

/// A record, and who waits for what becomes of it.
#[derive(Debug)]
pub(super) struct Job<A> {
    pub(super) record: Arc<str>,
    pub(super) tell: oneshot::Sender<Result<A, Fault>>,
    /// Whether a process died that had it among others.
    pub(super) lone: bool,
    /// Whether a process that had it alone was asked to end from outside.
    pub(super) spared: bool,
}

/// What went wrong with a process, as it counts against the program as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    /// It ended before it read anything.
    Unread,
    /// It did not begin to read in time.
    Deaf,
    /// It died of a record.
    Died,
    /// It wrote a line that answers nothing.
    Stray,
}

/// What a seat is given.
pub(super) struct Taken<A> {
    pub(super) jobs: Vec<Job<A>>,
    /// Whether more wait.
    pub(super) more: bool,
    pub(super) closed: bool,
    /// Why nothing can be done any more.
    pub(super) broken: Option<Fault>,
}

pub(super) struct Queue<A> {
    state: Mutex<State<A>>,
}

struct State<A> {
    jobs: VecDeque<Job<A>>,
    seats: Vec<Place>,
    closed: bool,
    broken: Option<Fault>,
    /// Whether any record was ever answered.
    answered: bool,
    unread: u32,
    died: u32,
    strays: u32,
    /// Answers since the last of them.
    since: u64,
}

/// The place of a thread.
enum Place {
    Free,
    /// It is about to be started.
    Promised,
    Taken(Bell),
}

/// What tells a thread that there is work.
struct Bell {
    rope: PipeWriter,
    /// How many records its process has, while it waits for more.
    waits: Option<usize>,
}

impl<A> Queue<A> {
    pub(super) fn new(processes: usize) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            seats: (0..processes).map(|_| Place::Free).collect(),
            closed: false,
            broken: None,
            answered: false,
            unread: 0,
            died: 0,
            strays: 0,
            since: 0,
        };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        // Nothing that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a record. The number of a thread that is to be started for it, if it is worth one.
    ///
    /// # Errors
    /// Why the program cannot be run.
    pub(super) fn submit(&self, job: Job<A>) -> Result<Option<usize>, Fault> {
        let mut state = self.lock();
        if let Some(fault) = &state.broken {
            return Err(fault.clone());
        }
        state.jobs.push_back(job);
        let waiting = state.seats.iter().enumerate().filter_map(|(at, place)| match place {
            Place::Taken(Bell { waits: Some(load), .. }) => Some((*load, at)),
            _ => None,
        });
        let waiting = waiting.min();
        let free = state.seats.iter().position(|place| matches!(place, Place::Free));
        match (waiting, free) {
            (Some((0, seat)), _) | (Some((_, seat)), None) => state.ring(seat),
            (_, Some(seat)) => {
                state.seats[seat] = Place::Promised;
                return Ok(Some(seat));
            }
            (None, None) => {} // whoever is done first takes it
        }
        Ok(None)
    }

    /// Makes the place of a thread; what rings when there is work.
    pub(super) fn seat(&self, number: usize) -> io::Result<PipeReader> {
        let (wake, rope) = io::pipe()?;
        rustix::io::ioctl_fionbio(&wake, true)?;
        rustix::io::ioctl_fionbio(&rope, true)?;
        self.lock().seats[number] = Place::Taken(Bell { rope, waits: None });
        Ok(wake)
    }

    /// Takes the place of a thread back that could not be started. Records go to the others, if there are any.
    pub(super) fn shrink(&self, number: usize, fault: &Fault) {
        let mut state = self.lock();
        state.seats[number] = Place::Free;
        if state.seats.iter().all(|place| matches!(place, Place::Free)) {
            state.fail(fault);
        }
    }

    /// Gives a thread up to `want` records, of which its process has `load` now. With none left, it is rung for when
    /// the next comes.
    pub(super) fn take(&self, seat: usize, (want, load): (usize, usize)) -> Taken<A> {
        let mut state = self.lock();
        // What waits is for all processes.
        let threads = state.seats.iter().filter(|place| !matches!(place, Place::Free)).count();
        let share = state.jobs.len().div_ceil(threads.max(1));
        let jobs: Vec<Job<A>> = {
            let count = want.min(share);
            state.jobs.drain(..count).collect()
        };
        let more = !state.jobs.is_empty();
        let waits = (want > jobs.len() && !more).then_some(load + jobs.len());
        if let Place::Taken(bell) = &mut state.seats[seat] {
            bell.waits = waits;
        }
        Taken { jobs, more, closed: state.closed, broken: state.broken.clone() }
    }

    /// Notes that so many records were answered.
    pub(super) fn answered(&self, count: u32) {
        let mut state = self.lock();
        state.since += u64::from(count);
        state.answered = true;
        (state.unread, state.died) = (0, 0);
    }

    /// Counts what went wrong with a process. `broken` makes the fault of the program as a whole, of how often it was
    /// the same, once that is too often.
    pub(super) fn strike(&self, strike: Strike, broken: impl FnOnce(u32) -> Fault) {
        let mut state = self.lock();
        let deaths = if state.answered { DEATHS } else { DEATHS_AT_FIRST };
        let (count, most) = match strike {
            Strike::Deaf if !state.answered => (1, 1),
            Strike::Unread | Strike::Deaf => {
                state.unread += 1;
                (state.unread, STARTS)
            }
            Strike::Died => {
                state.died += 1;
                (state.died, deaths)
            }
            Strike::Stray => {
                let apart = std::mem::take(&mut state.since) > STRAYS_WITHIN;
                state.strays = if apart { 1 } else { state.strays + 1 };
                (state.strays, STRAYS)
            }
        };
        if count >= most && state.broken.is_none() {
            let fault = broken(count);
            state.fail(&fault);
            state.broken = Some(fault);
            state.ring_all();
        }
    }

    /// Ends all threads.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        state.ring_all();
    }
}

impl<A> State<A> {
    fn fail(&mut self, fault: &Fault) {
        for job in self.jobs.drain(..) {
            let _ = job.tell.send(Err(fault.clone()));
        }
    }

    fn ring(&mut self, seat: usize) {
        if let Place::Taken(bell) = &mut self.seats[seat] {
            bell.waits = None;
            let _ = bell.rope.write(&[1]); // one that is full has been rung
        }
    }

    fn ring_all(&mut self) {
        (0..self.seats.len()).for_each(|seat| self.ring(seat));
    }
}

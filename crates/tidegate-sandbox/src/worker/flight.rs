//! The records that one process has: how many it may have, and until when it must have answered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::MOST_IN_FLIGHT;

/// Work that a process has before it at most: enough that it never waits for us, and not much to do again if it dies.
const AHEAD: Duration = Duration::from_millis(8);

/// How long answers of a fast program may be left to gather at most.
const GATHER: Duration = Duration::from_micros(500);

/// Records on their way, the oldest first.
#[derive(Debug)]
pub(super) struct Flight<J> {
    entries: VecDeque<Entry<J>>,
    /// When the process last answered, or began.
    moved: Instant,
    /// What a record takes; unknown until the second answer, because the first has the start in it.
    each: Option<Duration>,
    answered: u64,
}

#[derive(Debug)]
struct Entry<J> {
    number: u64,
    /// Where its line begins among all bytes that the process was given.
    place: u64,
    sent: Instant,
    /// How many were before it.
    ahead: u32,
    job: J,
}

impl<J> Flight<J> {
    pub(super) fn new(now: Instant) -> Self {
        Self { entries: VecDeque::new(), moved: now, each: None, answered: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Answers so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Records that the process should have.
    pub(super) fn window(&self) -> usize {
        let Some(each) = self.each else { return 1 };
        let fit = AHEAD.as_nanos() / each.as_nanos().max(1);
        usize::try_from(fit).unwrap_or(MOST_IN_FLIGHT).clamp(1, MOST_IN_FLIGHT)
    }

    /// How long its answers may be left to gather: while a fast program still has much before it, to be woken for each
    /// line would cost more than the line.
    pub(super) fn gather(&self) -> Option<Duration> {
        let each = self.each.filter(|_| self.entries.len() > MOST_IN_FLIGHT / 4)?;
        let half = each.saturating_mul(u32::try_from(self.entries.len() / 2).unwrap_or(u32::MAX));
        Some(half.min(GATHER))
    }

    pub(super) fn push(&mut self, (number, place): (u64, u64), job: J, now: Instant) {
        if self.entries.is_empty() {
            self.moved = self.moved.max(now);
        }
        let ahead = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push_back(Entry { number, place, sent: now, ahead, job });
    }

    /// Takes out the record with this number, or the oldest.
    pub(super) fn take(&mut self, number: Option<u64>) -> Option<J> {
        let place = match number {
            Some(number) => self.entries.iter().position(|entry| entry.number == number)?,
            None => 0,
        };
        self.entries.remove(place).map(|entry| entry.job)
    }

    /// Notes that `count` answers came together.
    pub(super) fn moved(&mut self, count: u32, now: Instant) {
        if self.answered > 0 && count > 0 {
            let each = now.saturating_duration_since(self.moved) / count;
            self.each = Some(self.each.map_or(each, |before| (before * 7 + each) / 8));
        }
        self.answered += u64::from(count);
        self.moved = now;
    }

    /// Says that the process began to work only now.
    pub(super) fn began(&mut self, now: Instant) {
        self.moved = now;
        self.entries.iter_mut().for_each(|entry| entry.sent = now);
    }

    /// When the process will have been at one record for longer than `timeout`, as far as that can be told.
    pub(super) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        let oldest = self.entries.front()?;
        let still = self.moved.max(oldest.sent) + timeout;
        // One that answers others meanwhile has had the time of all that were before it.
        let passed_over = oldest.sent.checked_add(timeout.saturating_mul(oldest.ahead.saturating_add(1)));
        Some(passed_over.map_or(still, |passed_over| still.min(passed_over)))
    }

    /// Takes out all records in their order: those of which the process has read some of so many bytes, and those of
    /// which it has read nothing.
    pub(super) fn part(&mut self, read: u64) -> (Vec<J>, Vec<J>) {
        let (begun, unread): (Vec<_>, Vec<_>) = self.entries.drain(..).partition(|entry| entry.place < read);
        let jobs = |entries: Vec<Entry<J>>| entries.into_iter().map(|entry| entry.job).collect();
        (jobs(begun), jobs(unread))
    }
}

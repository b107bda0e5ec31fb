//! The life of a thread: one process at a time, records from the queue to it, and its answers to whoever asked.

use std::collections::VecDeque;
use std::io::{PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidegate_core::{Fault, FaultKind};

use super::fate::{self, Cause};
use super::flight::Flight;
use super::process::Process;
use super::queue::{Job, Strike};
use super::{Seen, Shared, Talk};

/// How often a process that has records is looked at: whether it is still there, and whether it has begun.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_SOON: Duration = Duration::from_millis(20);
/// Bytes that may wait for a process to read them; a record that is larger is sent by itself.
const OUTBOX: usize = 256 << 10;

/// A thread's place at the queue.
pub(super) struct Seat<T: Talk> {
    shared: Arc<Shared<T>>,
    number: usize,
    wake: PipeReader,
    process: Option<Process>,
    flight: Flight<Job<T::Answer>>,
    /// Records that were taken and not sent.
    pending: VecDeque<Job<T::Answer>>,
    /// Records that were on their way with others when a process died: each goes alone.
    lone: VecDeque<Job<T::Answer>>,
    /// Whether the process has one of those.
    alone: bool,
    /// The number of the last record that was sent.
    last: u64,
    /// When the process was started.
    started: Instant,
}

/// What a turn came to.
enum Turn {
    On,
    /// Nothing is to be waited for: there is more to take.
    Again,
    Over,
}

impl<T: Talk> Seat<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, number: usize, wake: PipeReader) -> Self {
        let now = Instant::now();
        Self {
            shared,
            number,
            wake,
            process: None,
            flight: Flight::new(now),
            pending: VecDeque::new(),
            lone: VecDeque::new(),
            alone: false,
            last: 0,
            started: now,
        }
    }

    /// Works until the pool is closed.
    pub(super) fn live(mut self) {
        loop {
            match self.fill() {
                Turn::On => self.follow(),
                Turn::Again => {}
                Turn::Over => break,
            }
        }
        let idle = self.flight.is_empty() && self.pending.is_empty() && self.lone.is_empty();
        if let Some(process) = self.process.take().filter(|_| idle) {
            process.leave();
        }
    }

    /// Takes records and sends them.
    fn fill(&mut self) -> Turn {
        self.alone &= !self.flight.is_empty();
        let has = self.flight.len() + self.pending.len();
        let want = match self.alone || !self.lone.is_empty() {
            true => 0,
            false => self.flight.window().saturating_sub(has),
        };
        let taken = self.shared.queue.take(self.number, (want, has));
        if taken.closed {
            return Turn::Over;
        }
        self.pending.extend(taken.jobs);
        if let Some(fault) = taken.broken {
            self.give_up(&fault);
            return Turn::On;
        }
        if let Err(fault) = self.send() {
            self.give_up(&fault);
        }
        // One that took nothing is not rung for, and must not go to sleep without work.
        let left = taken.more || !self.pending.is_empty() || !self.lone.is_empty() || want == 0;
        if self.flight.is_empty() && left { Turn::Again } else { Turn::On }
    }

    /// Answers all that there is with a fault.
    fn give_up(&mut self, fault: &Fault) {
        self.process = None;
        self.alone = false;
        let (flying, _) = self.flight.part(u64::MAX);
        for job in flying.into_iter().chain(self.lone.drain(..)).chain(self.pending.drain(..)) {
            let _ = job.tell.send(Err(fault.clone()));
        }
    }

    /// Hands over what may be.
    fn send(&mut self) -> Result<(), Fault> {
        while self.flight.is_empty()
            && let Some(job) = self.lone.pop_front()
        {
            self.send_one(job)?;
            self.alone = !self.flight.is_empty();
        }
        while !self.alone
            && self.lone.is_empty()
            && self.flight.len() < self.flight.window()
            && self.process.as_ref().is_none_or(|process| process.waiting() < OUTBOX && !process.deaf)
            && let Some(job) = self.pending.pop_front()
        {
            self.send_one(job)?;
        }
        if let Some(process) = &mut self.process {
            process.feed();
        }
        Ok(())
    }

    /// Sends a record, unless nobody wants it any more.
    fn send_one(&mut self, job: Job<T::Answer>) -> Result<(), Fault> {
        if job.tell.is_closed() {
            return Ok(());
        }
        let now = Instant::now();
        let process = match &mut self.process {
            Some(process) => process,
            none => match Process::start(&self.shared.launcher, &self.shared.options) {
                Ok(process) => {
                    self.flight = Flight::new(now);
                    self.started = now;
                    none.insert(process)
                }
                Err(fault) => {
                    self.pending.push_front(job);
                    return Err(fault);
                }
            },
        };
        let place = process.given();
        let outbox = process.outbox();
        let before = outbox.len();
        match self.shared.talk.write(self.last + 1, &job.record, outbox) {
            Ok(()) => {
                self.last += 1;
                self.flight.push((self.last, place), job, now);
            }
            Err(fault) => {
                outbox.truncate(before);
                let _ = job.tell.send(Err(fault));
            }
        }
        Ok(())
    }

    /// Waits for what happens next, and deals with it.
    fn follow(&mut self) {
        let Some(process) = &mut self.process else { return self.idle() };
        let options = &self.shared.options;
        let now = Instant::now();
        let began = process.began();
        let deadline = match began || self.flight.answered() > 0 {
            true => self.flight.deadline(options.timeout),
            false => Some(self.started + options.start).filter(|_| !self.flight.is_empty()),
        };
        let look = now + if began { LOOK } else { LOOK_SOON };
        let until = deadline.map(|deadline| deadline.min(look));
        if let Some(pause) = self.flight.gather() {
            let _ = poll(&mut [] as &mut [PollFd<'_>], Timespec::try_from(pause).ok().as_ref());
        }
        let mut ended = process.wait(until, self.wake.as_fd());
        self.hush();
        if let Err(cause) = self.answers() {
            return self.lose(cause);
        }
        let Some(process) = &mut self.process else { return };
        let begins = !began && process.began();
        if begins {
            self.flight.began(Instant::now());
        }
        ended |= process.deaf && self.flight.is_empty();
        let passed = |time: Option<Instant>| time.is_some_and(|time| Instant::now() >= time);
        // Another that it started may hold its pipes; what it wrote itself was read by the time it is looked again.
        let gone = passed(until) && process.is_over();
        if ended || gone {
            self.lose(Cause::Gone(None));
        } else if passed(deadline) && !begins && self.is_late() {
            self.lose(if began { Cause::Late } else { Cause::Deaf });
        }
    }

    /// Whether a deadline that has passed is still that of the oldest record.
    fn is_late(&self) -> bool {
        if self.flight.answered() == 0 {
            return !self.flight.is_empty();
        }
        let deadline = self.flight.deadline(self.shared.options.timeout);
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits for work without a process.
    fn idle(&mut self) {
        let mut fds = [PollFd::new(&self.wake, PollFlags::IN)];
        let _ = poll(&mut fds, None);
        self.hush();
    }

    /// Stops the bell.
    fn hush(&mut self) {
        let mut buffer = [0; 64];
        while matches!(self.wake.read(&mut buffer), Ok(count) if count > 0) {}
    }

    /// Hands out what was answered.
    fn answers(&mut self) -> Result<(), Cause> {
        let Some(process) = &mut self.process else { return Ok(()) };
        let talk = &self.shared.talk;
        let mut count = 0;
        let mut wrong = None;
        while let Some(line) = process.inbox.line() {
            let Seen { number, line: says } = match talk.read(line) {
                Ok(seen) => seen,
                Err(what) => {
                    wrong = Some(Cause::Garbled(what));
                    break;
                }
            };
            let Some(job) = self.flight.take(number) else {
                let line = beginning(line);
                let before = number.is_some_and(|number| (1..=self.last).contains(&number));
                let what = "wrote a line that answers none of the records it has";
                wrong =
                    Some(if before { Cause::Twice(line) } else { Cause::Garbled(format!("{what}: {line}")) });
                break;
            };
            count += 1;
            let _ = job.tell.send(talk.take(&job.record, says));
        }
        if count > 0 {
            self.flight.moved(count, Instant::now());
            self.shared.queue.answered(count);
        }
        if wrong.is_none() && process.inbox.rest().len() > self.shared.options.longest {
            wrong = Some(Cause::Long);
        }
        wrong.map_or(Ok(()), Err)
    }

    /// Ends the process, and decides whose fault it was.
    fn lose(&mut self, cause: Cause) {
        let Some(mut process) = self.process.take() else { return };
        let read = process.read();
        let began = read > 0 || self.flight.answered() > 0;
        let dies = matches!(cause, Cause::Gone(_));
        let status = process.end(dies);
        let cause = if dies { Cause::Gone(status) } else { cause };
        let twice = matches!(cause, Cause::Twice(_));
        let stray = twice || matches!(cause, Cause::Garbled(_) | Cause::Long);
        let options = &self.shared.options;
        let fault = fate::fault(&cause, &process.said, options);
        let strike = |strike| {
            self.shared.queue.strike(strike, |count| fate::broken(strike, (count, &fault), options));
        };
        drop(process);
        if fault.kind() == FaultKind::Config {
            strike(Strike::Deaf); // it cannot be started, which no record is to blame for
        }
        // What it has not read is not what it was lost over.
        let (mut flying, unread) = self.flight.part(read);
        self.flight = Flight::new(Instant::now());
        let mut again = vec![(unread, false)];
        match flying.len() {
            _ if !began && !again[0].0.is_empty() => {
                strike(if matches!(cause, Cause::Deaf) { Strike::Deaf } else { Strike::Unread });
            }
            0 if stray => strike(Strike::Stray),
            _ if twice => {
                strike(Strike::Stray);
                again.push((flying, false)); // none of these is at fault
            }
            0 => {} // it had done all that it was given
            1 => {
                let mut job = flying.remove(0);
                if fate::is_asked(&cause) && !job.spared {
                    job.spared = true;
                    again.push((vec![job], true));
                } else {
                    strike(Strike::Died);
                    let _ = job.tell.send(Err(fault));
                }
            }
            _ => again.push((flying, true)),
        }
        again.into_iter().for_each(|(jobs, lone)| self.again(jobs, lone));
    }

    /// Puts records back in their order.
    fn again(&mut self, jobs: Vec<Job<T::Answer>>, lone: bool) {
        for mut job in jobs.into_iter().rev() {
            job.lone |= lone;
            let list = if job.lone { &mut self.lone } else { &mut self.pending };
            list.push_front(job);
        }
    }
}

/// The beginning of a line, to be shown.
fn beginning(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(200)]);
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

//! One document and its answers: what a child may say, in which order, and how long.

use std::os::fd::AsFd as _;
use std::time::Instant;

use tidegate_core::Fault;

use super::death::{self, Cause, Scene};
use super::pool::Queued;
use super::process::Process;
use crate::limits::size;
use crate::part::Part;
use crate::wire::{Answer, Garbled, HEADER, Header, Kind, send};

/// How an exchange ended.
pub(super) enum Outcome {
    /// All was said; the child can take another document.
    Done,
    /// The file is at fault; the child can take another document.
    Failed(Fault),
    /// The child is done for, and the document is why.
    Lost(Fault),
    /// The child died before it had read the document: that says nothing of the document.
    Unread(Fault),
    /// Nobody wants the answer any more. The child is in the middle of it.
    Cancelled,
}

/// Where an exchange stands.
struct Exchange<'a> {
    process: &'a mut Process,
    job: &'a Queued,
    /// The announcement, and how much of it and of the document was sent.
    head: Vec<u8>,
    sent: usize,
    deadline: Instant,
    read: bool,
    doing: String,
}

/// Hands the document of `job` to the child, and its answers to whoever asked.
pub(super) fn exchange(process: &mut Process, job: &Queued) -> Outcome {
    let limits = job.job.limits;
    let header = Header {
        name: job.job.name.clone(),
        settings: job.job.settings.clone(),
        limits,
        length: job.job.bytes.len() as u64,
    };
    let mut head = Vec::new();
    let _ = send(&mut head, Kind::Job, &header.encode()); // a vector takes everything
    process.documents += 1;
    process.said.clear();
    process.inbox.allow(limits.frames());
    let deadline = Instant::now() + limits.wall;
    let exchange = Exchange { process, job, head, sent: 0, deadline, read: false, doing: String::new() };
    exchange.run()
}

impl Exchange<'_> {
    fn run(mut self) -> Outcome {
        debug_assert!(self.head.len() >= HEADER);
        loop {
            loop {
                match self.process.inbox.next() {
                    Ok(None) => break,
                    Ok(Some(answer)) => {
                        if let Some(outcome) = self.hear(answer) {
                            return outcome;
                        }
                    }
                    Err(garbled) => return self.garbled(garbled),
                }
            }
            let sending = self.sent < self.total();
            let seen = self.process.wait(Some(self.deadline), (sending, Some(self.job.cancel.as_fd())));
            if seen.cancelled {
                return Outcome::Cancelled;
            }
            if seen.late {
                return self.dead(&Cause::Late);
            }
            if seen.ended {
                let status = self.process.end();
                return self.dead(&Cause::Gone(status));
            }
            if seen.room {
                self.feed();
            }
        }
    }

    /// What an answer means here; `None` if more is to come.
    fn hear(&mut self, answer: Answer) -> Option<Outcome> {
        match (answer, self.read) {
            (Answer::Read, false) if self.sent == self.total() => self.read = true,
            (Answer::Doing(what), true) => self.doing = what,
            (Answer::Part(part), true) => return self.pass_on(part),
            (Answer::Done, true) => return Some(self.ended(Outcome::Done)),
            (Answer::Failed(fault), true) => return Some(self.ended(Outcome::Failed(fault))),
            (Answer::Last(fault), true) => {
                let doing = if self.doing.is_empty() { fault } else { fault.during(self.doing.clone()) };
                return Some(Outcome::Lost(doing.during(format!("parsing {}", self.job.job.format))));
            }
            _ => return Some(self.garbled(Garbled::new("out of turn"))),
        }
        None
    }

    fn pass_on(&mut self, part: Part) -> Option<Outcome> {
        let from = Instant::now();
        let sent = self.job.answers.blocking_send(Ok(part));
        // How long others take to make room is no fault of the document.
        self.deadline += from.elapsed();
        sent.is_err().then_some(Outcome::Cancelled)
    }

    /// After its last word a child must be silent.
    fn ended(&mut self, outcome: Outcome) -> Outcome {
        if self.process.inbox.is_midway() { self.garbled(Garbled::new("out of turn")) } else { outcome }
    }

    fn total(&self) -> usize {
        self.head.len() + self.job.job.bytes.len()
    }

    /// Sends what there is room for.
    fn feed(&mut self) {
        let rest = match self.head.get(self.sent..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &self.job.job.bytes[self.sent - self.head.len()..],
        };
        match self.process.send(rest) {
            Some(count) => self.sent += count,
            // It reads no more, so it is dying; its answers end next. Nothing is left to wait for room for.
            None => self.sent = usize::MAX,
        }
    }

    fn garbled(&mut self, Garbled(what): Garbled) -> Outcome {
        let limits = &self.job.job.limits;
        let what = if what == Garbled::FLOOD {
            format!("{what}: text of {} is the most", size(limits.output))
        } else {
            what
        };
        self.dead(&Cause::Garbled(what))
    }

    fn dead(&mut self, cause: &Cause) -> Outcome {
        let scene = Scene {
            format: &self.job.job.format,
            doing: &self.doing,
            limits: &self.job.job.limits,
            said: &self.process.said,
        };
        let fault = death::fault(cause, &scene);
        tracing::debug!(%fault, said = self.process.said.text(), "a parser child is replaced");
        if self.read { Outcome::Lost(fault) } else { Outcome::Unread(fault) }
    }
}

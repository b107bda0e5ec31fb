//! One document and its answers: what a child may say, in which order, and how long.

use std::os::fd::AsFd as _;
use std::time::Instant;

use tidegate_core::{Advice, Fault, advise};

use super::death::{self, Cause, Scene};
use super::pool::Queued;
use super::process::Process;
use crate::limits::size;
use crate::part::{Part, Resume};
use crate::wire::{Answer, Garbled, HEADER, Header, Kind, Member, send};

/// How an exchange ended.
pub(super) enum Outcome {
    /// All was said; the child can take another document.
    Done,
    /// The file is at fault; the child can take another document.
    Failed(Fault),
    /// The child is done for, and the document is why.
    Lost(Loss),
    /// The child died before it had read the document: that says nothing of the document.
    Unread(Fault),
    /// Nobody wants the answer any more. The child is in the middle of it.
    Cancelled,
}

/// What is known of the end of a child.
pub(super) struct Loss {
    pub(super) fault: Fault,
    /// The member that it was at, where that can be left out; none if nothing more is to be read of the file.
    pub(super) at: Option<At>,
    /// Bytes of text that it handed out.
    pub(super) output: u64,
}

/// The member that a child is at.
pub(super) struct At {
    pub(super) number: u64,
    pub(super) path: String,
    pub(super) began: Instant,
    /// Whether it is the first that this child read.
    pub(super) first: bool,
    /// Whether a document was handed out since.
    pub(super) handed: bool,
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
    at: Option<At>,
    output: u64,
}

/// Hands the document of `job` to the child, and its answers to whoever asked; on from where another child died of it.
pub(super) fn exchange(process: &mut Process, job: &Queued, from: &Resume) -> Outcome {
    let limits = job.job.limits;
    let header = Header {
        name: job.job.name.clone(),
        settings: job.job.settings.clone(),
        limits,
        length: job.job.bytes.len() as u64,
        from: from.clone(),
    };
    let mut head = Vec::new();
    let _ = send(&mut head, Kind::Job, &header.encode()); // a vector takes everything
    process.documents += 1;
    process.said.clear();
    process.inbox.allow(limits.frames());
    let deadline = Instant::now() + limits.wall;
    let doing = String::new();
    let exchange =
        Exchange { process, job, head, sent: 0, deadline, read: false, doing, at: None, output: 0 };
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
            (Answer::Member(member), true) => return self.enter(member),
            (Answer::Part(part), true) => return self.pass_on(part),
            (Answer::Done, true) => return Some(self.ended(Outcome::Done)),
            (Answer::Failed(fault), true) => return Some(self.ended(Outcome::Failed(fault))),
            (Answer::Last(fault), true) => {
                let doing = if self.doing.is_empty() { fault } else { fault.during(self.doing.clone()) };
                return Some(self.lost(doing.during(format!("parsing {}", self.job.job.format))));
            }
            _ => return Some(self.garbled(Garbled::new("out of turn"))),
        }
        None
    }

    /// Notes which member the child is at. What it says of that is believed only as far as it leads on.
    fn enter(&mut self, member: Member) -> Option<Outcome> {
        if self.at.as_ref().is_some_and(|at| at.number >= member.number) || member.number == 0 {
            return Some(self.garbled(Garbled::new("out of turn")));
        }
        let Member { number, path, what } = member;
        let first = self.at.is_none();
        self.doing = what;
        self.at = Some(At { number, path, began: Instant::now(), first, handed: false });
        None
    }

    fn pass_on(&mut self, part: Part) -> Option<Outcome> {
        self.output += part.result.as_ref().map_or(0, |document| document.text.len() as u64);
        if let Some(at) = &mut self.at {
            at.handed = true;
        }
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
        if !self.read {
            return Outcome::Unread(fault);
        }
        // Who answers nonsense may say anything of where it is; and what is ended with all others goes on later.
        if matches!(cause, Cause::Garbled(_)) || advise(&fault) != Advice::Quarantine {
            self.at = None;
        }
        self.lost(fault)
    }

    fn lost(&mut self, fault: Fault) -> Outcome {
        Outcome::Lost(Loss { fault, at: self.at.take(), output: self.output })
    }
}

//! Why a child is gone, in words that say what its document did.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::Signal;
use tidegate_core::{Fault, FaultKind};

use super::tail::Tail;
use crate::limits::{Limits, size, time};

/// What ended a child.
#[derive(Debug)]
pub(super) enum Cause {
    /// It ended by itself, or the system ended it.
    Gone(ExitStatus),
    /// It was killed because its time on the clock was over.
    Late,
    /// It was killed because of what it answered.
    Garbled(String),
}

/// What is known of the document it was at.
pub(super) struct Scene<'a> {
    /// The document's format, for the message.
    pub(super) format: &'a str,
    /// What it last said that it does.
    pub(super) doing: &'a str,
    pub(super) limits: &'a Limits,
    pub(super) said: &'a Tail,
}

/// What the standard library says before it aborts for lack of memory. It is the only word on it: the allocator's
/// failure ends in the same signal as any other abort.
const OUT_OF_MEMORY: &str = "memory allocation of ";
/// The same for a stack.
const OUT_OF_STACK: &str = "has overflowed its stack";

/// The fault of the record whose document killed the child.
pub(super) fn fault(cause: &Cause, scene: &Scene<'_>) -> Fault {
    let (kind, what, limit, key) = judge(cause, scene);
    let mut message = what;
    if !scene.doing.is_empty() {
        message = format!("{message} at {}", scene.doing);
    }
    if let Some(limit) = limit {
        message = format!("{message} (limit {limit})");
    }
    let fault = Fault::new(kind, message).during(format!("parsing {}", scene.format));
    match key {
        Some(key) => fault.hint(format!("raise {key} if the document is worth it, then retry it")),
        None => fault,
    }
}

type Judged = (FaultKind, String, Option<String>, Option<&'static str>);

fn judge(cause: &Cause, scene: &Scene<'_>) -> Judged {
    let limits = scene.limits;
    match cause {
        Cause::Late => {
            let what = format!("took longer than {}", time(limits.wall));
            (FaultKind::TooSlow, what, None, Some("the timeout"))
        }
        Cause::Garbled(what) => (FaultKind::Panic, format!("the parser answered {what}"), None, None),
        Cause::Gone(status) => match status.signal().and_then(Signal::from_named_raw) {
            Some(signal) => by_signal(signal, scene),
            None => (FaultKind::Panic, format!("the parser ended in the middle ({status})"), None, None),
        },
    }
}

fn by_signal(signal: Signal, scene: &Scene<'_>) -> Judged {
    let (limits, said) = (scene.limits, scene.said.text());
    let crash = |what: &str| (FaultKind::Panic, what.to_owned(), None, None);
    match signal {
        Signal::ABORT if said.contains(OUT_OF_MEMORY) => {
            let limit = Some(size(limits.memory));
            (FaultKind::TooLarge, "out of memory".to_owned(), limit, Some("the memory limit"))
        }
        Signal::ABORT | Signal::SEGV | Signal::BUS if said.contains(OUT_OF_STACK) => {
            (FaultKind::TooDeep, "out of stack, so deeply is it nested".to_owned(), None, None)
        }
        Signal::XCPU => {
            let what = format!("took longer than {} on the processor", time(limits.cpu));
            (FaultKind::TooSlow, what, None, Some("the processor time limit"))
        }
        Signal::SYS => {
            let what = "the parser tried what no parser may (files, network, other programs) and was killed";
            (FaultKind::Forbidden, what.to_owned(), None, None)
        }
        // Not by us: only the system does that, to make room, or a person.
        Signal::KILL => {
            let what = "the parser was killed from outside, as a system does that runs out of memory";
            (FaultKind::TooLarge, what.to_owned(), None, None)
        }
        // A service manager asks every process of a service to end. That judges no document: it is left for later.
        Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT => {
            (FaultKind::Changing, "the parser was asked to end from outside".to_owned(), None, None)
        }
        Signal::SEGV => crash("the parser crashed: it touched memory that is not its own"),
        Signal::BUS => crash("the parser crashed: a bus error"),
        Signal::ILL => crash("the parser crashed: an illegal instruction"),
        Signal::FPE => crash("the parser crashed: an arithmetic error"),
        Signal::ABORT => crash("the parser gave up (it aborted)"),
        other => crash(&format!("the parser was ended by signal {}", other.as_raw())),
    }
}

//! What became of a process, in words that say what its record did.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::Signal;
use tidegate_core::{Fault, FaultKind};

use super::WorkerOptions;
use super::queue::Strike;
use crate::limits::{size, time};
use crate::parent::Tail;
use crate::tool::launch;

/// What ended a process.
#[derive(Debug)]
pub(super) enum Cause {
    /// It closed its answers or ended; how, if it ended by itself.
    Gone(Option<ExitStatus>),
    /// It was ended because a record took too long.
    Late,
    /// The same, before it had read anything.
    Deaf,
    /// It was ended because of what it wrote.
    Garbled(String),
    /// It was ended because it answered a record that had its answer.
    Twice(String),
    /// It was ended because of how much it wrote on one line.
    Long,
}

/// Lines of the last words that are kept, and their characters in all.
const LINES: usize = 6;
const CHARS: usize = 900;

/// The fault of the record that a process was lost over.
pub(super) fn fault(cause: &Cause, said: &Tail, options: &WorkerOptions) -> Fault {
    let name = &options.name;
    if let Some(why) = launch::failed(&said.text()) {
        let fault = Fault::new(FaultKind::Config, format!("{name} cannot be started: {why}"));
        return fault.hint("check the program that `exec` names");
    }
    let fault = match cause {
        Cause::Gone(Some(status)) => gone(name, *status),
        Cause::Gone(None) => {
            Fault::new(FaultKind::Panic, format!("{name} closed its standard output in the middle"))
        }
        Cause::Late => {
            let took = time(options.timeout);
            Fault::new(FaultKind::TooSlow, format!("{name} did not answer within {took}")).hint(
                "raise timeout if the record is worth it; the program must write a line for each that it reads, and flush it at once",
            )
        }
        Cause::Deaf => {
            let took = time(options.start);
            Fault::new(FaultKind::Unavailable, format!("{name} did not begin to read within {took}"))
                .hint("raise start_timeout if it needs longer to start")
        }
        Cause::Garbled(what) => Fault::new(FaultKind::BadResponse, format!("{name} {what}")).hint(
            "standard output is for one line of JSON for each record: write all else to standard error",
        ),
        Cause::Twice(line) => {
            Fault::new(FaultKind::BadResponse, format!("{name} wrote a second line for a record: {line}"))
                .hint("a record has one line; where it makes many, write them into a list")
        }
        Cause::Long => {
            let most = size(options.longest as u64);
            Fault::new(FaultKind::TooLarge, format!("{name} wrote a line longer than {most}"))
                .hint("raise max_line in [input] if lines may be that long")
        }
    };
    with_words(fault, said)
}

/// The signal that ended a process.
fn signal(status: ExitStatus) -> Option<Signal> {
    // A shell says by a number of its own that a program it started was ended by a signal.
    let by_shell = status.code().filter(|code| *code > 128).map(|code| code - 128);
    status.signal().or(by_shell).and_then(Signal::from_named_raw)
}

/// Whether somebody asked the process to end, as a service manager asks every process of a service. That judges no
/// record, unless it comes again with the record.
pub(super) fn is_asked(cause: &Cause) -> bool {
    let Cause::Gone(Some(status)) = cause else { return false };
    matches!(signal(*status), Some(Signal::TERM | Signal::INT | Signal::HUP | Signal::QUIT))
}

fn gone(name: &str, status: ExitStatus) -> Fault {
    let what = match signal(status) {
        Some(Signal::KILL) => "was killed from outside, as a system does that runs out of memory".to_owned(),
        Some(signal) => format!("was ended by signal {}", signal.as_raw()),
        None => format!("ended before it answered ({status})"),
    };
    Fault::new(FaultKind::Panic, format!("{name} {what}"))
}

/// With the last lines that the program wrote to standard error.
fn with_words(fault: Fault, said: &Tail) -> Fault {
    let said = said.text();
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let skip = last.chars().count().saturating_sub(CHARS);
    match last.is_empty() {
        true => fault,
        false => fault.cause(io::Error::other(last.chars().skip(skip).collect::<String>())),
    }
}

/// The fault of the program as a whole, after `count` of its processes had the same fate and this was the last.
pub(super) fn broken(strike: Strike, (count, last): (u32, &Fault), options: &WorkerOptions) -> Fault {
    let name = &options.name;
    let what = match strike {
        Strike::Deaf if count == 1 => format!("{name} does not read its standard input"),
        Strike::Unread | Strike::Deaf => format!("{name} was started {count} times and read nothing"),
        Strike::Died => format!("{name} was lost over {count} records in a row"),
        Strike::Stray => format!("{name} writes more lines than it reads"),
    };
    let hint = match strike {
        Strike::Deaf => "raise start_timeout if it needs longer to start",
        _ => "try it by hand: head -1 INPUT | PROGRAM must write one line",
    };
    Fault::new(FaultKind::Config, what)
        .hint(last.hint_text().filter(|_| last.kind() == FaultKind::Config).unwrap_or(hint))
        .cause(io::Error::other(last.to_string()))
}

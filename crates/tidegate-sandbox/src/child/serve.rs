//! The loop of a child.

use std::io::{Read, Stdin, Stdout, Write as _};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_core::context::panic_fault;
use tidegate_core::{Fault, FaultKind};

use super::lock;
use crate::part::{Listener, Part, Request};
use crate::wire::{HEADER, Header, Kind, encode_fault, encode_member, encode_part, read_header, send};

/// Serves as a parser child: takes documents from standard input, has `parse` read them, and answers on standard output,
/// until the parent closes the pipe or dies. Nothing else may use standard input and output, before or after, and the
/// process must have one thread: the filter that is put over it lets no other do more than this one.
///
/// # Errors
/// A parent that is none: the program was started by hand, or the pipe broke.
pub fn serve(
    mut parse: impl FnMut(&Request<'_>, &mut dyn Listener) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let protection = lock::lock()?;
    let mut answers = Answers { out: std::io::stdout(), broken: false };
    answers.send(Kind::Hello, &protection.encode());
    let mut input = std::io::stdin();
    while !answers.broken
        && let Some(header) = next(&mut input)?
    {
        lock::limit(&header);
        let bytes = read_document(&mut input, &header)?;
        answers.send(Kind::Read, &[]);
        let request =
            Request { name: &header.name, settings: &header.settings, bytes: &bytes, from: &header.from };
        let parsed = catch_unwind(AssertUnwindSafe(|| parse(&request, &mut answers)));
        let (kind, fault) = match parsed {
            Ok(Ok(())) => {
                answers.send(Kind::Done, &[]);
                continue;
            }
            Ok(Err(fault)) => (Kind::Failed, fault),
            // What a panic left half done must not meet another document.
            Err(panic) => (Kind::Last, panic_fault(panic.as_ref())),
        };
        let mut content = Vec::new();
        encode_fault(&mut content, &fault);
        answers.send(kind, &content);
        if kind == Kind::Last {
            break;
        }
    }
    Ok(())
}

/// The announcement of the next document; `None` at the end.
fn next(input: &mut Stdin) -> Result<Option<Header>, Fault> {
    let mut head = [0; HEADER];
    let mut filled = 0;
    while filled < HEADER {
        match input.read(&mut head[filled..]).map_err(broken)? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(stranger()),
            some => filled += some,
        }
    }
    let (kind, length) = read_header(head).map_err(|_| stranger())?;
    if kind != Kind::Job {
        return Err(stranger());
    }
    let mut content = vec![0; length];
    input.read_exact(&mut content).map_err(broken)?;
    Header::decode(&content).map(Some).map_err(|_| stranger())
}

fn read_document(input: &mut Stdin, header: &Header) -> Result<Vec<u8>, Fault> {
    let length = usize::try_from(header.length).map_err(|_| stranger())?;
    let mut bytes = Vec::with_capacity(length);
    input.take(header.length).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() < length { Err(stranger()) } else { Ok(bytes) }
}

fn broken(error: std::io::Error) -> Fault {
    Fault::new(FaultKind::Cancelled, "the pipe to the parent broke").cause(error)
}

fn stranger() -> Fault {
    Fault::new(FaultKind::Config, "whoever started this parser does not speak to it")
        .hint("it is started by tidegate itself; there is nothing to run by hand")
}

/// Where answers go.
struct Answers {
    out: Stdout,
    /// Nobody reads them any more.
    broken: bool,
}

impl Answers {
    fn send(&mut self, kind: Kind, content: &[u8]) {
        if self.broken {
            return;
        }
        let mut out = self.out.lock();
        self.broken = send(&mut out, kind, content).and_then(|()| out.flush()).is_err();
    }
}

impl Listener for Answers {
    fn doing(&mut self, what: &str) {
        // The parent holds texts to this length too.
        self.send(Kind::Doing, &what.as_bytes()[..what.floor_char_boundary(512)]);
    }

    fn member(&mut self, number: u64, path: &str, what: &str) {
        self.send(Kind::Member, &encode_member(number, path, what));
    }

    fn part(&mut self, part: Part) -> ControlFlow<()> {
        self.send(Kind::Part, &encode_part(&part));
        if self.broken { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

//! One child process: started, shaken hands with, and ended without a trace.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidegate_core::{Fault, FaultKind};

use super::program::Program;
use super::tail::Tail;
use crate::child::Protection;
use crate::wire::{Answer, Inbox};

/// Pipes this large take most documents in one go.
const PIPE: usize = 1 << 20;

/// A child and the pipes to it. Dropping it kills it and waits until it is gone.
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// Absent once the child closed it.
    stderr: Option<ChildStderr>,
    pub(super) said: Tail,
    pub(super) inbox: Inbox,
    pub(super) protection: Protection,
    /// Documents it was given.
    pub(super) documents: u64,
}

/// What happened on the pipes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The child closed its answers: it is dying.
    pub(super) ended: bool,
    /// There is room in its input.
    pub(super) room: bool,
    /// Whoever asked has gone.
    pub(super) cancelled: bool,
    /// Nothing happened until the deadline.
    pub(super) late: bool,
}

impl Process {
    /// Starts a child and waits until it has locked itself in.
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a program that is none or does not serve, [`FaultKind::Unavailable`] where the system
    /// has no room for another process.
    pub(super) fn start(program: &Program, patience: Instant) -> Result<Self, Fault> {
        let mut child = program.command().spawn().map_err(|error| not_started(program, error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            reap(&mut child);
            return Err(Fault::new(FaultKind::Internal, "a child without pipes"));
        };
        for fd in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            let prepared = rustix::io::ioctl_fionbio(fd, true);
            if let Err(error) = prepared {
                reap(&mut child);
                return Err(Fault::new(FaultKind::Unavailable, "a pipe cannot be prepared").cause(error));
            }
        }
        widen(stdin.as_fd());
        widen(stdout.as_fd());
        let mut process = Self {
            child,
            stdin,
            stdout,
            stderr: Some(stderr),
            said: Tail::default(),
            inbox: Inbox::new(1 << 10),
            protection: Protection { filtered: false, tethered: false },
            documents: 0,
        };
        match process.hello(patience) {
            Ok(protection) => process.protection = protection,
            Err(fault) => {
                let fault = fault.during(format!("starting {}", program.path().display()));
                let said = process.said.text();
                return Err(if said.trim().is_empty() { fault } else { fault.cause(io::Error::other(said)) });
            }
        }
        Ok(process)
    }

    fn hello(&mut self, patience: Instant) -> Result<Protection, Fault> {
        let stranger = |why: String| {
            Fault::new(FaultKind::Config, format!("the parser program {why}"))
                .hint("check which program it is; tidegate starts itself unless told otherwise")
        };
        loop {
            match self.inbox.next().map_err(|garbled| stranger(format!("answered {}", garbled.0)))? {
                Some(Answer::Hello(bytes)) => {
                    let protection = Protection::decode(&bytes);
                    return protection.ok_or_else(|| stranger("is of another version".to_owned()));
                }
                Some(_) => return Err(stranger("does not begin with a greeting".to_owned())),
                None => {}
            }
            let seen = self.wait(Some(patience), (false, None));
            if seen.late {
                return Err(Fault::new(FaultKind::Unavailable, "a parser does not come up"));
            }
            if seen.ended {
                let status = self.end();
                return Err(match status.signal() {
                    // The system makes room, or shuts down.
                    Some(_) => Fault::new(FaultKind::Unavailable, format!("a parser was ended ({status})")),
                    None => stranger(format!("ended before it was asked anything ({status})")),
                });
            }
        }
    }

    /// Waits until something arrives, there is room to send (if `sending`), `cancel` hangs up, or the deadline. What
    /// arrived is in the inbox.
    pub(super) fn wait(
        &mut self,
        deadline: Option<Instant>,
        (sending, cancel): (bool, Option<BorrowedFd<'_>>),
    ) -> Seen {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Seen { late: true, ..Seen::default() };
        }
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        let mut place = |fd, flags| {
            fds.push(fd_of(fd, flags));
            fds.len() - 1
        };
        let stderr = self.stderr.as_ref().map(|stderr| place(stderr.as_fd(), PollFlags::IN));
        let stdin = sending.then(|| place(self.stdin.as_fd(), PollFlags::OUT));
        let cancel = cancel.map(|cancel| place(cancel, PollFlags::empty()));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Seen { late: true, ..Seen::default() },
            Err(rustix::io::Errno::INTR) => return Seen::default(),
            // There is nothing a poll of open pipes can fail for but memory; the next round tells.
            Err(_) => return Seen::default(),
            Ok(_) => {}
        }
        let any = |at: Option<usize>| at.is_some_and(|at| !fds[at].revents().is_empty());
        let (said, room, cancelled) = (any(stderr), any(stdin), any(cancel));
        let answered = any(Some(0));
        drop(fds);
        if said {
            self.listen();
        }
        Seen { ended: answered && self.receive(), room, cancelled, late: false }
    }

    /// Takes what was answered. Whether that was the end.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        match self.stdout.read(&mut buffer) {
            Ok(0) => true,
            Ok(count) => {
                self.inbox.put(&buffer[..count]);
                false
            }
            Err(error) => !passes(&error),
        }
    }

    /// Takes what was said on standard error.
    fn listen(&mut self) {
        let Some(stderr) = &mut self.stderr else { return };
        let mut buffer = [0; 8 << 10];
        match stderr.read(&mut buffer) {
            Ok(count) if count > 0 => self.said.put(&buffer[..count]),
            Err(error) if passes(&error) => {}
            _ => self.stderr = None,
        }
    }

    /// Sends as much of `bytes` as there is room for. `None` once the child reads no more.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Option<usize> {
        match self.stdin.write(bytes) {
            Ok(count) => Some(count),
            Err(error) if passes(&error) => Some(0),
            Err(_) => None,
        }
    }

    /// Kills it if need be and waits until it is gone. How it ended, where it did so by itself.
    pub(super) fn end(&mut self) -> ExitStatus {
        // The end of its answers comes moments before it can be waited for; what it is dying of must not be covered up.
        let dying = Instant::now() + std::time::Duration::from_millis(500);
        let mut status = self.child.try_wait();
        while matches!(status, Ok(None)) && Instant::now() < dying {
            std::thread::yield_now();
            status = self.child.try_wait();
        }
        let _ = self.child.kill();
        let status = self.child.wait().unwrap_or_default();
        while self.stderr.is_some() {
            let before = self.said.text().len();
            self.listen();
            if self.said.text().len() == before {
                break;
            }
        }
        status
    }

    /// Bytes of memory it holds now; 0 where the system does not say.
    pub(super) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
        pages * rustix::param::page_size() as u64
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        reap(&mut self.child);
    }
}

fn reap(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn fd_of(fd: BorrowedFd<'_>, flags: PollFlags) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, flags)
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(target_os = "linux")]
fn widen(pipe: BorrowedFd<'_>) {
    // A limit for users may refuse it; then it takes more turns.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE);
}

#[cfg(not(target_os = "linux"))]
fn widen(_: BorrowedFd<'_>) {}

fn not_started(program: &Program, error: io::Error) -> Fault {
    use io::ErrorKind as K;
    let kind = match error.kind() {
        K::NotFound | K::PermissionDenied | K::InvalidInput => FaultKind::Config,
        _ => FaultKind::Unavailable,
    };
    Fault::new(kind, format!("{} cannot be started", program.path().display())).cause(error)
}

//! One process of the user's program: started, written to, read from, and ended with all that it started.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tidegate_core::{Fault, FaultKind};

use super::WorkerOptions;
use super::inbox::Inbox;
use crate::parent::{Program, Tail};
use crate::tool::{group, launch};

/// How long one that is dying may take to be gone, and one that has nothing more to do.
const DYING: Duration = Duration::from_millis(500);
const LEAVING: Duration = Duration::from_secs(1);
/// How far apart it is looked whether it is gone.
const APART: Duration = Duration::from_millis(1);
/// What is read at a time, in bytes.
const GULP: usize = 64 << 10;

/// A process and the pipes to it. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    leader: Pid,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// Absent once it closed it.
    stderr: Option<ChildStderr>,
    /// Lines that it did not take yet, and how much of them it did.
    outbox: Vec<u8>,
    sent: usize,
    /// Bytes that went into the pipe.
    accepted: u64,
    pub(super) inbox: Inbox,
    /// What it said on standard error since it last answered.
    pub(super) said: Tail,
    /// It reads no more.
    pub(super) deaf: bool,
    began: bool,
    ended: bool,
    /// Whether it was waited for, and all that it started was ended.
    gone: bool,
}

impl Process {
    /// # Errors
    /// [`FaultKind::Unavailable`]: the system has no room for it.
    pub(super) fn start(launcher: &Program, options: &WorkerOptions) -> Result<Self, Fault> {
        let no_room =
            |error: io::Error| Fault::new(FaultKind::Unavailable, "no program can be run").cause(error);
        let words = std::iter::once(options.program.clone().into_os_string());
        let mut command = launcher.bare();
        launch::prepare_open(
            &mut command,
            launch::told(None, words.chain(options.arguments.iter().cloned())),
        );
        if std::env::var_os("PYTHONUNBUFFERED").is_none() {
            // What is forgotten most: answers that stay in a buffer look like a program that hangs.
            command.env("PYTHONUNBUFFERED", "1");
        }
        command.current_dir(&options.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(no_room)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let ((Some(stdin), Some(stdout), Some(stderr)), Some(leader)) = (pipes, leader) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Fault::new(FaultKind::Internal, "a process without a number or pipes"));
        };
        let prepared = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]
            .into_iter()
            .try_for_each(|pipe| rustix::io::ioctl_fionbio(pipe, true));
        let process = Self {
            child,
            leader,
            stdin: Some(stdin),
            stdout,
            stderr: Some(stderr),
            outbox: Vec::new(),
            sent: 0,
            accepted: 0,
            inbox: Inbox::default(),
            said: Tail::default(),
            deaf: false,
            began: false,
            ended: false,
            gone: false,
        };
        prepared.map_err(|error| no_room(error.into()))?;
        Ok(process)
    }

    /// Where lines to be sent are put.
    pub(super) fn outbox(&mut self) -> &mut Vec<u8> {
        if self.sent > 0 {
            self.outbox.drain(..self.sent);
            self.sent = 0;
        }
        &mut self.outbox
    }

    /// Bytes that it did not take yet.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() - self.sent
    }

    /// Hands over as much as there is room for.
    pub(super) fn feed(&mut self) {
        while self.sent < self.outbox.len() {
            let Some(stdin) = &mut self.stdin else { return };
            match stdin.write(&self.outbox[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    self.accepted += count as u64;
                }
                Err(error) if passes(&error) => return,
                Err(_) => {
                    self.deaf = true;
                    self.sent = self.outbox.len();
                }
            }
        }
        self.outbox.clear();
        self.sent = 0;
    }

    /// Whether it has begun to read what it was given: until then it is starting, and nothing that it does is the fault
    /// of a record.
    pub(super) fn began(&mut self) -> bool {
        self.began = self.began || self.read() > 0;
        self.began
    }

    /// Bytes that were put into the outbox so far, since it was started.
    pub(super) fn given(&self) -> u64 {
        self.accepted + self.waiting() as u64
    }

    /// Bytes of those that it has read. What is in the pipe still was not; where the system does not say what is, all
    /// is taken to have been read.
    pub(super) fn read(&self) -> u64 {
        let unread = self.stdin.as_ref().and_then(|stdin| rustix::io::ioctl_fionread(stdin).ok());
        self.accepted.saturating_sub(unread.unwrap_or(0))
    }

    /// Waits until it wrote something, there is room for what is to be sent, `wake` rings, or the time. What it wrote is
    /// in the inbox. Whether it wrote its last.
    pub(super) fn wait(&mut self, until: Option<Instant>, wake: BorrowedFd<'_>) -> bool {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let sending = self.waiting() > 0 && !self.deaf;
        let mut fds =
            vec![PollFd::from_borrowed_fd(wake, PollFlags::IN), PollFd::new(&self.stdout, PollFlags::IN)];
        if let Some(stderr) = &self.stderr {
            fds.push(PollFd::new(stderr, PollFlags::IN));
        }
        if let (Some(stdin), true) = (&self.stdin, sending) {
            fds.push(PollFd::new(stdin, PollFlags::OUT));
        }
        let happened = poll(&mut fds, timeout.as_ref()).unwrap_or(0) > 0;
        let answered = happened && !fds[1].revents().is_empty();
        drop(fds);
        // Answers first: what was said before them is not about what comes next, and what is said after may be.
        let ended = answered && self.receive();
        if happened {
            self.listen();
            self.feed();
        }
        ended
    }

    /// Takes what it wrote. Whether that was its last.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; GULP];
        match self.stdout.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                self.said.clear();
                self.inbox.put(&buffer[..count]);
            }
            Err(error) => self.ended |= !passes(&error),
        }
        self.ended
    }

    /// Takes what it said on standard error. Whoever complains without end must not keep the rest waiting.
    fn listen(&mut self) {
        let mut buffer = [0; 8 << 10];
        for _ in 0..16 {
            let Some(stderr) = &mut self.stderr else { return };
            match stderr.read(&mut buffer) {
                Ok(count) if count > 0 => self.said.put(&buffer[..count]),
                Err(error) if passes(&error) => return,
                _ => self.stderr = None,
            }
        }
    }

    /// Whether it has ended, though another that it started may hold its pipes. Its number stays taken until it is
    /// waited for, so that its group can be ended.
    pub(super) fn is_over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
    }

    /// Ends it and all that it started. How it ended, if it did so by itself: one that `dies` is given the moment that
    /// takes.
    pub(super) fn end(&mut self, dies: bool) -> Option<ExitStatus> {
        let patience = Instant::now() + if dies { DYING } else { Duration::ZERO };
        let over = self.over_by(patience);
        let status = self.sweep();
        self.listen();
        status.filter(|_| over)
    }

    /// Ends what is left of it: itself, and what it started, which may have outlived it. Its number is its own until it is
    /// waited for, so that comes last.
    fn sweep(&mut self) -> Option<ExitStatus> {
        self.gone = true;
        group::end(self.leader);
        let _ = self.child.kill(); // where it had not come to a group of its own
        self.child.wait().ok()
    }

    /// Tells it that nothing more comes, and lets it go by itself if it does so soon.
    pub(super) fn leave(mut self) {
        self.stdin = None;
        let patience = Instant::now() + LEAVING;
        let mut gone = false;
        while !gone && !self.is_over() && Instant::now() < patience {
            let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
            if let Some(stderr) = &self.stderr {
                fds.push(PollFd::new(stderr, PollFlags::IN));
            }
            let _ = poll(&mut fds, Timespec::try_from(10 * APART).ok().as_ref());
            drop(fds);
            self.listen();
            gone = self.receive();
        }
        self.over_by(patience);
    }

    fn over_by(&self, patience: Instant) -> bool {
        while !self.is_over() {
            if Instant::now() >= patience {
                return false;
            }
            let _ = poll(&mut [] as &mut [PollFd<'_>], Timespec::try_from(APART).ok().as_ref());
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.gone {
            self.sweep();
        }
    }
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

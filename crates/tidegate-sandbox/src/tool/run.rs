//! One run of a tool: fed and listened to until it ends, or is ended.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tidegate_core::{Fault, FaultKind};

use super::{FILE, ToolJob, group, launch};
use crate::limits::{size, time};
use crate::parent::{Program, Tail};

/// Processes that one tool may have at once.
const PROCESSES: usize = 256;
/// How often the processes are looked at: soon at first, because a bomb is quick, and then less often.
const SOON: Duration = Duration::from_millis(20);
const LATER: Duration = Duration::from_millis(250);

/// A tool that runs. Dropping it ends it.
struct Tool<'a> {
    job: &'a ToolJob,
    child: Child,
    leader: Pid,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    sent: usize,
    output: Vec<u8>,
    said: Tail,
}

/// Why a tool was ended before its end.
enum Ended {
    Cancelled,
    Late,
    Flooding,
    Heavy(group::Weight),
}

/// Runs the tool of `job`, unless `cancel` hangs up.
pub(super) fn run(launcher: &Program, job: &ToolJob, cancel: &PipeReader) -> Result<Vec<u8>, Fault> {
    let no_room = |error: io::Error| Fault::new(FaultKind::Unavailable, "no tool can be run").cause(error);
    let folder = tempfile::Builder::new().prefix("tidegate-tool").tempdir().map_err(no_room)?;
    let mut arguments = job.arguments.clone();
    let in_file = arguments.iter().any(|argument| holds(argument, FILE));
    if in_file {
        let path = folder.path().join("document").with_extension(&job.extension);
        std::fs::write(&path, &job.bytes).map_err(no_room)?;
        for argument in &mut arguments {
            *argument = replaced(argument, path.as_os_str().as_bytes());
        }
    }
    let words = std::iter::once(job.program.clone().into_os_string()).chain(arguments);
    let mut command = launcher.bare();
    launch::prepare(&mut command, launch::told(Some(&job.limits), words));
    command.current_dir(folder.path()).env("TMPDIR", folder.path());
    command.stdin(if in_file { Stdio::null() } else { Stdio::piped() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(no_room)?;
    Tool::new(child, job)?.end(cancel)
}

fn holds(argument: &OsString, what: &str) -> bool {
    argument.as_bytes().windows(what.len()).any(|part| part == what.as_bytes())
}

/// `argument` with the path in the place of what stands for it.
fn replaced(argument: &OsString, path: &[u8]) -> OsString {
    let (bytes, mark) = (argument.as_bytes(), FILE.as_bytes());
    let mut out = Vec::with_capacity(bytes.len() + path.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(mark) {
            out.extend_from_slice(path);
            at += mark.len();
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    OsString::from_vec(out)
}

impl<'a> Tool<'a> {
    fn new(mut child: Child, job: &'a ToolJob) -> Result<Self, Fault> {
        let leader = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let leader = leader.ok_or_else(|| Fault::new(FaultKind::Internal, "a process without a number"))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tool = Self {
            job,
            child,
            leader,
            stdin,
            stdout,
            stderr,
            sent: 0,
            output: Vec::new(),
            said: Tail::default(),
        };
        let pipes = [
            tool.stdin.as_ref().map(AsFd::as_fd),
            tool.stdout.as_ref().map(AsFd::as_fd),
            tool.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|error| {
                Fault::new(FaultKind::Unavailable, "a pipe cannot be prepared").cause(error)
            })?;
        }
        Ok(tool)
    }

    /// Its output, once it has ended.
    fn end(mut self, cancel: &PipeReader) -> Result<Vec<u8>, Fault> {
        let ended = self.follow(cancel.as_fd());
        group::end(self.leader);
        let _ = self.child.kill(); // where it had not come to a group of its own
        let status = self.child.wait().unwrap_or_default();
        match ended {
            Err(ended) => Err(self.cut_off(&ended)),
            Ok(()) if status.success() && launch::failed(&self.said.text()).is_none() => {
                Ok(std::mem::take(&mut self.output))
            }
            Ok(()) => Err(self.failed(status)),
        }
    }

    /// Feeds and listens until the program has ended by itself.
    fn follow(&mut self, cancel: BorrowedFd<'_>) -> Result<(), Ended> {
        let deadline = Instant::now() + self.job.limits.wall;
        let (mut pause, mut look) = (SOON, Instant::now() + SOON);
        loop {
            let next = look.min(deadline);
            if self.wait(next, cancel) {
                return Err(Ended::Cancelled);
            }
            if self.output.len() as u64 > self.job.limits.output {
                return Err(Ended::Flooding);
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(Ended::Late);
            }
            let silent = self.stdout.is_none() && self.stderr.is_none();
            if (silent || now >= look) && self.is_over() {
                self.listen(); // what it wrote last
                return if self.output.len() as u64 > self.job.limits.output {
                    Err(Ended::Flooding)
                } else {
                    Ok(())
                };
            }
            if now >= look {
                let weight = group::weigh(self.leader);
                if weight.processes > PROCESSES || weight.memory > self.job.limits.memory {
                    return Err(Ended::Heavy(weight));
                }
                pause = (pause * 2).min(LATER);
                look = now + pause;
            }
        }
    }

    /// Waits until something happens on a pipe, and deals with it. Whether whoever asked has gone.
    fn wait(&mut self, until: Instant, cancel: BorrowedFd<'_>) -> bool {
        let silent = self.stdout.is_none() && self.stderr.is_none();
        let left = until.saturating_duration_since(Instant::now());
        // A program that has closed everything is about to end.
        let left = if silent { left.min(Duration::from_millis(2)) } else { left };
        let timeout = Timespec::try_from(left).ok();
        let mut fds = vec![PollFd::from_borrowed_fd(cancel, PollFlags::empty())];
        let streams = [
            self.stdout.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
            self.stdin.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT)),
        ];
        fds.extend(streams.into_iter().flatten().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)));
        let happened = poll(&mut fds, timeout.as_ref()).unwrap_or(0);
        let cancelled = happened > 0 && !fds[0].revents().is_empty();
        drop(fds);
        if happened > 0 && !cancelled {
            self.listen();
            self.feed();
        }
        cancelled
    }

    /// Takes what was written, as much as there is and may be.
    fn listen(&mut self) {
        let mut buffer = [0; 64 << 10];
        while let Some(stdout) = &mut self.stdout {
            match stdout.read(&mut buffer) {
                Ok(count) if count > 0 => self.output.extend_from_slice(&buffer[..count]),
                Err(error) if passes(&error) => break,
                _ => self.stdout = None,
            }
            if self.output.len() as u64 > self.job.limits.output {
                break;
            }
        }
        // Whoever complains without end must not keep the rest waiting.
        for _ in 0..16 {
            let Some(stderr) = &mut self.stderr else { break };
            match stderr.read(&mut buffer) {
                Ok(count) if count > 0 => self.said.put(&buffer[..count]),
                Err(error) if passes(&error) => break,
                _ => self.stderr = None,
            }
        }
    }

    /// Hands over as much of the document as there is room for. A program that has read enough closes its end.
    fn feed(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            let rest = &self.job.bytes[self.sent..];
            match stdin.write(rest) {
                _ if rest.is_empty() => self.stdin = None,
                Ok(count) => self.sent += count,
                Err(error) if passes(&error) => break,
                Err(_) => self.stdin = None,
            }
        }
    }

    /// Whether the program has ended. Its number stays taken until it is waited for, so that its group can be ended.
    fn is_over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
    }

    fn cut_off(&self, ended: &Ended) -> Fault {
        let limits = &self.job.limits;
        let name = self.name();
        let (kind, what, key) = match ended {
            Ended::Cancelled => {
                return Fault::new(FaultKind::Cancelled, "nobody waits for the tool any more");
            }
            Ended::Late => {
                (FaultKind::TooSlow, format!("{name} took longer than {}", time(limits.wall)), "the timeout")
            }
            Ended::Flooding => {
                let most = size(limits.output);
                (FaultKind::TooLarge, format!("{name} wrote more than {most}"), "max_output_bytes")
            }
            Ended::Heavy(weight) if weight.processes > PROCESSES => {
                let what = format!("{name} had more than {PROCESSES} processes");
                return self.with_words(Fault::new(FaultKind::TooLarge, what));
            }
            Ended::Heavy(_) => {
                let most = size(limits.memory);
                (FaultKind::TooLarge, format!("{name} took more memory than {most}"), "the memory limit")
            }
        };
        let fault =
            Fault::new(kind, what).hint(format!("raise {key} if the document is worth it, then retry it"));
        self.with_words(fault)
    }

    fn failed(&self, status: ExitStatus) -> Fault {
        let said = self.said.text();
        let name = self.name();
        if let Some(why) = launch::failed(&said) {
            let fault = Fault::new(FaultKind::Config, format!("{name} cannot be started: {why}"));
            return fault.hint("check the program that `parser` names");
        }
        // A shell says by a number of its own that a program it started was ended by a signal.
        let by_shell = status.code().filter(|code| *code > 128).map(|code| code - 128);
        let fault = match status.signal().or(by_shell).and_then(Signal::from_named_raw) {
            Some(Signal::XCPU) => {
                let most = time(self.job.limits.cpu);
                Fault::new(FaultKind::TooSlow, format!("{name} took longer than {most} on the processor"))
                    .hint("raise the processor time limit if the document is worth it, then retry it")
            }
            Some(signal) => {
                Fault::new(FaultKind::Panic, format!("{name} was ended by signal {}", signal.as_raw()))
            }
            None => Fault::new(FaultKind::Malformed, format!("{name} failed ({status})")),
        };
        self.with_words(fault)
    }

    /// With the last line that the program wrote to standard error.
    fn with_words(&self, fault: Fault) -> Fault {
        let said = self.said.text();
        match said.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => fault.cause(io::Error::other(line.chars().take(500).collect::<String>())),
            None => fault,
        }
    }

    fn name(&self) -> String {
        self.job.program.file_name().unwrap_or_default().to_string_lossy().escape_debug().to_string()
    }
}

impl Drop for Tool<'_> {
    fn drop(&mut self) {
        let over = matches!(self.child.try_wait(), Ok(Some(_)));
        if !over {
            group::end(self.leader);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

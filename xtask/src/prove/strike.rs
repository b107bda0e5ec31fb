//! Runs a command and stops, ends or kills it on the way.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions, kill_process, waitpid};

use crate::tool::{Ran, Tool, end, finish, pid, tail};

/// How a process is killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kill {
    /// By itself, at the n-th passage of a named point.
    Point(&'static str, u64),
    /// From outside, so long after its start.
    After(Duration),
    /// From outside, as soon as a file has grown to so many bytes.
    Grown(PathBuf, u64),
    /// By itself while it drains, which it is asked to do at the n-th passage of a named point.
    Draining(&'static str, u64),
}

impl Kill {
    /// The point at which the process dies, if it has a name.
    pub(crate) fn point(&self) -> Option<&'static str> {
        match self {
            Self::Point(point, _) => Some(point),
            Self::After(_) | Self::Grown(..) => None,
            Self::Draining(..) => Some("engine.drain"),
        }
    }
}

/// Exit codes of a run that reached its end: all stored, or some in quarantine.
pub(crate) const ENDED: &[i32] = &[0, 3];

/// Exit code of a run that stopped and can be resumed.
const RESUMABLE: i32 = 75;

/// What the kill points of a process are told, by the environment.
const PLAN: &str = "TIDEGATE_KILL_AT";

/// Runs a command and kills it; false if it ended before.
pub(crate) fn strike(tool: &Tool, dir: &Path, words: &[&str], kill: &Kill) -> Result<bool, String> {
    let mut command = tool.command(dir);
    command.args(words);
    match kill {
        Kill::Point(point, nth) => unless_killed(&finish(command.env(PLAN, format!("{point}:{nth}")))?, &[]),
        Kill::Draining(point, nth) => {
            command.env(PLAN, format!("{point}:{nth}:TERM,engine.drain:1"));
            unless_killed(&finish(&mut command)?, &[RESUMABLE])
        }
        Kill::After(moment) => {
            let child = start(&mut command)?;
            wait(*moment);
            let _ = kill_process(pid(&child)?, Signal::KILL);
            unless_killed(&end(child)?, &[])
        }
        Kill::Grown(file, bytes) => {
            let mut child = start(&mut command)?;
            let grown = || std::fs::metadata(file).is_ok_and(|meta| meta.len() >= *bytes);
            let start = Instant::now();
            while !grown() && start.elapsed() < LONGEST && matches!(child.try_wait(), Ok(None)) {
                wait(GLANCE);
            }
            let _ = child.kill(); // it may have ended; then nothing is killed
            if start.elapsed() >= LONGEST {
                let ran = end(child)?;
                return Err(format!(
                    "it neither called nor ended for {} s: {}",
                    LONGEST.as_secs(),
                    tail(&ran.stderr)
                ));
            }
            unless_killed(&end(child)?, &[])
        }
    }
}

/// No run that is killed takes longer; one that does hangs, which the judges would not see.
const LONGEST: Duration = Duration::from_secs(60);

/// Between two looks at a file that grows.
const GLANCE: Duration = Duration::from_micros(300);

/// A channel nobody sends on is a timer that no lint mistakes for a sleep in a test.
pub(crate) fn wait(time: Duration) {
    let (_sender, timer) = sync_channel::<()>(1);
    let _ = timer.recv_timeout(time);
}

/// Runs a command that is asked to stop at a passage of a point; true if it stopped with work left.
pub(crate) fn drain(tool: &Tool, dir: &Path, words: &[&str], at: (&str, u64)) -> Result<bool, String> {
    let mut command = tool.command(dir);
    let ran = finish(command.args(words).env(PLAN, format!("{}:{}:TERM", at.0, at.1)))?;
    match ran.code {
        Some(RESUMABLE) => Ok(true),
        Some(code) if ENDED.contains(&code) => Ok(false),
        code => Err(format!("asked to stop, it ended with {code:?}: {}", tail(&ran.stderr))),
    }
}

/// A process that stands still at a point; it is killed when this is dropped.
pub(crate) struct Stopped(Option<Child>);

impl Stopped {
    /// Starts a command and waits until it stands still at a passage of a point.
    pub(crate) fn at(tool: &Tool, dir: &Path, words: &[&str], at: (&str, u64)) -> Result<Self, String> {
        let mut command = tool.command(dir);
        command.args(words).env(PLAN, format!("{}:{}:STOP", at.0, at.1));
        let child = start(&mut command)?;
        let waited = waitpid(Some(pid(&child)?), WaitOptions::UNTRACED);
        let stopped = waited.ok().flatten().is_some_and(|(_, status)| status.stopped());
        if stopped { Ok(Self(Some(child))) } else { Err(format!("it never passed {}", at.0)) }
    }

    /// Lets it go on to its end.
    pub(crate) fn go_on(mut self) -> Result<Ran, String> {
        let child = self.0.take().ok_or("a process that is gone")?;
        let _ = kill_process(pid(&child)?, Signal::CONT);
        end(child)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(command: &mut Command) -> Result<Child, String> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    child.map_err(|error| format!("cannot start: {error}"))
}

fn unless_killed(ran: &Ran, also: &[i32]) -> Result<bool, String> {
    match ran.code {
        None => Ok(true),
        Some(code) if ENDED.contains(&code) || also.contains(&code) => Ok(false),
        Some(code) => Err(format!("ended with {code}: {}", tail(&ran.stderr))),
    }
}

//! Runs `tidegate` and watches from outside what it and its children take of the machine.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::measure::{high_water, resident};
use crate::tool::tail;

/// A run that is not over by then hangs.
const LONGEST: Duration = Duration::from_secs(1_800);
/// How often the kernel's high-water marks are read. They only grow, so at most what was added in the last interval of
/// a process is missed.
const INTERVAL: Duration = Duration::from_millis(10);

/// What was seen of a run.
pub(super) struct Seen {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) seconds: f64,
    /// Most resident memory of the program itself, bytes.
    pub(super) peak: u64,
    /// The same of each of its children.
    pub(super) children: BTreeMap<u32, u64>,
    /// Most memory of all children at one moment, bytes.
    pub(super) together: u64,
}

impl Seen {
    /// Most memory of one child.
    pub(super) fn largest_child(&self) -> u64 {
        self.children.values().copied().max().unwrap_or(0)
    }
}

/// Runs `command` to its end.
pub(super) fn run(command: &mut Command) -> Result<Seen, String> {
    let start = Instant::now();
    let failed = |error: std::io::Error| format!("cannot run tidegate: {error}");
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(failed)?;
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let mut seen = Seen {
        code: None,
        stdout: String::new(),
        stderr: String::new(),
        seconds: 0.0,
        peak: 0,
        children: BTreeMap::new(),
        together: 0,
    };
    let status = loop {
        seen.look(child.id());
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if start.elapsed() > LONGEST {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it was not done after {} s", LONGEST.as_secs()));
        }
        std::thread::park_timeout(INTERVAL);
    };
    seen.seconds = start.elapsed().as_secs_f64();
    seen.code = status.code();
    seen.stdout = out.join().unwrap_or_default();
    seen.stderr = tail(&err.join().unwrap_or_default());
    Ok(seen)
}

impl Seen {
    fn look(&mut self, pid: u32) {
        self.peak = self.peak.max(high_water(pid).unwrap_or(0));
        let mut together = 0;
        for child in children(pid) {
            let peak = high_water(child).unwrap_or(0);
            let known = self.children.entry(child).or_default();
            *known = peak.max(*known);
            together += resident(child).unwrap_or(0);
        }
        self.together = self.together.max(together);
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Processes that a process has started and that are still there: each of its threads knows its own.
fn children(pid: u32) -> Vec<u32> {
    let mut out = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        out.extend(list.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_and_their_memory_are_seen() {
        let script = "import subprocess, sys\n\
            subprocess.run([sys.executable, '-c', 'x = b\"x\" * 60_000_000; sum(range(3_000_000))'])\n\
            print('done')";
        let seen = run(Command::new("python3").args(["-c", script])).expect("python3 runs");
        // A `python3` that picks a version first starts a few more.
        assert_eq!((seen.code, seen.stdout.trim(), seen.children.is_empty()), (Some(0), "done", false));
        assert!(seen.largest_child() > 60_000_000 && seen.together > 60_000_000);
        assert!(seen.peak < 60_000_000, "{}", seen.peak);
    }
}

//! Runs a program and tells how long it took, how much CPU and how much memory at most.

use std::process::{Child, Command};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::shell::shown;

/// What a run cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Wall time, seconds.
    pub(crate) seconds: f64,
    /// CPU time of all threads, seconds; the kernel counts in hundredths.
    pub(crate) cpu: f64,
    /// Most resident memory, bytes.
    pub(crate) peak: u64,
}

/// How often the kernel's high-water mark is read. The mark only grows, so at most what was added in the last
/// interval of a run is missed.
const INTERVAL: Duration = Duration::from_millis(5);

/// Runs a command to its end and returns what it printed with what it cost; an error unless its exit code is
/// among `codes`.
pub(crate) fn run(command: &mut Command, codes: &[i32]) -> Result<(String, Cost), String> {
    use std::io::Read as _;
    use std::process::Stdio;

    let start = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot start `{}`: {error}", shown(command)))?;
    let pid = child.id();
    let (done, stop) = sync_channel::<()>(1);
    let watcher = std::thread::spawn(move || watch(pid, &stop));
    let mut printed = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut printed).map_err(|error| format!("reading its output: {error}"))?;
    }
    let (code, cpu) = wait(&mut child)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(done);
    let peak = watcher.join().unwrap_or(0);
    if !code.is_some_and(|code| codes.contains(&code)) {
        return Err(format!("`{}` ended with {code:?}", shown(command)));
    }
    Ok((printed, Cost { seconds, cpu, peak }))
}

fn watch(pid: u32, stop: &std::sync::mpsc::Receiver<()>) -> u64 {
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(pid).unwrap_or(0));
        match stop.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return peak,
        }
    }
}

/// Peak resident memory of a running process, bytes.
pub(crate) fn high_water(pid: u32) -> Option<u64> {
    memory(pid, "VmHWM:")
}

/// Resident memory of a running process now, bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Waits for a process. Between its death and our collecting it, the kernel still tells its CPU time.
fn wait(child: &mut Child) -> Result<(Option<i32>, f64), String> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("a process without an id")?;
    let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let cpu = cpu_seconds(child.id()).unwrap_or(0.0);
    let status = child.wait().map_err(|error| format!("waiting for a process: {error}"))?;
    Ok((status.code(), cpu))
}

fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may contain anything, also spaces and parentheses: fields count from the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_cpu_of_a_child_are_seen() {
        let script = "x = b'x' * 60_000_000\ns = sum(range(3_000_000))\nprint(len(x))";
        let (printed, cost) = run(Command::new("python3").args(["-c", script]), &[0]).expect("python3 runs");
        assert_eq!(printed.trim(), "60000000");
        assert!(cost.peak > 60_000_000, "{cost:?}");
        assert!(cost.cpu > 0.0 && cost.seconds > 0.0, "{cost:?}");
        assert!(run(Command::new("python3").args(["-c", "exit(3)"]), &[0]).is_err());
    }
}

//! What this process uses while it calls: CPU time, memory, connections and open files. Memory and files are told by
//! Linux alone; elsewhere they are zero.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tidegate_call::Http;

/// Between two looks at connections and files: often enough for runs of a second, and no load.
const LOOK: Duration = Duration::from_millis(100);

/// What was used from start to end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Used {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    /// Resident bytes before.
    pub(super) memory_before: u64,
    /// The most resident bytes meanwhile.
    pub(super) memory_peak: u64,
    /// The most connections open at a look.
    pub(super) connections: u64,
    /// The most files open at a look, connections among them.
    pub(super) files: u64,
}

/// Measures until it is ended.
pub(super) struct Meter {
    started: Instant,
    cpu: Duration,
    memory_before: u64,
    peaks: Arc<Peaks>,
    /// Dropped to end the looking.
    stop: Option<SyncSender<()>>,
    looking: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Peaks {
    connections: AtomicU64,
    files: AtomicU64,
}

impl Meter {
    /// Begins; `transports` are those whose connections are counted.
    pub(super) fn start(transports: Vec<Arc<Http>>) -> Self {
        let (stop, stopped) = sync_channel(1);
        let peaks = Arc::new(Peaks::default());
        let (seen, look) = (peaks.clone(), move |peaks: &Peaks| peaks.look(&transports));
        let looking = std::thread::Builder::new().name("bench-meter".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
                look(&seen);
            }
        });
        reset_peak();
        Self {
            memory_before: status("VmRSS:"),
            peaks,
            stop: Some(stop),
            // Without a thread to look, connections and files are told as zero.
            looking: looking.ok(),
            cpu: cpu(),
            started: Instant::now(),
        }
    }

    /// What was used since the start.
    pub(super) fn end(mut self) -> Used {
        let (wall, cpu) = (self.started.elapsed(), cpu().saturating_sub(self.cpu));
        drop(self.stop.take());
        if let Some(looking) = self.looking.take() {
            let _ = looking.join();
        }
        Used {
            wall,
            cpu,
            memory_before: self.memory_before,
            memory_peak: status("VmHWM:").max(self.memory_before),
            connections: self.peaks.connections.load(Ordering::Relaxed),
            files: self.peaks.files.load(Ordering::Relaxed),
        }
    }
}

impl Peaks {
    fn look(&self, transports: &[Arc<Http>]) {
        let open: usize = transports.iter().map(|http| http.connections().open).sum();
        self.connections.fetch_max(open as u64, Ordering::Relaxed);
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        // The folder itself is open while it is read.
        self.files.fetch_max((files as u64).saturating_sub(1), Ordering::Relaxed);
    }
}

/// CPU time of all threads of this process, those that have ended included.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Makes the kernel forget the peak so far, so that one way is not charged with the memory of another. Where that is
/// not allowed the peak of the whole process is told.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of the kernel's account of this process, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen() {
        let meter = Meter::start(Vec::new());
        let mut sum = 0_u64;
        while meter.started.elapsed() < Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let used = meter.end();
        assert!(used.cpu > Duration::from_micros(100) && used.wall >= Duration::from_millis(20), "{used:?}");
    }
}

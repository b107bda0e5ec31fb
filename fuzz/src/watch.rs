//! Ends the process when one input takes too long: a parser that hangs cannot be stopped from within.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Seconds of CPU that one input may take. The clock on the wall says little on a machine that does other things.
pub const MOST_SECONDS: f64 = 5.0;

/// CPU seconds of this process.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Knows which input is being tried, and since when.
pub struct Watch {
    /// Which input, for whoever looks after this process has died.
    at: File,
    begun: Arc<AtomicU64>,
}

impl Watch {
    /// Watches from now on; the number of each input is kept in a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(place: &Path) -> std::io::Result<Self> {
        let begun = Arc::new(AtomicU64::new(cpu_seconds().to_bits()));
        let seen = Arc::clone(&begun);
        std::thread::Builder::new().name("watch".to_owned()).spawn(move || look(&seen))?;
        Ok(Self { at: File::create(place)?, begun })
    }

    /// Another input is begun.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&self, index: u64) -> std::io::Result<()> {
        self.begun.store(cpu_seconds().to_bits(), Ordering::Relaxed);
        self.at.write_all_at(format!("{index:020}").as_bytes(), 0)
    }
}

fn look(begun: &AtomicU64) {
    let never = (Mutex::new(()), Condvar::new());
    loop {
        let held = never.0.lock().expect("nobody else takes this lock");
        let _ = never.1.wait_timeout(held, Duration::from_millis(200));
        if cpu_seconds() - f64::from_bits(begun.load(Ordering::Relaxed)) > MOST_SECONDS {
            std::process::abort();
        }
    }
}

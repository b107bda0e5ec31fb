//! Standard error, shared by the progress bar and the logs so that neither writes into the other.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::ProgressBar;
use tracing_subscriber::fmt::MakeWriter;

use crate::clean::escape;

/// Where a [`Stderr`] writes.
type Output = Arc<Mutex<dyn Write + Send>>;

/// Standard error. Clones share it.
#[derive(Clone)]
pub struct Stderr {
    /// The bar that must step aside while a line is written.
    bar: Arc<Mutex<Option<ProgressBar>>>,
    output: Output,
}

impl Default for Stderr {
    fn default() -> Self {
        Self::to(io::stderr())
    }
}

impl Stderr {
    /// Writes to `output` instead, for tests.
    pub fn to(output: impl Write + Send + 'static) -> Self {
        Self { bar: Arc::default(), output: Arc::new(Mutex::new(output)) }
    }

    /// Writes whole lines above the bar. A terminal that is gone is no reason to stop.
    pub fn write_lines(&self, lines: &str) {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let write = || {
            let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = output.write_all(lines.as_bytes()).and_then(|()| output.flush());
        };
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(crate) fn set_bar(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }
}

/// Collects one log line; written when it is dropped.
pub struct LogLine {
    stderr: Stderr,
    bytes: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.bytes);
        self.stderr.write_lines(&format!("{}\n", escape(text.trim_end())));
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = LogLine;
    fn make_writer(&'a self) -> LogLine {
        LogLine { stderr: self.clone(), bytes: Vec::new() }
    }
}

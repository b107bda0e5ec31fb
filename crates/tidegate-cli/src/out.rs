//! Standard output: buffered, and quiet when the reader has gone (`tidegate search … | head`).

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use tidegate_core::{Fault, FaultKind};

/// A locked, buffered writer to standard output.
pub struct Out {
    inner: BufWriter<StdoutLock<'static>>,
    /// Set once the reader has gone; everything after that is dropped.
    closed: bool,
}

impl Out {
    /// Locks standard output until this is dropped.
    pub fn stdout() -> Self {
        Self { inner: BufWriter::with_capacity(64 << 10, io::stdout().lock()), closed: false }
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// Whatever standard output says, except that nobody reads it any more.
    pub fn text(&mut self, text: &str) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.write_all(text.as_bytes());
        self.settle(result)
    }

    /// Writes a value as one line of JSON.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Fault> {
        let line = serde_json::to_string(value)
            .map_err(|error| Fault::new(FaultKind::Internal, "the result is not JSON").cause(error))?;
        self.text(&line)?;
        self.text("\n")
    }

    /// Hands everything written so far to the reader, at the end.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn finish(mut self) -> Result<(), Fault> {
        self.flush()
    }

    /// Hands everything written so far to the reader, who may be waiting for it.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn flush(&mut self) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.settle(result)
    }

    fn settle(&mut self, result: io::Result<()>) -> Result<(), Fault> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                let kind = match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FaultKind::StorageFull,
                    _ => FaultKind::Unavailable,
                };
                Err(Fault::new(kind, "standard output cannot be written").cause(error))
            }
        }
    }
}

//! What was asked, what was answered, what was billed: the record an independent checker counts from.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

/// One text of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its hash, see [`text_hash`](super::text_hash).
    pub hash: u64,
    /// Its tokens as this provider counts them.
    pub tokens: u64,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1, in the order of arrival.
    pub number: u64,
    /// When it arrived, since the provider's start.
    pub at: Duration,
    /// The wire format and the operation, such as `openai embeddings`; empty if it was not read.
    pub operation: String,
    /// The model it asked for.
    pub model: String,
    /// Hash of the key it came with; 0 if it had none.
    pub key: u64,
    /// Its texts in order: inputs of an embedding, messages of a chat, query and documents of a rerank.
    pub texts: Vec<Seen>,
    /// Requests that were being worked on when it came, itself not counted.
    pub busy: u64,
    /// The faults of the script that happened to it, by their names; empty if it was not read.
    pub acts: Vec<&'static str>,
    /// What became of it; nothing while it is being answered.
    pub answered: Option<Answered>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When it was over, since the provider's start.
    pub at: Duration,
    /// The status that was or would have been sent; 0 if none was planned.
    pub status: u16,
    /// Why it was refused or what went wrong, such as `rate_limited` or `reset_mid_body`; `ok` if nothing did.
    pub verdict: &'static str,
    /// Whether the client got a right answer with status 200 in full.
    pub whole: bool,
    /// Whether the client left before the end.
    pub left_early: bool,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// Tokens of the question that are billed: those of work that was done, received or not.
    pub billed_input: u64,
    /// Tokens of the answer that are billed.
    pub billed_output: u64,
    /// How long the answer asked to be left alone, at least, by whatever way it told so; nothing if it did not.
    pub wait: Option<Duration>,
}

/// All requests, in the order of arrival.
#[derive(Debug, Default)]
pub struct Log {
    entries: Mutex<Vec<Entry>>,
    /// Told whenever a request is over.
    over: Condvar,
    file: Option<Mutex<File>>,
}

impl Log {
    /// A log that is also appended to the file at `path`, as JSON lines: one with `"event":"received"` before the
    /// first byte of the answer is sent, one with `"event":"answered"` when it is over.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn with_file(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self { file: Some(Mutex::new(file)), ..Self::default() })
    }

    /// A copy of all entries so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// How many requests have come.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no request has come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries are as `wanted` says.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.lock().iter().filter(|entry| wanted(entry)).count()
    }

    /// Waits until every request that has come is over, and says whether that happened within `patience` of real
    /// time. A client that has read the last byte of its answer may be a moment ahead of the log.
    #[must_use]
    pub fn settled(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut entries = self.lock();
        while entries.iter().any(|entry| entry.answered.is_none()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            entries = self.over.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Forgets all entries; the file keeps its lines.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn received(&self, entry: Entry) {
        self.write(|| {
            let texts: Vec<_> = entry.texts.iter().map(|seen| json!([hex(seen.hash), seen.tokens])).collect();
            json!({
                "event": "received", "number": entry.number, "at_us": micros(entry.at),
                "operation": entry.operation, "model": entry.model, "key": hex(entry.key),
                "texts": texts, "busy": entry.busy,
            })
        });
        let mut entries = self.lock();
        // Two requests may arrive at once and be read the other way round.
        let place = entries.partition_point(|known| known.number < entry.number);
        entries.insert(place, entry);
    }

    pub(super) fn answered(&self, number: u64, answered: Answered) {
        self.write(|| {
            json!({
                "event": "answered", "number": number, "at_us": micros(answered.at),
                "status": answered.status, "verdict": answered.verdict, "whole": answered.whole,
                "left_early": answered.left_early, "bytes": answered.bytes,
                "billed_input": answered.billed_input, "billed_output": answered.billed_output,
                "wait_us": answered.wait.map(micros),
            })
        });
        let mut entries = self.lock();
        let place = entries.partition_point(|known| known.number < number);
        if let Some(entry) = entries.get_mut(place).filter(|entry| entry.number == number) {
            entry.answered = Some(answered);
        }
        drop(entries);
        self.over.notify_all();
    }

    /// One line, in one write, so that lines never mix and a reader never finds half of one.
    fn write(&self, line: impl FnOnce() -> serde_json::Value) {
        if let Some(file) = &self.file {
            let line = format!("{}\n", line());
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A full disk must not change how the provider behaves; the checker finds the line missing.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

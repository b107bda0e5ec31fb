//! Whether a job goes on with the output that is there, begins anew, or leaves it alone.
//!
//! What was written goes on only under the same job over the same inputs: anything else would put rows of two jobs into
//! one file. To begin anew costs no money, because answers that were paid for are found again.

use std::fs;
use std::path::Path;

use tidegate_connect::{Committed, holds};
use tidegate_core::{Fault, FaultKind};

use crate::config::{Config, Sink, Source};
use crate::parquet;

/// How a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Where it was left.
    Resume,
    /// From the first row, into an output that is empty or may be replaced.
    Over,
}

/// What is known of an earlier run into the same output.
pub(crate) struct Earlier {
    /// What it was run with; `None` if there was none, or it cannot be read any more.
    pub(crate) config: Option<Config>,
    /// How much of the output was committed.
    pub(crate) committed: Option<Committed>,
}

/// What to do when an output is in the way.
const HINT: &str = "name another output with -o, or replace it with --overwrite: answers that were paid for are not paid again";

/// Decides how `config`, which is a map job's, begins.
///
/// # Errors
/// [`FaultKind::Guarded`]: an output that is not this job's.
pub(crate) fn start(config: &Config, earlier: &Earlier, retries: bool) -> Result<Start, Fault> {
    let Sink::Jsonl(sink) = &config.sink else { return Ok(Start::Resume) };
    let path = Path::new(&sink.path);
    let meta = fs::metadata(path).ok();
    let table = config.table().is_some();
    let streams = sink.path == "-" || meta.as_ref().is_some_and(|meta| !meta.is_file() && !table);
    if streams || sink.overwrite {
        return Ok(Start::Over);
    }
    let empty = if table { parquet::is_empty(path) } else { meta.is_none_or(|meta| meta.len() == 0) };
    let resumes = config.resumes_rows();
    match &earlier.config {
        _ if empty => Ok(Start::Over),
        None => Err(refuse("it exists, and is not this job's")),
        Some(other) if other.fingerprint() != config.fingerprint() => {
            Err(refuse("it was written by another job, or by this one before it was changed"))
        }
        Some(other) if !goes_on(&other.source, &config.source) => {
            Err(refuse("it was written from other inputs"))
        }
        Some(_) if resumes || retries => Ok(Start::Resume),
        // What came on standard input cannot be told from what comes now, and rows that are written as they are done
        // leave no place to go on from: all of it is written again, with the answers that are there.
        Some(_) => match earlier.committed {
            Some(committed) if is_held(config, path, committed)? => Ok(Start::Over),
            _ => Err(refuse("it was changed by somebody else")),
        },
    }
}

/// The fault of a run, where it is a map job's: with what can be done about an output or input that is another.
pub(crate) fn hinted(fault: Fault, maps: bool) -> Fault {
    match fault.kind() {
        FaultKind::Guarded if maps => fault.hint(HINT),
        _ => fault,
    }
}

/// Whether the output of `config` at `path` holds what was committed to it.
///
/// # Errors
/// An output that cannot be read.
pub(super) fn is_held(config: &Config, path: &Path, committed: Committed) -> Result<bool, Fault> {
    if config.table().is_some() { parquet::holds(path, committed) } else { holds(path, committed) }
}

fn refuse(why: &str) -> Fault {
    Fault::new(FaultKind::Guarded, format!("the output is left alone: {why}")).hint(HINT)
}

/// Whether `now` is `before`, perhaps with more behind it.
fn goes_on(before: &Source, now: &Source) -> bool {
    let whole = |source: &Source| {
        let mut source = source.clone();
        source.make_absolute();
        source
    };
    let (before, now) = (whole(before), whole(now));
    before.kind() == now.kind() && now.paths().starts_with(before.paths())
}

impl Config {
    /// Whether this is a map job whose rows are resumed from a position in its inputs: written in their order, from
    /// inputs that can be read again.
    #[must_use]
    pub fn resumes_rows(&self) -> bool {
        let ordered = self.map.as_ref().is_some_and(|map| !map.unordered);
        ordered && matches!(self.source, Source::Jsonl(_) | Source::Files(_))
    }
}

//! What can go wrong, and the one function that says what to do about it.
//!
//! A fault names its kind, the operation, what it was done to, and its cause. Nobody but [`advise`] interprets
//! kinds: a second place that decides "retry or quarantine" is how one outage ends up judging good records.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// The class of a fault, as printed in reports and stored with a quarantined record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    // The record's own fault.
    /// The bytes are not what the format says.
    Malformed,
    /// No parser handles this kind of content.
    Unsupported,
    /// Larger than a configured limit.
    TooLarge,
    /// Nested deeper than a configured limit.
    TooDeep,
    /// Reading it took longer than a configured limit.
    TooSlow,
    /// The bytes are not text in any known encoding.
    Encoding,
    /// A non-empty source from which no text came.
    Empty,
    /// Fails a schema or a `[validate]` rule.
    Validation,
    /// The remote service refused this very record.
    Refused,
    /// The service answered this very record with something that is no answer, more than once.
    BadResponse,
    /// The answer was cut short: a length limit, a filter, a stream without its end.
    Incomplete,
    /// Not a regular file, or a link that leaves the root.
    NotAFile,
    /// The item exists but this user may not read it, or reading it fails.
    Unreadable,
    /// The same key twice in one source.
    Duplicate,
    /// A guard does not let it: its address is no public one, or its parser tried to open a file, connect or start a
    /// program.
    Forbidden,
    /// The code that handled the record panicked, or took the process it ran in down with it.
    Panic,

    // The item moved under us: neither judged nor lost.
    /// The item changed while it was being read, twice.
    Changing,

    // The lane's fault: no record is to blame.
    /// The service is down, refuses connections, or answers 5xx.
    Unavailable,
    /// The service asks for less.
    RateLimited,
    /// An answer did not come in time.
    Timeout,
    /// The service will not answer this lane until somebody acts: a bad key, no money, a model that does not exist.
    Blocked,

    // The system's fault.
    /// The disk or a quota is full.
    StorageFull,
    /// Storage is busy or failed in a way that may pass.
    StorageBusy,

    // Nothing can go on.
    /// Storage is damaged or not ours.
    StorageBroken,
    /// Another process took over this pipeline.
    Fenced,
    /// A setting is wrong.
    Config,
    /// A guard refused a dangerous operation.
    Guarded,
    /// The money or tokens that the run may spend are used up.
    Budget,
    /// The run was told to stop.
    Cancelled,
    /// A defect in tidegate itself.
    Internal,
}

impl FaultKind {
    /// The stable name used in `--json` and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::TooSlow => "too_slow",
            Self::Encoding => "encoding",
            Self::Empty => "empty",
            Self::Validation => "validation",
            Self::Refused => "refused",
            Self::BadResponse => "bad_response",
            Self::Incomplete => "incomplete",
            Self::NotAFile => "not_a_file",
            Self::Unreadable => "unreadable",
            Self::Duplicate => "duplicate",
            Self::Forbidden => "forbidden",
            Self::Panic => "panic",
            Self::Changing => "changing",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Blocked => "blocked",
            Self::StorageFull => "storage_full",
            Self::StorageBusy => "storage_busy",
            Self::StorageBroken => "storage_broken",
            Self::Fenced => "fenced",
            Self::Config => "config",
            Self::Guarded => "guarded",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// What happened: kind, operation, what it was done to, cause. Cheap to clone, because one failed batch is many
/// records' fault.
#[derive(Clone)]
pub struct Fault(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: FaultKind,
    message: String,
    context: Vec<String>,
    hint: Option<String>,
    wait: Option<Duration>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault of `kind`. `message` is a lowercase fragment that reads after "failed: ".
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            wait: None,
            cause: None,
        }))
    }

    /// Adds what was being done to what, outermost last: `fault.during("reading notes.md")`.
    #[must_use]
    pub fn during(mut self, doing: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).context.push(doing.into());
        self
    }

    /// Adds what the user can type or change next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).hint = Some(hint.into());
        self
    }

    /// Adds how long the other side asked us to wait.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        Arc::make_mut(&mut self.0).wait = Some(wait);
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).cause = Some(Arc::new(cause));
        self
    }

    /// The class of the fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// The fragment given to [`Fault::new`], without context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next, where the fault knows.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The chain from the outermost operation to the innermost cause, for the quarantine.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut chain: Vec<String> = self.0.context.iter().rev().cloned().collect();
        chain.push(self.0.message.clone());
        let mut cause: Option<&(dyn Error + 'static)> = self.0.cause.as_ref().map(|c| &**c as _);
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        chain.dedup();
        chain
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain().join(": "))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({}: {self})", self.0.kind.name())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_ref().map(|cause| &**cause as _)
    }
}

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Try the record again once; if it happens again it stays pending for the next run.
    Again,
    /// Keep every record, pause what failed for this long, then go on. No record is charged for it.
    Hold(Duration),
    /// The record is at fault: put it aside with the reason and go on.
    Quarantine,
    /// Stop the run; what is unfinished stays pending.
    StopRun,
}

/// How long storage and services rest before the next try, where they do not say.
/// Full disks are looked at every 30 s; everything else after 1 s, doubling in the caller.
const HOLD: Duration = Duration::from_secs(1);
const HOLD_FULL: Duration = Duration::from_secs(30);

/// Turns a fault into advice. This is the only place that decides.
///
/// ```
/// use tidegate_core::{Advice, Fault, FaultKind, advise};
/// assert_eq!(advise(&Fault::new(FaultKind::Malformed, "bad JSON")), Advice::Quarantine);
/// assert!(matches!(advise(&Fault::new(FaultKind::Unavailable, "503")), Advice::Hold(_)));
/// ```
#[must_use]
pub fn advise(fault: &Fault) -> Advice {
    use FaultKind as K;
    match fault.kind() {
        K::Malformed
        | K::Unsupported
        | K::TooLarge
        | K::TooDeep
        | K::TooSlow
        | K::Encoding
        | K::Empty
        | K::Validation
        | K::Refused
        | K::BadResponse
        | K::Incomplete
        | K::NotAFile
        | K::Unreadable
        | K::Duplicate
        | K::Forbidden
        | K::Panic => Advice::Quarantine,
        K::Changing => Advice::Again,
        K::Unavailable | K::RateLimited | K::Timeout | K::StorageBusy => {
            Advice::Hold(fault.0.wait.unwrap_or(HOLD))
        }
        K::StorageFull => Advice::Hold(fault.0.wait.unwrap_or(HOLD_FULL)),
        K::StorageBroken
        | K::Fenced
        | K::Config
        | K::Guarded
        | K::Blocked
        | K::Budget
        | K::Cancelled
        | K::Internal => Advice::StopRun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_never_judges_a_record() {
        for kind in [
            FaultKind::Unavailable,
            FaultKind::RateLimited,
            FaultKind::Timeout,
            FaultKind::StorageFull,
            FaultKind::StorageBusy,
        ] {
            assert!(matches!(advise(&Fault::new(kind, "x")), Advice::Hold(_)), "{kind:?}");
        }
    }

    #[test]
    fn a_fault_reads_from_the_outside_in() {
        let fault = Fault::new(FaultKind::Malformed, "expected a comma")
            .during("parsing row 3")
            .during("reading a.jsonl");
        assert_eq!(fault.to_string(), "reading a.jsonl: parsing row 3: expected a comma");
    }
}

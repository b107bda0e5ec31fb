//! Turns what SQLite says into faults.

use rusqlite::ErrorCode as Code;
use tidegate_core::{Fault, FaultKind};

/// The fault that a SQLite error is.
pub(crate) fn fault(error: rusqlite::Error) -> Fault {
    let (kind, message, hint) = match error.sqlite_error_code() {
        Some(Code::DiskFull) => (
            FaultKind::StorageFull,
            "the disk or quota of the store is full",
            Some("free some space; work goes on by itself, or with the next run"),
        ),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            (FaultKind::StorageBusy, "the store is busy with another process", None)
        }
        Some(Code::DatabaseCorrupt) => (FaultKind::StorageBroken, "the store is damaged", Some(RECOVERY)),
        Some(Code::NotADatabase) => {
            (FaultKind::StorageBroken, "the file is not a store", Some("name another file with --store"))
        }
        Some(Code::SystemIoFailure) => (
            FaultKind::StorageBroken,
            "reading or writing the store failed",
            Some("check the disk and its log"),
        ),
        Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => (
            FaultKind::StorageBroken,
            "the store cannot be opened or written",
            Some("check the permissions of the file and of its folder"),
        ),
        Some(Code::TooBig) => (FaultKind::TooLarge, "a value is larger than the store can keep", None),
        Some(Code::OutOfMemory) => (FaultKind::StorageBusy, "the store ran out of memory", None),
        Some(Code::OperationInterrupted) => (FaultKind::Cancelled, "the operation was interrupted", None),
        _ => (FaultKind::Internal, "the store refused a statement", None),
    };
    let fault = Fault::new(kind, message).cause(error);
    match hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// What to do about a damaged file. Nothing is ever deleted or rebuilt without being asked.
pub(crate) const RECOVERY: &str = "keep a copy of the file and its -wal, then try `sqlite3 STORE .recover | sqlite3 \
     NEW`, or move it away and index again";

/// Adds what was being done to an error of SQLite.
pub(crate) trait Doing<T> {
    /// Turns the error into a fault that happened while `doing`.
    fn doing(self, doing: &str) -> Result<T, Fault>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &str) -> Result<T, Fault> {
        self.map_err(|error| fault(error).during(doing))
    }
}

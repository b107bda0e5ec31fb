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
        // SQLite tells a full disk from other failed writes, but not a quota or a limit on the size of files.
        Some(Code::SystemIoFailure) if is_write(&error) => (
            FaultKind::StorageFull,
            "the store cannot be written: a quota or limit on file sizes is reached, or the disk failed",
            Some("free some space or raise the limit; work goes on by itself, or with the next run"),
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

/// Whether an I/O error came of writing or growing a file. Such a write changed nothing that counts, so it may be tried
/// again; a failed sync may not, because the system then forgets what it did not write.
fn is_write(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_SHMSIZE, SQLITE_IOERR_WRITE};
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(code, Some(SQLITE_IOERR_WRITE | SQLITE_IOERR_SHMSIZE))
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

//! The store: one file, one writing thread, and connections to read it with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tidegate_core::{Fault, FaultKind};

use crate::error::Doing;
use crate::open::{self, OpenMode, OpenOptions};
use crate::reader::{self, Reader};
use crate::writer::Writer;

/// Idle reading connections kept for the next reader.
const IDLE: usize = 4;
/// Page cache of a connection that searches, MiB.
const SEARCH_CACHE: i64 = 32;

/// A store. Clones share it; the last one dropped closes the file.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// Answers journal look-ups; started by the first.
    lookups: Mutex<Option<Arc<Reader>>>,
    /// Connections not in use.
    idle: Mutex<Vec<Connection>>,
    /// Absent if opened for reading. Dropped after every reader, because only the last connection to a file can
    /// take its log away: the store is then one file, which may be copied and moved.
    writer: Option<Writer>,
    /// Whether this one only reads, and found the store without files of others beside it.
    found_alone: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.found_alone {
            // In this order: what reads makes the files that are to go.
            *self.lookups.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
            self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
            open::tidy(&self.path);
        }
    }
}

impl Store {
    /// Opens the store that `url` (`PATH` or `sqlite:PATH`) names.
    ///
    /// ```
    /// use tidegate_store::{OpenMode, Store};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("tidegate.db");
    /// # let url = format!("sqlite:{}", path.display());
    /// assert!(Store::open(&url, OpenMode::Read).is_err()); // nothing there yet
    /// let store = Store::open(&url, OpenMode::Write)?;
    /// assert_eq!(store.status()?.documents, 0);
    /// # Ok::<(), tidegate_core::Fault>(())
    /// ```
    ///
    /// # Errors
    /// [`FaultKind::Config`] for a missing file (reading), one of a newer tidegate or one that is not a store,
    /// [`FaultKind::StorageBroken`] for a file that is damaged. None of them is changed in any way.
    pub fn open(url: &str, mode: OpenMode) -> Result<Self, Fault> {
        Self::open_with(url, &OpenOptions::new(mode))
    }

    /// Opens a store with all options spelled out.
    ///
    /// # Errors
    /// See [`Store::open`].
    pub fn open_with(url: &str, options: &OpenOptions) -> Result<Self, Fault> {
        let path = open::path_of(url)?;
        let path = std::path::absolute(&path).unwrap_or(path);
        open::prepare(&path, options)?;
        let found_alone = options.mode == OpenMode::Read && !open::beside(&path, "-shm").exists();
        let writer = match options.mode {
            OpenMode::Write => Some(Writer::start(path.clone(), *options)?),
            OpenMode::Read => None,
        };
        Ok(Self(Arc::new(Inner {
            path,
            writer,
            lookups: Mutex::default(),
            idle: Mutex::default(),
            found_alone,
        })))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads the whole file for damage; takes as long as that takes.
    ///
    /// # Errors
    /// [`FaultKind::StorageBroken`] with what is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        self.read(open::quick_check)
    }

    pub(crate) fn writer(&self) -> Result<&Writer, Fault> {
        self.0.writer.as_ref().ok_or_else(|| {
            Fault::new(FaultKind::Internal, "the store was opened for reading and cannot be written")
        })
    }

    /// Runs `read` on a connection of its own, in one transaction. Blocks the calling thread for as long.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => open::reading(&self.0.path, SEARCH_CACHE)?,
        };
        let value = reader::in_transaction(&mut conn, read)?;
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(conn);
        }
        Ok(value)
    }

    /// The thread that answers journal look-ups.
    pub(crate) fn lookups(&self) -> Result<Arc<Reader>, Fault> {
        let mut lookups = self.0.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = &*lookups {
            return Ok(reader.clone());
        }
        let reader = Arc::new(Reader::start("tidegate-journal", &self.0.path)?);
        *lookups = Some(reader.clone());
        Ok(reader)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.0.path.display())
    }
}

/// Moves the counter that readers watch.
pub(crate) fn announce_change(conn: &Connection) -> Result<(), Fault> {
    let doing = "announcing a change";
    conn.prepare_cached("UPDATE counter SET value = value + 1 WHERE name = 'change'")
        .and_then(|mut update| update.execute([]))
        .map(drop)
        .doing(doing)
}

//! Opening a file: is it ours, is it whole, may this program use it. Nothing is written before that is known.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tidegate_core::{Fault, FaultKind};

use crate::error::{Doing, RECOVERY};
use crate::schema;

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Searching and looking; the file must exist.
    Read,
    /// Writing; a missing file is created.
    Write,
}

/// What is lost when the power fails (never when the process does).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The latest commits may roll back together: their items are pending again, nothing is inconsistent.
    #[default]
    Normal,
    /// Nothing that was committed. For when something outside relies on the commit.
    Full,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions {
    /// Reading or writing.
    pub mode: OpenMode,
    /// What survives a power failure.
    pub durability: Durability,
    /// Most bytes the file may grow to; 0 means no limit.
    pub max_bytes: u64,
}

impl OpenOptions {
    /// The usual options for `mode`.
    #[must_use]
    pub fn new(mode: OpenMode) -> Self {
        Self { mode, durability: Durability::Normal, max_bytes: 0 }
    }
}

/// Files up to this size are checked page by page after an unclean end; larger ones rely on the checksums of the
/// log, because a check reads the whole file.
const CHECK_UP_TO: u64 = 64 << 20;
/// How long a statement waits for another process before it says busy.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The path that `PATH` or `sqlite:PATH` names.
pub(crate) fn path_of(url: &str) -> Result<PathBuf, Fault> {
    let path = match url.split_once(':') {
        Some(("sqlite", path)) => path.strip_prefix("//").unwrap_or(path),
        Some((scheme, rest)) if rest.starts_with("//") => {
            let message = format!("there is no store for {scheme} URLs");
            return Err(Fault::new(FaultKind::Config, message).hint("use sqlite:PATH"));
        }
        _ => url,
    };
    if path.is_empty() || path.starts_with(":memory:") || path.contains('\0') {
        return Err(
            Fault::new(FaultKind::Config, "the store needs the path of a file").hint("use sqlite:PATH")
        );
    }
    Ok(PathBuf::from(path))
}

/// What the first bytes of a file say it is.
enum Header {
    Missing,
    Empty,
    Ours { version: i32, wal: bool },
}

/// Looks at the first 100 bytes, which SQLite defines, without opening the file as a database: opening can already
/// change a file or leave others beside it.
fn read_header(path: &Path) -> Result<Header, Fault> {
    let unreadable = |error: std::io::Error| {
        let doing = format!("opening {}", path.display());
        Fault::new(FaultKind::StorageBroken, "the store cannot be read").cause(error).during(doing)
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Header::Missing),
        Err(error) => return Err(unreadable(error)),
    };
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(foreign(path, "is not a regular file"));
    }
    let mut head = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut head).map_err(unreadable)?;
    if head.is_empty() {
        return Ok(Header::Empty);
    }
    if head.len() < 100 || !head.starts_with(b"SQLite format 3\0") {
        return Err(foreign(path, "is not a tidegate store"));
    }
    let word = |at: usize| i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if word(68) != schema::APPLICATION_ID {
        return Err(foreign(path, "is a database of another program"));
    }
    let page = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 65_536,
        size => size,
    };
    if page < 512 || meta.len() < page {
        let message = format!("{} is cut short or damaged", path.display());
        return Err(Fault::new(FaultKind::StorageBroken, message).hint(RECOVERY));
    }
    Ok(Header::Ours { version: word(60), wal: head[18] == 2 })
}

fn foreign(path: &Path, what: &str) -> Fault {
    let message = format!("{} {what}; it was left untouched", path.display());
    Fault::new(FaultKind::Config, message).hint("name another file with --store")
}

/// Checks that `path` is a store this program may use, creates or migrates it if `options` allow.
pub(crate) fn prepare(path: &Path, options: &OpenOptions) -> Result<(), Fault> {
    match read_header(path)? {
        Header::Ours { version, .. } if version > schema::latest() => Err(schema::newer(version)),
        Header::Ours { version, wal } => match options.mode {
            OpenMode::Write => prepare_write(path, options, wal),
            OpenMode::Read if version < schema::latest() => {
                let message = format!("the store has the older schema version {version}");
                Err(Fault::new(FaultKind::Config, message)
                    .hint("run `tidegate index` on it once to migrate it"))
            }
            OpenMode::Read => Ok(()),
        },
        Header::Missing | Header::Empty if options.mode == OpenMode::Write => {
            create(path)?;
            prepare_write(path, options, true)
        }
        Header::Missing => {
            let message = format!("there is no store at {}", path.display());
            Err(Fault::new(FaultKind::Config, message)
                .hint("make one with `tidegate index PATH`, or name it with --store"))
        }
        Header::Empty => Err(Fault::new(FaultKind::Config, format!("{} is empty", path.display()))
            .hint("fill it with `tidegate index PATH`, or name another with --store")),
    }
}

/// Makes a new store beside `path` and moves it there whole, so that no crash leaves half a store and no other
/// program's file is ever written to.
fn create(path: &Path) -> Result<(), Fault> {
    let doing = format!("creating {}", path.display());
    let io = |error: std::io::Error| {
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FaultKind::StorageFull,
            _ => FaultKind::StorageBroken,
        };
        Fault::new(kind, "the store cannot be created")
            .cause(error)
            .hint("check that the folder exists and can be written")
            .during(doing.clone())
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}-{}", std::process::id(), crate::process::random_hex()));
    let fresh = path.with_file_name(name);
    let made = build(&fresh).map_err(|fault| fault.during(doing.clone()));
    let moved =
        made.and_then(|()| set_aside_stale(path).and_then(|()| put_in_place(&fresh, path)).map_err(io));
    let _ = std::fs::remove_file(&fresh); // there only if something failed, or as the second name of a link
    moved
}

fn build(fresh: &Path) -> Result<(), Fault> {
    let mut conn = Connection::open(fresh).doing("creating the file")?;
    schema::migrate(&mut conn, schema::MIGRATIONS)?;
    conn.pragma_update(None, "journal_mode", "wal").doing("switching to a write-ahead log")?;
    conn.close().map_err(|(_, error)| crate::error::fault(error))
}

/// Moves the log of a store that is not there any more out of the way: SQLite would replay it into the new one.
/// It is kept, under another name, because it may be all that is left of that store.
fn set_aside_stale(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0) {
        return Ok(()); // another process was faster, and the log is its own
    }
    for ending in ["-wal", "-journal"] {
        let stale = beside(path, ending);
        if stale.exists() {
            std::fs::rename(
                &stale,
                beside(path, &format!("{ending}.stale-{}", crate::process::random_hex())),
            )?;
        }
    }
    match std::fs::remove_file(beside(path, "-shm")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves `fresh` to `path` unless another process has put a store there meanwhile.
fn put_in_place(fresh: &Path, path: &Path) -> std::io::Result<()> {
    let empty = std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    if empty {
        return std::fs::rename(fresh, path);
    }
    match std::fs::hard_link(fresh, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no hard links.
        Err(_) => std::fs::rename(fresh, path),
        Ok(()) => Ok(()),
    }
}

fn prepare_write(path: &Path, options: &OpenOptions, wal: bool) -> Result<(), Fault> {
    let log = beside(path, "-wal");
    let unclean = std::fs::metadata(&log).is_ok_and(|meta| meta.len() > 0);
    let mut conn = writing(path, options)?;
    // The header of the file can be older than the log.
    let version = schema::version(&conn)?;
    if version > schema::latest() {
        return Err(schema::newer(version));
    }
    if unclean && std::fs::metadata(path).is_ok_and(|meta| meta.len() <= CHECK_UP_TO) {
        quick_check(&conn)?;
    }
    if version < schema::latest() {
        schema::migrate(&mut conn, schema::MIGRATIONS)?;
        // Older programs look at the header of the file, so the new version has to get there.
        let _ = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    if !wal {
        conn.pragma_update(None, "journal_mode", "wal").doing("switching to a write-ahead log")?;
    }
    Ok(())
}

/// Looks for damage, page by page.
pub(crate) fn quick_check(conn: &Connection) -> Result<(), Fault> {
    let said: String =
        conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).doing("checking the store")?;
    if said == "ok" {
        return Ok(());
    }
    Err(Fault::new(FaultKind::StorageBroken, format!("the store is damaged: {said}")).hint(RECOVERY))
}

/// A connection that may write to a file [`prepare`] has accepted.
pub(crate) fn writing(path: &Path, options: &OpenOptions) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).doing("opening the store")?;
    configure(&conn, 16)?;
    let synchronous = match options.durability {
        Durability::Normal => "normal",
        Durability::Full => "full",
    };
    conn.pragma_update(None, "synchronous", synchronous).doing("opening the store")?;
    conn.pragma_update(None, "wal_autocheckpoint", 4_000).doing("opening the store")?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20).doing("opening the store")?;
    if options.max_bytes > 0 {
        let page: u64 =
            conn.pragma_query_value(None, "page_size", |row| row.get(0)).doing("opening the store")?;
        let pages = i64::try_from((options.max_bytes / page.max(1)).max(1)).unwrap_or(i64::MAX);
        conn.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))
            .doing("opening the store")?;
    }
    Ok(conn)
}

/// A connection that may only read (its own temporary tables excepted).
pub(crate) fn reading(path: &Path, cache_mib: i64) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).doing("opening the store")?;
    configure(&conn, cache_mib)?;
    crate::search::filter::register(&conn).doing("opening the store")?;
    Ok(conn)
}

/// Lets SQLite take away what a connection that may only read has to make beside a store and must leave there. It does
/// so where nobody else has the store open, and whoever may not write leaves all as it is.
pub(crate) fn tidy(path: &Path) {
    let log = beside(path, "-wal");
    // A log that holds something is what another process left when it was killed: the next writer goes on with it.
    if !beside(path, "-shm").exists() || std::fs::metadata(log).is_ok_and(|meta| meta.len() > 0) {
        return;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(conn) = Connection::open_with_flags(path, flags) {
        // Only a connection that has read closes the log behind it.
        let _ = conn.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(()));
    }
}

fn configure(conn: &Connection, cache_mib: i64) -> Result<(), Fault> {
    let doing = "opening the store";
    conn.busy_timeout(BUSY_WAIT).doing(doing)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.pragma_update(None, "cache_size", -1024 * cache_mib).doing(doing)?;
    // A damaged or hostile schema must not be able to call functions.
    conn.pragma_update(None, "trusted_schema", false).doing(doing)?;
    conn.pragma_update(None, "cell_size_check", true).doing(doing)?;
    conn.pragma_update(None, "foreign_keys", false).doing(doing)
}

/// The path of a file SQLite keeps beside the store, such as its log.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

//! Opening files so that nothing but a regular file inside the given folders is ever read, and what goes wrong with
//! it as faults.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use tidegate_core::{Fault, FaultKind, Version};

/// Without `NONBLOCK`, opening a FIFO waits for a writer for ever; without `NOFOLLOW`, a link planted between
/// listing and reading leads anywhere.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NOCTTY);

/// Opens a regular file; the last component must not be a link.
///
/// # Errors
/// What the system says; a pipe, a socket or a device is none.
pub fn regular(path: &Path) -> io::Result<File> {
    checked(File::from(rustix::fs::open(path, FLAGS, Mode::empty())?))
}

/// Opens a regular file below `root`, with no link on the way there.
pub(crate) fn beneath(root: &Path, relative: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, ResolveFlags, openat, openat2};
        let folder = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match openat2(&folder, relative, FLAGS, Mode::empty(), resolve) {
            Ok(file) => return checked(File::from(file)),
            // Kernels before 5.6 and some sandboxes do not know the call.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    regular(&root.join(relative))
}

fn checked(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(rustix::io::Errno::NXIO)) }
}

/// What tells one state of a file from another. The change time is part of it because the modification time can be
/// set back by anybody; the device is not, because network mounts renumber it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
    inode: u64,
}

impl Stamp {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            size: meta.size(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            ctime: (meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }

    /// The version, or an unknown one if the file changed less than `racy` before `now` (or after it): clocks of
    /// file systems tick in steps, so a second change within one step would leave no trace.
    pub(crate) fn version(&self, now: SystemTime, racy: Duration) -> Version {
        let settled = now.checked_sub(racy).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
        let settled = settled.map_or((0, 0), |then| (then.as_secs() as i64, i64::from(then.subsec_nanos())));
        if self.mtime >= settled || self.ctime >= settled {
            return Version::default();
        }
        let nanos = |(seconds, nanos): (i64, i64)| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Version(format!("{}-{}-{}-{}", self.size, nanos(self.mtime), nanos(self.ctime), self.inode))
    }
}

/// Whether an error says that there is nothing at the path.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The fault for an error while reading one file.
#[must_use]
pub fn read_fault(error: io::Error) -> Fault {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(&error);
    let fault = match errno {
        Some(Errno::ACCESS | Errno::PERM) => Fault::new(FaultKind::Unreadable, "permission denied")
            .hint("let this user read it, or exclude it"),
        Some(Errno::LOOP | Errno::XDEV | Errno::NXIO | Errno::ISDIR | Errno::NODEV) => not_a_file(),
        Some(Errno::STALE) => Fault::new(FaultKind::Changing, "the file was replaced while it was read"),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) => {
            Fault::new(FaultKind::StorageBusy, "the system is out of file handles or memory")
                .hint("raise the limit of open files (ulimit -n)")
        }
        Some(Errno::TIMEDOUT | Errno::HOSTDOWN | Errno::HOSTUNREACH | Errno::NOTCONN) => {
            Fault::new(FaultKind::Unavailable, "the file server does not answer")
        }
        _ => Fault::new(FaultKind::Unreadable, "reading fails").hint("check the disk, or exclude the file"),
    };
    fault.cause(error)
}

/// How another output is named: by the command, or in a pipeline's file.
pub(crate) const ANOTHER: &str = "make its folder, or name another output (-o, or `path` in [sink])";

/// The fault for an error while writing the output.
#[must_use]
pub fn write_fault(error: io::Error) -> Fault {
    use rustix::io::Errno;
    let fault = match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => {
            Fault::new(FaultKind::StorageFull, "no room for the output")
                .hint("free some space; the run goes on by itself")
        }
        Some(Errno::ROFS | Errno::ACCESS | Errno::PERM | Errno::NOENT | Errno::NOTDIR | Errno::ISDIR) => {
            Fault::new(FaultKind::Config, "the output cannot be written").hint(ANOTHER)
        }
        _ if error.kind() == io::ErrorKind::BrokenPipe => {
            Fault::new(FaultKind::Cancelled, "the reader of the output has gone")
        }
        _ => Fault::new(FaultKind::StorageBusy, "writing the output fails"),
    };
    fault.cause(error)
}

/// The fault for everything that is neither a regular file nor a folder.
pub(crate) fn not_a_file() -> Fault {
    Fault::new(FaultKind::NotAFile, "not a regular file (a pipe, socket or device)").hint("exclude it")
}

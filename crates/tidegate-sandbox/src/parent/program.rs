//! Which program a child runs, and with what.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tidegate_core::{Fault, FaultKind};

use crate::child::PARENT;

/// The program of a child: one that calls [`crate::serve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// The program at `path`, which serves when it is given `arguments`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { path: path.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// The running program itself, also where its file was replaced or removed since it was started.
    ///
    /// # Errors
    /// [`FaultKind::Config`] where the system does not say what is running.
    pub fn this(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, Fault> {
        // A link that leads to what runs, whatever became of the name: an upgrade in the middle of a run must not mix
        // two versions.
        let running = Path::new("/proc/self/exe");
        if cfg!(target_os = "linux") && running.exists() {
            return Ok(Self::new(running, arguments));
        }
        let path = std::env::current_exe().map_err(|error| {
            Fault::new(FaultKind::Config, "the system does not say which program is running").cause(error)
        })?;
        Ok(Self::new(path, arguments))
    }

    /// Where the program is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program with its arguments, and nothing decided about its surroundings.
    pub(crate) fn bare(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        command
    }

    /// What starts it. Nothing of the environment goes along: keys live there.
    pub(super) fn command(&self) -> Command {
        let mut command = self.bare();
        command
            .env_clear()
            .env(PARENT, std::process::id().to_string())
            .current_dir("/")
            // A group of its own: what is typed at a terminal is for the parent, who decides what is finished.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

//! Programs of the user's own that parse instead: started with limits, fed, listened to, and ended with everything that
//! they started.
//!
//! They are not locked in as parser children are: they open files, load models and start other programs, and whoever
//! named them in a configuration trusts them that far. What is held is what a document may do through them: take time,
//! memory, processes or output without end.
//!
//! The program is started by way of the parser's own program ([`launch`]), which sets the limits of the kernel and then
//! becomes the other. Setting them between fork and exec was refused, because it takes unsafe code.

pub(crate) mod group;
pub(crate) mod launch;
mod run;

use std::ffi::OsString;
use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tidegate_core::{Fault, FaultKind};
use tokio::sync::{Semaphore, oneshot};

use crate::limits::Limits;
use crate::parent::Program;
pub use launch::launch;

/// What stands for the file of a document in the arguments of a tool.
pub const FILE: &str = "{file}";

/// One run of a program over one document.
#[derive(Debug, Clone)]
pub struct ToolJob {
    /// The program, as [`find_tool`] found it.
    pub program: PathBuf,
    /// Its arguments. Where one holds [`FILE`], the document is written to a file, else to standard input.
    pub arguments: Vec<OsString>,
    /// The document.
    pub bytes: Bytes,
    /// The extension of the file that it is written to.
    pub extension: String,
    /// What it may cost: memory of all processes together, processor time of each, time on the clock, bytes of output.
    pub limits: Limits,
}

/// Runs tools, so many at once. Nothing runs between two documents.
pub struct Tools {
    launcher: Program,
    slots: Arc<Semaphore>,
}

impl Tools {
    /// Runs at most `width` tools at once. `launcher` is a program that calls [`launch`] before all else.
    #[must_use]
    pub fn new(launcher: Program, width: usize) -> Self {
        Self { launcher, slots: Arc::new(Semaphore::new(width.max(1))) }
    }

    /// What the program writes to standard output.
    ///
    /// # Errors
    /// The document's: the program failed, or took more than it may; its last words are in the message.
    /// [`FaultKind::Config`] where it cannot be started, [`FaultKind::Unavailable`] where the system has no room.
    ///
    /// # Cancel safety
    /// Dropping the future ends the program and what it started, and waits until it is gone.
    pub async fn run(&self, job: ToolJob) -> Result<Vec<u8>, Fault> {
        let slot = self.slots.clone().acquire_owned().await;
        let slot =
            slot.map_err(|_| Fault::new(FaultKind::Internal, "the slots of tools are never closed"))?;
        let no_room = |error| Fault::new(FaultKind::Unavailable, "no tool can be run").cause(error);
        let (cancel, hold) = std::io::pipe().map_err(no_room)?;
        let (tell, told) = oneshot::channel();
        let launcher = self.launcher.clone();
        let work = move || {
            let result = run::run(&launcher, &job, &cancel);
            drop(slot);
            let _ = tell.send(result);
        };
        let thread = std::thread::Builder::new().name("tool".to_owned()).spawn(work).map_err(no_room)?;
        let running = Running { hold: Some(hold), thread: Some(thread) };
        let result = told.await;
        drop(running);
        result.unwrap_or_else(|_| Err(Fault::new(FaultKind::Panic, "what runs tools panicked")))
    }
}

/// A thread that holds a tool. Dropping it ends both.
struct Running {
    /// Its end tells the thread that nobody waits any more.
    hold: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.hold = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Where the program called `name` is: on the folders of `path` (as `PATH` has them), or at its own path if it has one.
#[must_use]
pub fn find_tool(name: &str, path: Option<OsString>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let path = path?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

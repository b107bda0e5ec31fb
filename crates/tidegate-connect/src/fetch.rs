//! Reads listed files whole, and notices when they change meanwhile.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_core::{Body, ContentHash, Cx, Fault, FaultKind, Fetch, Fetched, Fields, SourceItem, Version};

use crate::files::FIRST;
use crate::key::decode_key;
use crate::open::{self, Stamp};
use crate::plan::Plan;
use crate::walk::{Led, resolve, too_large};

/// How often a file that changes under the reader is read before it is left to the next run.
const TRIES: u32 = 2;

/// Reads files below the roots of a plan.
pub(crate) struct FileFetch {
    plan: Arc<Plan>,
    /// Called between reading a file and looking whether it changed, with the number of the try.
    #[cfg(test)]
    pub(crate) meanwhile: Option<Meanwhile>,
}

/// What a test does to a file while it is read.
#[cfg(test)]
pub(crate) type Meanwhile = Arc<dyn Fn(&Path, u32) + Send + Sync>;

/// A file as it was read.
struct Read {
    bytes: Vec<u8>,
    hash: ContentHash,
    version: Version,
}

/// Why there is nothing to hand on.
enum Miss {
    Gone,
    Fault(Fault),
}

impl From<io::Error> for Miss {
    fn from(error: io::Error) -> Self {
        if open::is_gone(&error) { Self::Gone } else { Self::Fault(open::read_fault(error)) }
    }
}

impl FileFetch {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            #[cfg(test)]
            meanwhile: None,
        }
    }

    fn job(&self, path: PathBuf) -> Job {
        Job {
            plan: self.plan.clone(),
            path,
            #[cfg(test)]
            meanwhile: self.meanwhile.clone(),
        }
    }
}

#[async_trait]
impl Fetch for FileFetch {
    async fn fetch(&self, cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault> {
        let job = self.job(decode_key(&item.key));
        let read = cx.compute(FIRST, move || job.run()).await?;
        match read {
            Ok(Read { bytes, hash, version }) => {
                let version = (version != item.version).then_some(version);
                Ok(Fetched::Content {
                    body: Body::Bytes(Bytes::from(bytes)),
                    hash,
                    version,
                    fields: Fields::new(),
                })
            }
            Err(Miss::Gone) => Ok(Fetched::Gone),
            Err(Miss::Fault(fault)) => Err(fault.during(format!("reading {}", item.key))),
        }
    }
}

/// One file to read.
struct Job {
    plan: Arc<Plan>,
    path: PathBuf,
    #[cfg(test)]
    meanwhile: Option<Meanwhile>,
}

impl Job {
    fn run(&self) -> Result<Read, Miss> {
        let root = self.plan.root_of(&self.path).ok_or_else(|| {
            Miss::Fault(
                Fault::new(FaultKind::NotAFile, "the file is outside the given paths")
                    .hint("name its folder"),
            )
        })?;
        for attempt in 1..=TRIES {
            match self.read(attempt) {
                Ok(Some(read)) => return Ok(read),
                Ok(None) => {}
                Err(Miss::Gone) if !root.is_there() => {
                    let lost = format!("{} is not there any more", root.path.display());
                    return Err(Miss::Fault(
                        Fault::new(FaultKind::Unavailable, lost)
                            .hint("mount it again; the run goes on by itself"),
                    ));
                }
                Err(miss) => return Err(miss),
            }
        }
        let changing = Fault::new(FaultKind::Changing, "the file changed each time while it was read");
        Err(Miss::Fault(changing.hint("the next run takes it up")))
    }

    /// Reads the file once; `None` if it changed meanwhile.
    fn read(&self, attempt: u32) -> Result<Option<Read>, Miss> {
        let limit = self.plan.options.max_file_size;
        let mut file = self.open()?;
        let before = Stamp::of(&file.metadata()?);
        if before.size > limit {
            return Err(Miss::Fault(too_large(before.size, limit)));
        }
        let mut bytes = Vec::with_capacity(before.size as usize + 1);
        (&mut file).take(limit + 1).read_to_end(&mut bytes)?;
        self.meanwhile(attempt);
        let after = Stamp::of(&file.metadata()?);
        // The second look goes to the path: a file replaced by renaming is unchanged through the old handle.
        let at_path = Stamp::of(&self.open()?.metadata()?);
        if before != after || before != at_path {
            return Ok(None);
        }
        if bytes.len() as u64 > limit {
            return Err(Miss::Fault(too_large(bytes.len() as u64, limit)));
        }
        let hash = ContentHash::of(&bytes);
        Ok(Some(Read { bytes, hash, version: after.version(SystemTime::now(), self.plan.options.racy) }))
    }

    /// Opens the file without following any link; where listing followed one, what it leads to is opened in the
    /// same way, after it was found to lie inside the roots.
    fn open(&self) -> Result<File, Miss> {
        match self.open_plain(&self.path) {
            Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) => {
                if !self.plan.options.links {
                    return Err(Miss::Fault(open::not_a_file()));
                }
                // A link that was put in its place since leads out: listing would leave it out now.
                if let Led::Out = resolve(&self.plan, &self.path).map_err(Miss::Fault)? {
                    return Err(Miss::Gone);
                }
                let target = std::fs::canonicalize(&self.path)?;
                Ok(self.open_plain(&target)?)
            }
            opened => Ok(opened?),
        }
    }

    fn open_plain(&self, path: &Path) -> io::Result<File> {
        let Some(root) = self.plan.root_of(path) else { return Err(rustix::io::Errno::XDEV.into()) };
        let (base, relative) = match path.strip_prefix(&root.path) {
            Ok(relative) if root.folder => (&*root.path, relative),
            _ => (path.parent().unwrap_or(path), Path::new(path.file_name().unwrap_or_default())),
        };
        open::beneath(base, relative)
    }

    #[cfg(test)]
    fn meanwhile(&self, attempt: u32) {
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile(&self.path, attempt);
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "stands in for the hook of the tests")]
    fn meanwhile(&self, _attempt: u32) {}
}

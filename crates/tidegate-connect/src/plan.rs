//! What to list: the roots and the options, resolved once.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::counters::Counter;
use tidegate_core::{Coverage, Fault, FaultKind};

use crate::key::encode_key;
use crate::nearest::no_such_path;
use crate::rules::{Globs, Rules};
use crate::skip;

/// What of the given folders is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesOptions {
    /// Only files that one of these globs matches, written as in `.gitignore`; all if empty. A glob that names an
    /// extension (`*.svg`) also brings back files that are passed over because they hold no text.
    pub include: Vec<String>,
    /// Extensions of files that are listed although what is known of them is that they hold no text: somebody reads
    /// them all the same.
    pub also: Vec<String>,
    /// Files and folders that one of these globs matches are left out.
    pub exclude: Vec<String>,
    /// Whether names that begin with a dot are listed.
    pub hidden: bool,
    /// Whether `.gitignore` and `.ignore` are honoured. `.tidegateignore` always is.
    pub gitignore: bool,
    /// Whether links are followed; only to what lies inside the given paths, and only one link deep, so that no
    /// web of links makes the listing endless.
    pub links: bool,
    /// Larger files are put aside without being read, in bytes.
    pub max_file_size: u64,
    /// A file that changed less than this before it was looked at has no known version: its file system may not be
    /// able to show a further change. Two seconds is the coarsest clock in use (FAT).
    pub racy: Duration,
    /// Files that belong to the run itself (the store, an output): never listed, under whatever name, and neither is
    /// what stands beside them with their name and an ending of its own. Reading a store while it is open would
    /// also drop the locks that protect it.
    pub own: Vec<PathBuf>,
}

impl Default for FilesOptions {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            also: Vec::new(),
            exclude: Vec::new(),
            hidden: false,
            gitignore: true,
            links: true,
            max_file_size: 64 << 20,
            racy: Duration::from_secs(2),
            own: Vec::new(),
        }
    }
}

/// What was passed over, for the report.
#[derive(Debug, Default)]
pub struct FilesStats {
    /// Names that begin with a dot.
    pub hidden: Counter,
    /// Named by an ignore file.
    pub ignored: Counter,
    /// Left out by the user's globs.
    pub excluded: Counter,
    /// Files whose extension says that they hold no text.
    pub no_text: Counter,
    /// Folders of tools and caches.
    pub tool_folders: Counter,
    /// Links not followed: switched off, or leading back to where they stand.
    pub links: Counter,
    /// Links that lead out of the given paths, to a device or a file that nobody asked for.
    pub leaving: Counter,
}

impl FilesStats {
    /// Everything passed over.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        let for_its_name = [&self.hidden, &self.ignored, &self.excluded, &self.no_text, &self.tool_folders];
        for_its_name.into_iter().chain([&self.links, &self.leaving]).map(Counter::get).sum()
    }
}

/// A path the user gave.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    pub(crate) folder: bool,
    device: u64,
}

impl Root {
    fn new(given: &Path) -> Result<Self, Fault> {
        let path = std::fs::canonicalize(given).map_err(|error| {
            if crate::open::is_gone(&error) { no_such_path(given) } else { unusable(given, error) }
        })?;
        let meta = std::fs::metadata(&path).map_err(|error| unusable(given, error))?;
        Ok(Self { path, folder: meta.is_dir(), device: meta.dev() })
    }

    /// Whether the root is still where it was. An unmounted disk leaves an empty folder on another device, and what
    /// lay below is then unknown rather than gone.
    pub(crate) fn is_there(&self) -> bool {
        let look = if self.folder { Some(&*self.path) } else { self.path.parent() };
        look.and_then(|path| std::fs::metadata(path).ok()).is_some_and(|meta| meta.dev() == self.device)
    }

    /// The prefix of the keys of everything below it.
    pub(crate) fn prefix(&self) -> String {
        folder_prefix(&self.path)
    }
}

/// What follows the name of a store in the files that go with it.
const OWN_ENDINGS: [&[u8]; 4] = [b"-wal", b"-shm", b"-journal", b".new-"];

/// A path with its folder resolved, whether or not the file is there yet.
fn as_walked(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
}

fn unusable(given: &Path, error: std::io::Error) -> Fault {
    Fault::new(FaultKind::Config, format!("{} cannot be used", given.display()))
        .hint("check who may read it and the folders above it")
        .cause(error)
}

/// The prefix of the keys of everything in `folder`.
pub(crate) fn folder_prefix(folder: &Path) -> String {
    let mut prefix = encode_key(folder);
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    prefix
}

/// Roots and options, compiled.
pub(crate) struct Plan {
    pub(crate) roots: Vec<Root>,
    pub(crate) options: FilesOptions,
    pub(crate) globs: Globs,
    pub(crate) stats: Arc<FilesStats>,
    /// The files of [`FilesOptions::own`], as the walk would come upon them.
    own: Vec<PathBuf>,
}

impl Plan {
    pub(crate) fn new(paths: &[PathBuf], options: FilesOptions) -> Result<Self, Fault> {
        if paths.is_empty() {
            return Err(Fault::new(FaultKind::Config, "no paths given").hint("name a file or a folder"));
        }
        let mut roots = paths.iter().map(|path| Root::new(path)).collect::<Result<Vec<_>, _>>()?;
        roots.sort_by(|a, b| a.path.cmp(&b.path));
        roots.dedup_by(|a, b| a.path == b.path);
        let globs = Globs::new(&options.include, &options.exclude)?.also(&options.also);
        let own = options.own.iter().filter_map(|path| as_walked(path)).collect();
        Ok(Self { roots, options, globs, stats: Arc::default(), own })
    }

    /// Whether `path` is a file of the run itself, or one that goes with it (`store.db-wal`).
    pub(crate) fn is_own(&self, path: &Path) -> bool {
        self.own.iter().any(|own| {
            let (Some(name), Some(mine)) = (path.file_name(), own.file_name()) else { return false };
            let ending = name.as_bytes().strip_prefix(mine.as_bytes());
            path.parent() == own.parent()
                && ending.is_some_and(|rest| {
                    rest.is_empty() || OWN_ENDINGS.iter().any(|end| rest.starts_with(end))
                })
        })
    }

    /// Whether `meta` is a file of the run itself under another name.
    pub(crate) fn is_own_link(&self, meta: &Metadata) -> bool {
        self.own.iter().any(|own| {
            std::fs::metadata(own).is_ok_and(|mine| (mine.dev(), mine.ino()) == (meta.dev(), meta.ino()))
        })
    }

    /// The root that `path` lies below, or is; the innermost, because that is the one that lists it.
    pub(crate) fn root_of(&self, path: &Path) -> Option<&Root> {
        let holds = |root: &&Root| path == root.path || (root.folder && path.starts_with(&root.path));
        self.roots.iter().filter(holds).max_by_key(|root| root.path.as_os_str().len())
    }

    /// What a complete listing speaks for. A root that is a file speaks for nothing: its key is also the prefix of
    /// its neighbours' keys.
    pub(crate) fn coverage(&self, unknown: Vec<String>) -> Coverage {
        let covered = self.roots.iter().filter(|root| root.folder).map(Root::prefix).collect();
        Coverage { covered, unknown }
    }

    /// Whether a name below `root` is passed over; counts it if so.
    pub(crate) fn passes_over(&self, root: &Root, path: &Path, folder: bool, rules: &Rules) -> bool {
        let name = path.file_name().unwrap_or(OsStr::new(""));
        let relative = path.strip_prefix(&root.path).unwrap_or(path);
        let stats = &self.stats;
        let counter = if !folder && self.is_own(path) {
            &stats.excluded
        } else if !self.options.hidden && name.as_bytes().starts_with(b".") {
            &stats.hidden
        } else if folder && skip::is_tool_folder(name) {
            &stats.tool_folders
        } else if rules.ignore(path, folder) {
            &stats.ignored
        } else if self.globs.excludes(relative, folder) || (!folder && !self.globs.includes_file(relative)) {
            &stats.excluded
        } else if !folder && skip::holds_no_text(name) && !self.globs.names_file(relative) {
            &stats.no_text
        } else {
            return false;
        };
        counter.add(1);
        true
    }
}

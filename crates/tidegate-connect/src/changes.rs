//! What to list because something changed: turns changed paths into items and into parts of the listing that must
//! be compared with what is known.
//!
//! It goes by what is at a path now and not by what an event said happened there: events are merged, reordered and
//! dropped, the file system is not.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_core::{Coverage, Fault, FaultKind, SourceItem, Version};

use crate::files::gather;
use crate::key::encode_key;
use crate::open;
use crate::plan::{Plan, folder_prefix};
use crate::rules::Rules;
use crate::walk::{Led, Walk, resolve};

/// Changed paths remembered at most; beyond that everything is listed again.
const MOST: usize = 100_000;

/// What is still to be listed.
pub(crate) struct Changes {
    plan: Arc<Plan>,
    /// Every folder that was entered. A folder that is gone cannot be asked whether it was one; watching it takes
    /// more memory than this.
    folders: BTreeSet<PathBuf>,
    /// Paths to look at.
    todo: BTreeSet<PathBuf>,
    /// Folders that must be listed anew and compared with what is known, because something in them may be gone.
    compare: BTreeSet<PathBuf>,
    /// Everything must be.
    compare_all: bool,
    /// The comparison in progress: what was listed for it so far.
    comparing: Option<Coverage>,
    /// A walk in progress.
    walk: Option<Walk>,
    /// Whether the roots must be watched anew: one of them is another folder now.
    pub(crate) rewatch: bool,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Something to list.
    Items(Vec<SourceItem>),
    /// Nothing yet.
    Busy,
    /// Nothing left to do.
    Idle,
    /// A comparison is due, but must not be mixed with what this run listed before: a file that was listed and went
    /// afterwards would pass for one that is there.
    NeedsOwnRun,
    /// This was listed to its end.
    Compared(Coverage),
}

impl Changes {
    /// Begins with listing everything.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            folders: BTreeSet::new(),
            todo: BTreeSet::new(),
            compare: BTreeSet::new(),
            compare_all: true,
            comparing: None,
            walk: None,
            rewatch: false,
        }
    }

    /// Lists everything anew.
    pub(crate) fn list_all(&mut self) {
        self.todo.clear();
        self.compare.clear();
        self.comparing = None;
        self.walk = None;
        self.compare_all = true;
    }

    /// Takes note of a changed path.
    pub(crate) fn note(&mut self, path: PathBuf) {
        if self.todo.len() >= MOST {
            self.list_all();
        } else if self.plan.root_of(&path).is_some() {
            self.todo.insert(path);
        }
    }

    /// Lists on, up to `max` items. `fresh` says that this run listed nothing yet.
    ///
    /// # Errors
    /// [`FaultKind::Unavailable`] while a root is not there.
    pub(crate) fn step(&mut self, max: usize, fresh: bool) -> Result<Progress, Fault> {
        if let Some(walk) = &mut self.walk {
            let (items, ended) = gather(walk, max);
            if ended && let Some(walk) = self.walk.take() {
                self.folders.extend(walk.folders.into_iter().flatten());
                if let Some(coverage) = &mut self.comparing {
                    coverage.unknown.extend(walk.unknown);
                }
            }
            return Ok(if items.is_empty() { Progress::Busy } else { Progress::Items(items) });
        }
        if self.comparing.is_some() {
            return Ok(self.compare_next());
        }
        if let Some(path) = self.todo.pop_first() {
            let item = self.look(path)?;
            return Ok(item.map_or(Progress::Busy, |item| Progress::Items(vec![item])));
        }
        if !self.compare_all && self.compare.is_empty() {
            return Ok(Progress::Idle);
        }
        if !fresh {
            return Ok(Progress::NeedsOwnRun);
        }
        self.comparing = Some(Coverage::default());
        if self.compare_all {
            self.folders.clear();
            self.start(Walk::new(self.plan.clone()));
        }
        Ok(Progress::Busy)
    }

    /// Goes on with a comparison.
    fn compare_next(&mut self) -> Progress {
        let coverage = self.comparing.get_or_insert_default();
        if std::mem::take(&mut self.compare_all) {
            let unknown = std::mem::take(&mut coverage.unknown);
            self.comparing = None;
            return Progress::Compared(self.plan.coverage(unknown));
        }
        let Some(folder) = self.compare.pop_first() else {
            let coverage = std::mem::take(coverage);
            self.comparing = None;
            return Progress::Compared(coverage);
        };
        let prefix = folder_prefix(&folder);
        if !coverage.covered.iter().any(|covered| prefix.starts_with(covered)) {
            coverage.covered.push(prefix);
            self.start(Walk::below(self.plan.clone(), &folder));
        }
        Progress::Busy
    }

    fn start(&mut self, mut walk: Walk) {
        walk.folders = Some(Vec::new());
        self.walk = Some(walk);
    }

    /// Sees what is at a path now.
    fn look(&mut self, path: PathBuf) -> Result<Option<SourceItem>, Fault> {
        let plan = self.plan.clone();
        let Some(root) = plan.root_of(&path) else { return Ok(None) };
        if !root.is_there() {
            self.todo.insert(path);
            return Err(Fault::new(
                FaultKind::Unavailable,
                format!("{} is not there any more", root.path.display()),
            )
            .hint("mount it again; the run goes on by itself"));
        }
        if root.folder && root.path == path {
            self.rewatch = true;
            self.list_all();
            return Ok(None);
        }
        let is_ignore_file = path.file_name().is_some_and(Rules::is_ignore_file);
        if let Some(folder) = path.parent().filter(|_| is_ignore_file) {
            self.compare_folder(folder);
        } else if self.folders.contains(&path) {
            self.compare_folder(&path);
        } else if is_gone(&plan, &path) {
            return Ok(gone(&plan, &path));
        } else {
            self.start(Walk::below(plan, &path));
        }
        Ok(None)
    }

    /// Something in a folder may be gone, or all of it.
    fn compare_folder(&mut self, folder: &Path) {
        if self.plan.roots.iter().any(|root| root.path == folder) {
            self.list_all();
            return;
        }
        let below = self.folders.range::<Path, _>((Bound::Included(folder), Bound::Unbounded));
        let below: Vec<PathBuf> = below.take_while(|known| known.starts_with(folder)).cloned().collect();
        for known in below {
            self.folders.remove(&known);
        }
        self.compare.insert(folder.to_path_buf());
    }
}

/// Whether there is nothing at a path, or a link that leads out, which is as much as nothing.
fn is_gone(plan: &Plan, path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Err(error) => open::is_gone(&error),
        Ok(meta) => meta.is_symlink() && matches!(resolve(plan, path), Ok(Led::Out)),
    }
}

/// The item for a file that is gone, if it would have been listed. Reading it finds nothing, which removes it.
fn gone(plan: &Arc<Plan>, path: &Path) -> Option<SourceItem> {
    Walk::below(plan.clone(), path)
        .would_list_file(path)
        .then(|| SourceItem::new(encode_key(path), Version::default(), 0))
}

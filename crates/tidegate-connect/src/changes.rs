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
use crate::walk::Walk;

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
    /// A walk in progress, over everything if `full`.
    walk: Option<Walk>,
    full: bool,
    /// What the listing will have spoken for when there is nothing left to do.
    coverage: Coverage,
    /// Whether the roots must be watched anew: one of them is another folder now.
    pub(crate) rewatch: bool,
}

impl Changes {
    /// Begins with listing everything.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let mut changes = Self {
            plan,
            folders: BTreeSet::new(),
            todo: BTreeSet::new(),
            walk: None,
            full: false,
            coverage: Coverage::default(),
            rewatch: false,
        };
        changes.list_all();
        changes
    }

    /// Lists everything again.
    pub(crate) fn list_all(&mut self) {
        self.todo.clear();
        self.coverage = Coverage::default();
        self.full = true;
        self.start(Walk::new(self.plan.clone()));
    }

    fn start(&mut self, mut walk: Walk) {
        walk.folders = Some(Vec::new());
        self.walk = Some(walk);
    }

    /// Takes note of a changed path.
    pub(crate) fn note(&mut self, path: PathBuf) {
        if self.todo.len() >= MOST {
            self.list_all();
        } else if self.plan.root_of(&path).is_some() {
            self.todo.insert(path);
        }
    }

    /// Whether everything noted was listed.
    pub(crate) fn is_done(&self) -> bool {
        self.walk.is_none() && self.todo.is_empty()
    }

    /// What was listed to its end, if any part was; only when done.
    pub(crate) fn take_coverage(&mut self) -> Option<Coverage> {
        let coverage = std::mem::take(&mut self.coverage);
        let full = std::mem::take(&mut self.full);
        if full {
            return Some(self.plan.coverage(coverage.unknown));
        }
        (!coverage.covered.is_empty()).then_some(coverage)
    }

    /// Lists on, up to `max` items.
    ///
    /// # Errors
    /// [`FaultKind::Unavailable`] while a root is not there.
    pub(crate) fn step(&mut self, max: usize) -> Result<Vec<SourceItem>, Fault> {
        if let Some(walk) = &mut self.walk {
            let (items, ended) = gather(walk, max);
            if ended && let Some(walk) = self.walk.take() {
                if self.full {
                    self.folders.clear();
                }
                self.folders.extend(walk.folders.into_iter().flatten());
                self.coverage.unknown.extend(walk.unknown);
            }
            return Ok(items);
        }
        match self.todo.pop_first() {
            Some(path) => Ok(self.look(path)?.into_iter().collect()),
            None => Ok(Vec::new()),
        }
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
            self.relist(folder);
            return Ok(None);
        }
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() && self.knows(&path) => self.relist(&path),
            Err(error) if open::is_gone(&error) => {
                if !self.knows(&path) {
                    return Ok(gone(&plan, &path));
                }
                self.forget(&path);
            }
            _ => {
                if self.knows(&path) {
                    self.forget(&path);
                }
                self.start(Walk::below(plan, &path));
            }
        }
        Ok(None)
    }

    fn knows(&self, path: &Path) -> bool {
        self.folders.contains(path)
    }

    /// A folder is gone, and so is everything in it.
    fn forget(&mut self, folder: &Path) {
        let below = self.folders.range::<Path, _>((Bound::Included(folder), Bound::Unbounded));
        let below: Vec<PathBuf> = below.take_while(|known| known.starts_with(folder)).cloned().collect();
        for known in below {
            self.folders.remove(&known);
        }
        self.coverage.covered.push(folder_prefix(folder));
    }

    /// Everything in a folder may have changed.
    fn relist(&mut self, folder: &Path) {
        if self.plan.roots.iter().any(|root| root.path == folder) {
            self.list_all();
            return;
        }
        self.forget(folder);
        self.start(Walk::below(self.plan.clone(), folder));
    }
}

/// The item for a file that is gone, if it would have been listed. Reading it finds nothing, which removes it.
fn gone(plan: &Arc<Plan>, path: &Path) -> Option<SourceItem> {
    Walk::below(plan.clone(), path)
        .would_list_file(path)
        .then(|| SourceItem::new(encode_key(path), Version::default(), 0))
}

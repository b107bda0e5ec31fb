//! Walks folders in a stable order, one step at a time.
//!
//! The refused alternative was the walker of the `ignore` crate: it follows either every link or none, and stops
//! telling which folders it could not read. Memory is one list of names per level of depth.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use tidegate_core::{Fault, FaultKind, SourceItem};

use crate::key::encode_key;
use crate::open::{self, Stamp};
use crate::plan::{Plan, Root, folder_prefix};
use crate::rules::Rules;
use crate::skip;

/// Links that lead to links, at most; the system gives up after as many.
const MOST_HOPS: usize = 40;

/// What one step came upon.
#[expect(clippy::large_enum_variant, reason = "a step is looked at at once and never kept")]
pub(crate) enum Step {
    /// A file, or something that stands where a file should.
    Item(SourceItem),
    /// Nothing to list.
    Passed,
    /// The end.
    End,
}

/// A folder being listed.
struct Folder {
    path: PathBuf,
    /// Names still to visit, in order.
    names: std::vec::IntoIter<OsString>,
    rules: Arc<Rules>,
    /// Device and inode, to recognise a link that leads back up.
    id: (u64, u64),
    /// Whether a link led here or further up.
    linked: bool,
}

/// A walk in progress.
pub(crate) struct Walk {
    plan: Arc<Plan>,
    /// Roots still to walk, by index.
    roots: std::ops::Range<usize>,
    root: usize,
    stack: Vec<Folder>,
    /// Prefixes that could not be listed.
    pub(crate) unknown: Vec<String>,
    /// Folders entered, where somebody wants to know.
    pub(crate) folders: Option<Vec<PathBuf>>,
}

impl Walk {
    /// A walk over every root.
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let roots = 0..plan.roots.len();
        Self { plan, roots, root: 0, stack: Vec::new(), unknown: Vec::new(), folders: None }
    }

    /// A walk over `path` and what lies below it, if a walk over every root would come there.
    pub(crate) fn below(plan: Arc<Plan>, path: &Path) -> Self {
        let root = plan.root_of(path).and_then(|root| plan.roots.iter().position(|r| r.path == root.path));
        let mut walk = Self::new(plan);
        let Some(root) = root else {
            walk.roots = 0..0;
            return walk;
        };
        walk.root = root;
        walk.roots = root..root + 1;
        if walk.plan.roots[root].path != path {
            walk.roots = 0..0;
            if walk.descend(path).is_none() {
                walk.stack.clear();
            }
        }
        walk
    }

    /// Enters every folder from the root to `path` without listing them, and leaves only the last name to visit.
    fn descend(&mut self, path: &Path) -> Option<()> {
        let root = self.plan.roots[self.root].path.clone();
        let names: Vec<OsString> = path.strip_prefix(&root).ok()?.iter().map(OsString::from).collect();
        let (last, parents) = names.split_last()?;
        let mut folder = root;
        self.enter(folder.clone(), &std::fs::metadata(&folder).ok()?, false, Some(Vec::new())).ok()?;
        for name in parents {
            folder.push(name);
            let meta = std::fs::symlink_metadata(&folder).ok()?;
            let rules = self.stack.last()?.rules.clone();
            if !meta.is_dir() || self.plan.passes_over(&self.plan.roots[self.root], &folder, true, &rules) {
                return None;
            }
            if skip::is_cache(&folder, |name| folder.join(name).exists()) {
                return None;
            }
            self.enter(folder.clone(), &meta, false, Some(Vec::new())).ok()?;
        }
        self.stack.last_mut()?.names = vec![last.clone()].into_iter();
        Some(())
    }

    /// Whether a walk made by [`Walk::below`] would list a file at `path`, were there one.
    pub(crate) fn would_list_file(&self, path: &Path) -> bool {
        let root = &self.plan.roots[self.root];
        match self.stack.last() {
            Some(folder) => !self.plan.passes_over(root, path, false, &folder.rules),
            None => !root.folder && root.path == path,
        }
    }

    /// Goes one name further.
    pub(crate) fn step(&mut self) -> Step {
        let Some(folder) = self.stack.last_mut() else { return self.start_root() };
        let Some(name) = folder.names.next() else {
            self.stack.pop();
            return Step::Passed;
        };
        let path = folder.path.join(name);
        self.visit(&path).map_or(Step::Passed, Step::Item)
    }

    fn start_root(&mut self) -> Step {
        let Some(index) = self.roots.next() else { return Step::End };
        self.root = index;
        let Root { path, folder, .. } = self.plan.roots[index].clone();
        let found = std::fs::metadata(&path);
        let item = match found {
            Ok(meta) if meta.is_dir() => self.open_folder(&path, &meta, false),
            Ok(meta) if self.plan.is_own(&path) || self.plan.is_own_link(&meta) => None,
            Ok(meta) => Some(self.file(&path, &meta)),
            // A file named by the user is gone; reading it says so in the way that removes it.
            Err(error) if !folder && open::is_gone(&error) => {
                Some(SourceItem::new(encode_key(&path), tidegate_core::Version::default(), 0))
            }
            Err(error) => Some(self.unreadable_folder(&path, error)),
        };
        item.map_or(Step::Passed, Step::Item)
    }

    fn visit(&mut self, path: &Path) -> Option<SourceItem> {
        let is_other_root = self.plan.roots.iter().enumerate().any(|(i, r)| i != self.root && r.path == path);
        if is_other_root {
            return None; // it is listed as a root of its own
        }
        let meta = match std::fs::symlink_metadata(path) {
            Ok(meta) => meta,
            Err(error) if open::is_gone(&error) => return None,
            Err(error) => {
                self.unknown.push(folder_prefix(path)); // it may be a folder
                return Some(faulty(path, open::read_fault(error)));
            }
        };
        let link = meta.is_symlink();
        let mut leaves = false;
        let found = match link.then(|| resolve(&self.plan, path)) {
            None => Ok(meta),
            Some(Ok(Led::To(target))) => Ok(target),
            Some(Ok(Led::Out)) => {
                leaves = true;
                Ok(meta)
            }
            Some(Err(fault)) => Err(fault),
        };
        let folder = found.as_ref().is_ok_and(Metadata::is_dir);
        let here = self.stack.last()?;
        if self.plan.passes_over(&self.plan.roots[self.root], path, folder, &here.rules) {
            return None;
        }
        let linked = here.linked || link;
        let again = folder && ((here.linked && link) || self.leads_back(found.as_ref().ok()?));
        if again || (link && !self.plan.options.links) {
            self.plan.stats.links.add(1);
            return None;
        }
        if leaves {
            self.plan.stats.leaving.add(1);
            return None;
        }
        if let Ok(meta) = &found
            && (link || meta.nlink() > 1)
            && self.plan.is_own_link(meta)
        {
            return None;
        }
        match found {
            Err(fault) => Some(faulty(path, fault)),
            Ok(meta) if folder => self.open_folder(path, &meta, linked),
            Ok(meta) => Some(self.file(path, &meta)),
        }
    }

    fn leads_back(&self, meta: &Metadata) -> bool {
        self.stack.iter().any(|folder| folder.id == (meta.dev(), meta.ino()))
    }

    fn open_folder(&mut self, path: &Path, meta: &Metadata, linked: bool) -> Option<SourceItem> {
        self.enter(path.to_path_buf(), meta, linked, None)
            .err()
            .map(|error| self.unreadable_folder(path, error))
    }

    /// Puts a folder on the stack; reads its names unless they are given.
    fn enter(
        &mut self,
        path: PathBuf,
        meta: &Metadata,
        linked: bool,
        names: Option<Vec<OsString>>,
    ) -> io::Result<()> {
        let names = match names {
            Some(names) => names,
            None => {
                let mut names = std::fs::read_dir(&path)?
                    .map(|entry| entry.map(|entry| entry.file_name()))
                    .collect::<io::Result<Vec<_>>>()?;
                names.sort_unstable();
                names
            }
        };
        let has = |name: &str| names.binary_search_by(|known| known.as_os_str().cmp(name.as_ref())).is_ok();
        if !self.stack.is_empty() && skip::is_cache(&path, has) {
            self.plan.stats.tool_folders.add(1);
            return Ok(());
        }
        let shared = self.plan.options.gitignore;
        let above = match self.stack.last() {
            Some(parent) => Some(parent.rules.clone()),
            None => Rules::above(&path, shared),
        };
        let rules = Rules::of_folder(&path, shared, above);
        if let Some(folders) = &mut self.folders {
            folders.push(path.clone());
        }
        self.stack.push(Folder {
            path,
            names: names.into_iter(),
            rules,
            id: (meta.dev(), meta.ino()),
            linked,
        });
        Ok(())
    }

    fn unreadable_folder(&mut self, path: &Path, error: io::Error) -> SourceItem {
        self.unknown.push(folder_prefix(path));
        let fault = Fault::new(FaultKind::Unreadable, "the folder cannot be listed")
            .hint("let this user read it, or exclude it; what was indexed from it is kept")
            .cause(error);
        faulty(path, fault)
    }

    fn file(&self, path: &Path, meta: &Metadata) -> SourceItem {
        let stamp = Stamp::of(meta);
        let options = &self.plan.options;
        let mut item =
            SourceItem::new(encode_key(path), stamp.version(SystemTime::now(), options.racy), stamp.size);
        if !meta.is_file() {
            item.fault = Some(open::not_a_file());
            item.size = 0;
        } else if stamp.size > options.max_file_size {
            item.fault = Some(too_large(stamp.size, options.max_file_size));
            item.size = 0;
        }
        item
    }
}

/// Where a path with links in it leads.
pub(crate) enum Led {
    /// To something inside the roots.
    To(Metadata),
    /// Out of the roots, whether or not anything is there: never followed.
    Out,
}

/// Where a link leads.
pub(crate) fn resolve(plan: &Plan, link: &Path) -> Result<Led, Fault> {
    let bad = |message: &str| Fault::new(FaultKind::NotAFile, message).hint("remove or exclude the link");
    let target = match std::fs::canonicalize(link) {
        Err(error) if open::is_gone(&error) && points_out(plan, link) => return Ok(Led::Out),
        found => found,
    };
    let target = target.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => bad("a link that leads nowhere"),
        _ if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::LOOP) => {
            bad("a link that leads to itself")
        }
        _ => open::read_fault(error),
    })?;
    if plan.root_of(&target).is_none() {
        return Ok(Led::Out);
    }
    std::fs::metadata(&target).map(Led::To).map_err(open::read_fault)
}

/// Whether a link that leads nowhere would lead out of the roots if its target were there.
fn points_out(plan: &Plan, link: &Path) -> bool {
    let mut at = link.to_path_buf();
    for _ in 0..MOST_HOPS {
        let Ok(target) = std::fs::read_link(&at) else { return false };
        let Some(Ok(folder)) = at.parent().map(std::fs::canonicalize) else { return false };
        at = folder;
        for part in target.components() {
            match part {
                Component::ParentDir => drop(at.pop()),
                Component::CurDir => {}
                part => at.push(part),
            }
        }
        if plan.root_of(&at).is_none() {
            return true;
        }
    }
    false
}

fn faulty(path: &Path, fault: Fault) -> SourceItem {
    let version = std::fs::symlink_metadata(path)
        .map(|meta| Stamp::of(&meta).version(SystemTime::now(), std::time::Duration::ZERO))
        .unwrap_or_default();
    SourceItem { fault: Some(fault), ..SourceItem::new(encode_key(path), version, 0) }
}

pub(crate) fn too_large(size: u64, limit: u64) -> Fault {
    Fault::new(FaultKind::TooLarge, format!("{size} bytes, more than the limit of {limit}"))
        .hint("raise --max-file-size, or exclude it")
}

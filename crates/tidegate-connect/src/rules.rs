//! Which names are passed over: ignore files as git reads them, and the user's own globs.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use tidegate_core::{Fault, FaultKind};

/// Always honoured, and first; see [`Rules::of_folder`].
const OWN: &str = ".tidegateignore";
/// Honoured unless switched off; later ones yield to earlier ones, as in ripgrep.
const SHARED: [&str; 2] = [".ignore", ".gitignore"];
/// How much of an ignore file is read, in bytes.
const MOST: u64 = 1 << 20;

/// The ignore files of a folder and of the folders above it. Those of the user's own git configuration do not count:
/// what is indexed should depend on the folder, not on who runs the command.
#[derive(Default)]
pub(crate) struct Rules {
    own: Vec<Gitignore>,
    above: Option<Arc<Rules>>,
}

impl Rules {
    /// The rules inside `folder`; `above` are those inside its parent.
    pub(crate) fn of_folder(folder: &Path, shared: bool, above: Option<Arc<Rules>>) -> Arc<Rules> {
        let names = std::iter::once(OWN).chain(SHARED.into_iter().filter(|_| shared));
        let own: Vec<Gitignore> = names.filter_map(|name| read(folder, name)).collect();
        match above {
            Some(above) if own.is_empty() => above,
            above => Arc::new(Rules { own, above }),
        }
    }

    /// The rules of the folders above `root`, as far up as the repository that it belongs to.
    pub(crate) fn above(root: &Path, shared: bool) -> Option<Arc<Rules>> {
        let folders: Vec<&Path> = root.ancestors().collect();
        let repository = folders.iter().position(|folder| folder.join(".git").exists())?;
        let above = folders[1.min(repository)..=repository].iter().rev();
        above
            .filter(|folder| **folder != root)
            .fold(None, |rules, folder| Some(Self::of_folder(folder, shared, rules)))
    }

    /// Whether the nearest rule that speaks of `path` says to ignore it.
    pub(crate) fn ignore(&self, path: &Path, folder: bool) -> bool {
        let mut rules = Some(self);
        while let Some(here) = rules {
            for file in &here.own {
                match file.matched(path, folder) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            rules = here.above.as_deref();
        }
        false
    }

    /// Whether `name` is that of an ignore file.
    pub(crate) fn is_ignore_file(name: &std::ffi::OsStr) -> bool {
        name == OWN || SHARED.iter().any(|shared| name == *shared)
    }
}

/// Lines that are no valid pattern are passed over, as git does.
fn read(folder: &Path, name: &str) -> Option<Gitignore> {
    let path = folder.join(name);
    let mut bytes = Vec::new();
    crate::open::regular(&path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut builder = GitignoreBuilder::new(folder);
    for line in text.trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(Some(path.clone()), line);
    }
    builder.build().ok().filter(|rules| !rules.is_empty())
}

/// Globs given by the user, in the language of ignore files, relative to each root.
pub(crate) struct Globs {
    include: Option<Gitignore>,
    /// The includes whose last part names an extension: they bring back files that hold no text.
    by_extension: Gitignore,
    exclude: Gitignore,
    /// Extensions that bring back files too, in lower case.
    also: Vec<String>,
}

impl Globs {
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, Fault> {
        let named: Vec<String> = include.iter().filter(|glob| names_extension(glob)).cloned().collect();
        Ok(Self {
            include: if include.is_empty() { None } else { Some(compile(include)?) },
            by_extension: compile(&named)?,
            exclude: compile(exclude)?,
            also: Vec::new(),
        })
    }

    /// These, which bring back files with these extensions too.
    pub(crate) fn also(mut self, extensions: &[String]) -> Self {
        self.also = extensions.iter().map(|extension| extension.to_lowercase()).collect();
        self
    }

    pub(crate) fn excludes(&self, relative: &Path, folder: bool) -> bool {
        self.exclude.matched(relative, folder).is_ignore()
    }

    /// The same for a file, or for any folder that it is in.
    pub(crate) fn excludes_below(&self, relative: &Path) -> bool {
        self.exclude.matched_path_or_any_parents(relative, false).is_ignore()
    }

    pub(crate) fn includes_file(&self, relative: &Path) -> bool {
        self.include
            .as_ref()
            .is_none_or(|globs| globs.matched_path_or_any_parents(relative, false).is_ignore())
    }

    pub(crate) fn names_file(&self, relative: &Path) -> bool {
        let extension = relative.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let known = extension.is_some_and(|extension| self.also.contains(&extension));
        known || self.by_extension.matched(relative, false).is_ignore()
    }
}

fn compile(globs: &[String]) -> Result<Gitignore, Fault> {
    let bad = |glob: &str, error: ignore::Error| {
        Fault::new(FaultKind::Config, format!("the glob {glob:?} cannot be read"))
            .hint("globs are written as in .gitignore: *.md, drafts/, docs/**/*.txt")
            .cause(error)
    };
    let mut builder = GitignoreBuilder::new("");
    for glob in globs {
        builder.add_line(None, glob).map_err(|error| bad(glob, error))?;
    }
    builder.build().map_err(|error| bad(&globs.join(" "), error))
}

/// Whether a glob ends in an extension without wildcards: `*.png`, not `docs/**`.
fn names_extension(glob: &str) -> bool {
    let last = glob.rsplit('/').next().unwrap_or(glob);
    last.rsplit_once('.')
        .is_some_and(|(_, extension)| !extension.is_empty() && !extension.contains(['*', '?', '[', ']']))
}

//! Where a setting came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A configuration file; line and column from 1.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// An environment variable.
    Env(&'static str),
    /// A command-line flag.
    Flag(&'static str),
}

impl Origin {
    /// Whether it is in the file at `path`.
    pub(super) fn is_in(&self, path: &Path) -> bool {
        matches!(self, Self::File { path: file, .. } if file.as_path() == path)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// The origin of every key that somebody set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(pub(super) BTreeMap<String, Origin>);

impl Origins {
    /// The files that anything came from, each once.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = self.0.values().filter_map(|origin| match origin {
            Origin::File { path, .. } => Some(&**path),
            _ => None,
        });
        files.collect::<BTreeSet<&PathBuf>>().into_iter()
    }

    /// Where the value of `key` came from; keys are `section.key` and `stage.TYPE.key`.
    #[must_use]
    pub fn of(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }
}

//! What a run writes, told apart from what it reads.
//!
//! By device and number rather than by name: links, `./` and two names of one file would all pass for another.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// An output that is there: a file, or the folder of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    device: u64,
    number: u64,
}

impl Written {
    /// What is at `output`; `None` if nothing is, which then cannot be read either.
    ///
    /// ```
    /// use tidegate_connect::Written;
    /// let folder = tempfile::tempdir().unwrap();
    /// let output = folder.path().join("out.jsonl");
    /// assert!(Written::at(&output).is_none());
    /// std::fs::write(&output, "").unwrap();
    /// assert!(Written::at(&output).unwrap().holds(&folder.path().join("./out.jsonl")));
    /// ```
    #[must_use]
    pub fn at(output: &Path) -> Option<Self> {
        fs::metadata(output).ok().map(|meta| Self::of(&meta))
    }

    fn of(meta: &Metadata) -> Self {
        Self { device: meta.dev(), number: meta.ino() }
    }

    /// Whether something is it.
    pub(crate) fn is(&self, meta: &Metadata) -> bool {
        *self == Self::of(meta)
    }

    /// Whether `path` is it, by whatever name, or lies in it.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        let Ok(real) = fs::canonicalize(path) else { return false };
        real.ancestors().any(|part| fs::metadata(part).is_ok_and(|meta| self.is(&meta)))
    }
}

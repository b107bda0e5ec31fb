//! The folder of a proof: files that are written into it, and what must become of each.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What must become of a file, or of a document in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Stored, and found by a search for this word.
    Found(String),
    /// Put aside for one of these reasons, in words among which are these.
    Aside(&'static [&'static str], &'static str),
    /// Counted among what is left out, and nothing more.
    LeftOut,
    /// Stored; what is in it is known elsewhere.
    Stored,
}

/// A file, or a document in one.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// Where it is, or the file that it is in.
    pub(super) path: PathBuf,
    /// Its key in the store.
    pub(super) key: String,
    /// Whether it is in a file, and so none of its own in the accounts.
    pub(super) within: bool,
    pub(super) fate: Fate,
}

/// A folder that is being filled.
pub(super) struct Folder {
    /// Where it is, without links on the way.
    root: PathBuf,
    pub(super) cases: Vec<Case>,
    /// Whether hostile files are as large as they get; else just larger than what is allowed.
    pub(super) full: bool,
    words: u64,
    error: Option<io::Error>,
}

/// Files stand in so many folders.
const SHELVES: usize = 20;

impl Folder {
    pub(super) fn new(root: &Path, full: bool) -> io::Result<Self> {
        std::fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        for shelf in 0..SHELVES {
            std::fs::create_dir_all(root.join(shelf_name(shelf)))?;
        }
        Ok(Self { root, cases: Vec::new(), full, words: 0, error: None })
    }

    /// `large`, or in a short proof `small`.
    pub(super) fn size(&self, large: u64, small: u64) -> u64 {
        if self.full { large } else { small }
    }

    /// A word that is in no other file.
    pub(super) fn word(&mut self) -> String {
        self.words += 1;
        format!("qz{:06}w", self.words)
    }

    /// Where the next file goes: good and bad ones stand side by side.
    pub(super) fn place(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.root.join(shelf_name(self.cases.len() % SHELVES)).join(name.as_ref())
    }

    /// Notes what must become of what stands at `path`.
    pub(super) fn expect(&mut self, path: &Path, fate: Fate) {
        self.cases.push(Case { path: path.to_owned(), key: key(path), within: false, fate });
    }

    /// Notes what must become of a document in the file at `path`.
    pub(super) fn expect_within(&mut self, path: &Path, inner: &str, fate: Fate) {
        let key = format!("{}!/{inner}", key(path));
        self.cases.push(Case { path: path.to_owned(), key, within: true, fate });
    }

    /// Writes a file; returns where it is.
    pub(super) fn file(&mut self, name: impl AsRef<OsStr>, bytes: &[u8], fate: Fate) -> PathBuf {
        let path = self.place(name);
        let done = std::fs::write(&path, bytes);
        self.note(done);
        self.expect(&path, fate);
        path
    }

    /// Writes a good file with the word that it is found by, which `make` puts into it.
    pub(super) fn good(&mut self, name: impl AsRef<OsStr>, make: impl FnOnce(&str) -> Vec<u8>) -> PathBuf {
        let word = self.word();
        let bytes = make(&word);
        self.file(name, &bytes, Fate::Found(word))
    }

    /// Remembers the first thing that went wrong.
    pub(super) fn note<T>(&mut self, done: io::Result<T>) {
        if let Err(error) = done {
            self.error.get_or_insert(error);
        }
    }

    /// What was written, or why it could not be.
    pub(super) fn finish(self) -> io::Result<Vec<Case>> {
        self.error.map_or(Ok(self.cases), Err)
    }
}

fn shelf_name(shelf: usize) -> String {
    format!("shelf-{shelf:02}")
}

/// A path as the store writes it: what is not UTF-8, control characters, `%` and `#` as hexadecimal digits.
fn key(path: &Path) -> String {
    let mut key = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c == '#' || c.is_control() {
                let mut utf8 = [0; 4];
                c.encode_utf8(&mut utf8).bytes().for_each(|byte| key += &format!("%{byte:02X}"));
            } else {
                key.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| key += &format!("%{byte:02X}"));
    }
    key
}

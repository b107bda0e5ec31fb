//! A folder of generated documents that changes between runs.
//!
//! Every paragraph carries a marker that occurs nowhere else, so that anybody who can read the files can say which
//! paragraphs must be in the store, once each, in which order, and which must not.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::random::Random;

/// Words between the markers; few enough that full-text search has something to rank.
const WORDS: &[&str] = &[
    "harbour", "lantern", "granite", "meadow", "violin", "copper", "glacier", "orchard", "saddle", "thunder",
    "velvet", "walnut", "anchor", "basket", "canyon", "dagger", "ember", "falcon", "garden", "hammer",
    "island", "jasmine", "kettle", "ladder", "marble", "needle", "oyster", "pepper", "quarry", "ribbon",
    "silver", "timber",
];

/// Kinds of documents, the commonest twice.
const KINDS: &[&str] = &["txt", "md", "html", "txt"];

/// How many documents a world begins with.
const DOCUMENTS: u64 = 36;

/// Documents of a plain world that are alike.
const ALIKE: u64 = 12;

/// Paragraphs of a document so large that the store stages it: two parts of 5,000 chunks and a rest, where three
/// paragraphs make about two chunks.
const LARGE: u64 = 18_000;

/// The documents, and where the next change comes from.
pub(crate) struct World {
    /// The folder that holds everything of this world.
    pub(crate) dir: PathBuf,
    random: Random,
    made: u64,
    /// Names of new documents end in one of these.
    kinds: &'static [&'static str],
}

impl World {
    /// A new world in an empty folder.
    pub(crate) fn new(dir: &Path, seed: u64) -> std::io::Result<Self> {
        let mut world = Self::bare(dir, seed)?;
        for _ in 0..DOCUMENTS {
            world.add()?;
        }
        for _ in 0..3 {
            world.add_bad()?;
        }
        Ok(world)
    }

    /// A world without documents.
    pub(crate) fn bare(dir: &Path, seed: u64) -> std::io::Result<Self> {
        let world = Self { dir: dir.to_path_buf(), random: Random::new(seed), made: 0, kinds: KINDS };
        std::fs::create_dir_all(world.docs())?;
        Ok(world)
    }

    /// A world of plain text, whose chunks have no headings before them: `documents` of so many paragraphs each, and
    /// several short ones that are alike but for their ends, so that equal texts are asked for at the same time.
    pub(crate) fn plain(dir: &Path, seed: u64, (documents, paragraphs): (u64, u64)) -> std::io::Result<Self> {
        let mut world = Self { kinds: &["txt"], ..Self::bare(dir, seed)? };
        for _ in 0..documents {
            world.add_long(paragraphs)?;
        }
        let same = world.paragraphs(6);
        for copy in 0..ALIKE {
            let text = format!("{same}{}", world.paragraphs(1));
            std::fs::write(world.docs().join(format!("like-{copy}.txt")), text)?;
        }
        Ok(world)
    }

    /// Adds a plain document.
    pub(crate) fn add_long(&mut self, paragraphs: u64) -> std::io::Result<()> {
        self.made += 1;
        let text = self.paragraphs(paragraphs);
        std::fs::write(self.docs().join(format!("long-{}.txt", self.made)), text)
    }

    /// Where the documents are.
    pub(crate) fn docs(&self) -> PathBuf {
        self.dir.join("docs")
    }

    /// Where the documents as they were before the latest change are.
    pub(crate) fn old(&self) -> PathBuf {
        self.dir.join("docs.old")
    }

    /// A number for decisions of whoever drives this world.
    pub(crate) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Keeps a copy of all documents, then edits, removes, renames, copies and adds some.
    pub(crate) fn change(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        for _ in 0..=self.random.below(4) {
            self.edit()?;
        }
        for _ in 0..self.random.below(3) {
            self.add()?;
        }
        if self.random.one_in(2) {
            self.remove()?;
        }
        if self.random.one_in(2) {
            self.rename()?;
        }
        if self.random.one_in(3) {
            self.copy()?;
        }
        match self.random.below(6) {
            0 => self.add_bad()?,
            1 => self.mend()?,
            _ => {}
        }
        Ok(())
    }

    /// Keeps a copy of all documents, then gives some of them a new paragraph and changes nothing else.
    pub(crate) fn edit_some(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        (0..3).try_for_each(|_| self.edit())
    }

    /// Keeps a copy of all documents, then renames some of them and changes nothing else.
    pub(crate) fn rename_some(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        (0..3).try_for_each(|_| self.rename())
    }

    /// Keeps a copy of all documents, then adds some and changes nothing else.
    pub(crate) fn add_some(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        (0..5).try_for_each(|_| self.add())
    }

    /// As if there had been no documents before.
    pub(crate) fn forget(&mut self) -> std::io::Result<()> {
        let _ = std::fs::remove_dir_all(self.old());
        std::fs::create_dir_all(self.old())
    }

    /// Adds a document so large that it passes through the store's staging.
    pub(crate) fn add_large(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        let text = self.paragraphs(LARGE);
        std::fs::write(self.docs().join("large.txt"), text)
    }

    /// Keeps a copy of all documents, then gives the large one a new paragraph.
    pub(crate) fn edit_large(&mut self) -> std::io::Result<()> {
        self.snapshot()?;
        self.edit_one(&self.docs().join("large.txt"))
    }

    /// Makes every bad document a good one under the same name.
    pub(crate) fn mend_all(&mut self) -> std::io::Result<()> {
        for path in self.list(true)? {
            let text = self.paragraphs(3);
            std::fs::write(path, text)?;
        }
        Ok(())
    }

    /// Some markers that the documents hold now.
    pub(crate) fn some_markers(&mut self, n: usize) -> std::io::Result<Vec<String>> {
        let files = self.list(false)?;
        let mut out = Vec::new();
        for _ in 0..n {
            let text = std::fs::read_to_string(&files[self.random.index(files.len())])?;
            out.extend(text.split_whitespace().find(|word| is_marker(word)).map(str::to_owned));
        }
        Ok(out)
    }

    /// Keeps a copy of all documents.
    pub(crate) fn snapshot(&self) -> std::io::Result<()> {
        let _ = std::fs::remove_dir_all(self.old());
        copy_tree(&self.docs(), &self.old())
    }

    fn add(&mut self) -> std::io::Result<()> {
        let kind = self.kinds[self.random.index(self.kinds.len())];
        let paragraphs = 1 + self.random.below(12);
        let body = self.paragraphs(paragraphs);
        let text = match kind {
            "md" => format!("# Of {}\n\n{body}", self.word()),
            "html" => page(&body),
            _ => body,
        };
        self.made += 1;
        let folder = self.docs().join(format!("part{}", self.random.below(4)));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("document-{}.{kind}", self.made)), text)
    }

    /// A document that must end in quarantine: empty, no text at all, or nested without end.
    fn add_bad(&mut self) -> std::io::Result<()> {
        self.made += 1;
        let (name, bytes) = match self.random.below(3) {
            0 => ("empty.txt", Vec::new()),
            1 => {
                ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06\0\0\0".repeat(9))
            }
            _ => ("deep.html", "<div>".repeat(10_000).into_bytes()),
        };
        std::fs::write(self.docs().join(format!("bad-{}-{name}", self.made)), bytes)
    }

    fn edit(&mut self) -> std::io::Result<()> {
        let Some(path) = self.pick(false)? else { return Ok(()) };
        self.edit_one(&path)
    }

    fn edit_one(&mut self, path: &Path) -> std::io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let fresh = self.paragraph();
        // One paragraph is replaced; the others keep their text, and so their vectors.
        let markers: Vec<&str> = text.lines().filter(|line| line.split(' ').any(is_marker)).collect();
        let Some(line) = markers.get(self.random.index(markers.len().max(1))) else { return Ok(()) };
        let fresh = if line.starts_with("<p>") { format!("<p>{fresh} </p>") } else { fresh };
        std::fs::write(path, text.replace(line, &fresh))
    }

    fn remove(&mut self) -> std::io::Result<()> {
        let bad = self.random.one_in(4);
        self.pick(bad)?.map_or(Ok(()), std::fs::remove_file)
    }

    fn rename(&mut self) -> std::io::Result<()> {
        let Some(path) = self.pick(false)? else { return Ok(()) };
        self.made += 1;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("txt");
        std::fs::rename(&path, path.with_file_name(format!("renamed-{}.{extension}", self.made)))
    }

    fn copy(&mut self) -> std::io::Result<()> {
        let Some(path) = self.pick(false)? else { return Ok(()) };
        self.made += 1;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("txt");
        std::fs::copy(&path, path.with_file_name(format!("copy-{}.{extension}", self.made))).map(drop)
    }

    fn mend(&mut self) -> std::io::Result<()> {
        let Some(path) = self.pick(true)? else { return Ok(()) };
        // A mended document takes a new name: names that begin with "bad-" are what the checker knows bad ones by.
        std::fs::remove_file(path)?;
        self.add()
    }

    fn pick(&mut self, bad: bool) -> std::io::Result<Option<PathBuf>> {
        let mut files = self.list(bad)?;
        if files.is_empty() {
            return Ok(None);
        }
        Ok(Some(files.swap_remove(self.random.index(files.len()))))
    }

    /// Documents in a stable order: bad ones, or good ones.
    fn list(&self, bad: bool) -> std::io::Result<Vec<PathBuf>> {
        let mut out = Vec::new();
        let mut folders = vec![self.docs()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if entry.file_name().to_string_lossy().starts_with("bad-") == bad {
                    out.push(entry.path());
                }
            }
        }
        out.sort();
        Ok(out)
    }

    /// So many paragraphs, each with its marker.
    pub(crate) fn paragraphs(&mut self, n: u64) -> String {
        let mut text = String::new();
        for _ in 0..n {
            let _ = write!(text, "{}\n\n", self.paragraph());
        }
        text
    }

    fn paragraph(&mut self) -> String {
        let mut text = format!("{} ", self.word());
        let _ = write!(text, "zq{:010x}v", self.random.next() & 0xff_ffff_ffff);
        for _ in 0..8 + self.random.below(24) {
            let _ = write!(text, " {}", self.word());
        }
        text.push('.');
        text
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.random.index(WORDS.len())]
    }
}

fn page(body: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html><head><title>A page</title></head>\n<body><main>\n");
    for paragraph in body.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let _ = writeln!(page, "<p>{paragraph} </p>");
    }
    page.push_str("</main></body></html>\n");
    page
}

fn is_marker(word: &str) -> bool {
    word.len() == 13 && word.starts_with("zq") && word.ends_with('v')
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_world() {
        let content = |seed| {
            let dir = tempfile::tempdir().expect("dir");
            let mut world = World::new(dir.path(), seed).expect("made");
            for _ in 0..10 {
                world.change().expect("changed");
            }
            let mut all = String::new();
            for path in world.list(false).expect("listed") {
                let _ = writeln!(all, "{:?}", path.strip_prefix(dir.path()).expect("below"));
                all.push_str(&std::fs::read_to_string(path).expect("read"));
            }
            all
        };
        assert_eq!(content(3), content(3));
        assert_ne!(content(3), content(4));
    }

    #[test]
    fn a_change_leaves_the_old_documents_to_compare_with() {
        let dir = tempfile::tempdir().expect("dir");
        let mut world = World::new(dir.path(), 1).expect("made");
        let before = world.list(false).expect("listed").len();
        world.change().expect("changed");
        assert!(world.old().is_dir() && before > 0);
        assert_eq!(world.some_markers(3).expect("read").len(), 3);
    }
}

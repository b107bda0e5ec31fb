use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tidegate_core::{Coverage, FaultKind, Fetched, Listing, Source as _};

use super::doubles::{cx, stoppable};
use super::files::{folder, options};
use crate::{Watch, WatchOptions, WatchSource, decode_key};

/// No test waits longer than this for an event that should come.
const DEADLINE: Duration = Duration::from_secs(20);

struct Followed {
    dir: TempDir,
    watch: Watch,
    source: Option<WatchSource>,
    /// What the run before the last one listed, before it ended to make place for a comparison.
    before: Vec<String>,
}

impl Followed {
    fn new(names: &[&str]) -> Self {
        let dir = folder(names);
        let options = WatchOptions {
            files: options(),
            settle: Duration::from_millis(20),
            idle: Duration::from_millis(50),
        };
        let watch = Watch::open(&[dir.path().to_path_buf()], options).unwrap();
        let source = watch.source().ok();
        Self { dir, watch, source, before: Vec::new() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn name(&self, key: &str) -> String {
        let path = decode_key(key);
        let root = self.dir.path().canonicalize().unwrap();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if key.ends_with('/') { format!("{name}/") } else { name }
    }

    /// Lists until the names were seen, with a `-` before those that are gone, or until the end of a run; the next
    /// run is started at once.
    async fn until(
        &mut self,
        done: impl Fn(&BTreeSet<String>) -> bool,
    ) -> (BTreeSet<String>, Option<Coverage>) {
        let (mut seen, mut before) = (BTreeSet::<String>::new(), BTreeSet::new());
        let listing = async {
            loop {
                let source = self.source.as_mut().unwrap();
                match source.list(&cx(), 100).await.unwrap() {
                    Listing::Items(items) => {
                        let fetcher = self.source.as_ref().unwrap().fetcher();
                        for item in items {
                            let gone = matches!(fetcher.fetch(&cx(), &item).await, Ok(Fetched::Gone));
                            seen.insert(format!("{}{}", if gone { "-" } else { "" }, self.name(&item.key)));
                        }
                        if done(&seen) {
                            return None;
                        }
                    }
                    Listing::Quiet => {}
                    Listing::End(coverage) => {
                        self.source = None;
                        self.source = self.watch.source().ok();
                        if coverage.is_some() {
                            return coverage;
                        }
                        // The comparison has a run of its own.
                        before = std::mem::take(&mut seen);
                    }
                    Listing::Covered(_) => panic!("a comparison ends the run"),
                }
            }
        };
        let coverage = tokio::time::timeout(DEADLINE, listing).await.expect("the change is noticed");
        self.before = before.into_iter().collect();
        (seen, coverage)
    }

    async fn until_seen(&mut self, name: &str) {
        let (seen, coverage) = self.until(|seen| seen.contains(name)).await;
        assert!(coverage.is_none(), "{seen:?} and then the end {coverage:?} instead of {name}");
    }

    async fn until_end(&mut self) -> (Vec<String>, Vec<String>) {
        let (seen, coverage) = self.until(|_| false).await;
        let covered = coverage.unwrap().covered.iter().map(|prefix| self.name(prefix)).collect();
        (seen.into_iter().collect(), covered)
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn everything_is_listed_once_and_then_what_changes() {
    let mut followed = Followed::new(&["a.md", "sub/b.md"]);
    // What changes before the first listing is over is not missed.
    fs::write(followed.path("early.md"), "x").unwrap();
    let (seen, covered) = followed.until_end().await;
    assert_eq!((seen, covered), (names(&["a.md", "early.md", "sub/b.md"]), names(&["/"])));
    fs::write(followed.path("a.md"), "changed").unwrap();
    followed.until_seen("a.md").await;
    fs::write(followed.path("sub/new.md"), "x").unwrap();
    followed.until_seen("sub/new.md").await;
    fs::remove_file(followed.path("sub/new.md")).unwrap();
    followed.until_seen("-sub/new.md").await;
    // As editors save: a new file renamed over the old one.
    fs::write(followed.path("a.md~"), "saved").unwrap();
    fs::rename(followed.path("a.md~"), followed.path("a.md")).unwrap();
    followed.until_seen("a.md").await;
}

#[tokio::test]
async fn a_new_folder_is_listed_and_followed() {
    let mut followed = Followed::new(&["a.md"]);
    followed.until_end().await;
    fs::create_dir_all(followed.path("x/y")).unwrap();
    fs::write(followed.path("x/y/deep.md"), "x").unwrap();
    followed.until_seen("x/y/deep.md").await;
    fs::write(followed.path("x/y/more.md"), "x").unwrap();
    followed.until_seen("x/y/more.md").await;
}

#[tokio::test]
async fn a_moved_folder_is_gone_there_and_here_again() {
    let mut followed = Followed::new(&["old/a.md", "old/deep/b.md", "old.md", "c.md"]);
    followed.until_end().await;
    fs::rename(followed.path("old"), followed.path("new")).unwrap();
    let (seen, covered) = followed.until_end().await;
    assert_eq!(followed.before, ["new/a.md", "new/deep/b.md"]);
    assert_eq!((seen, covered), (names(&[]), names(&["old/"])));
    // A file that was listed and went afterwards must not pass for one that is there.
    fs::write(followed.path("new/a.md"), "changed").unwrap();
    followed.until_seen("new/a.md").await;
    fs::rename(followed.path("new"), followed.path("old")).unwrap();
    let (seen, covered) = followed.until_end().await;
    assert_eq!(followed.before, ["old/a.md", "old/deep/b.md"]);
    assert_eq!((seen, covered), (names(&[]), names(&["new/"])));
    fs::rename(followed.path("old"), followed.path("new")).unwrap();
    followed.until_end().await;
    // Moved out of sight, a single file and a folder.
    let outside = tempfile::tempdir().unwrap();
    fs::rename(followed.path("c.md"), outside.path().join("c.md")).unwrap();
    followed.until_seen("-c.md").await;
    fs::rename(followed.path("new/deep"), outside.path().join("deep")).unwrap();
    let (seen, covered) = followed.until_end().await;
    assert_eq!((seen, covered), (names(&[]), names(&["new/deep/"])));
    // And another folder in its place.
    fs::rename(outside.path().join("deep"), followed.path("new/deep")).unwrap();
    followed.until_seen("new/deep/b.md").await;
}

#[tokio::test]
async fn a_changed_ignore_file_changes_the_listing() {
    let mut followed = Followed::new(&["sub/a.md", "sub/b.md", "c.md"]);
    followed.until_end().await;
    fs::write(followed.path("sub/.gitignore"), "b.md\n").unwrap();
    let (seen, covered) = followed.until_end().await;
    assert_eq!((seen, covered), (names(&["sub/a.md"]), names(&["sub/"])));
    // What is ignored is not told, neither when it changes nor when it goes.
    fs::write(followed.path("sub/b.md"), "changed").unwrap();
    fs::write(followed.path("sub/.hidden"), "x").unwrap();
    fs::remove_file(followed.path("sub/b.md")).unwrap();
    fs::write(followed.path("c.md"), "changed").unwrap();
    let (seen, _) = followed.until(|seen| seen.contains("c.md")).await;
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["c.md"]);
}

#[tokio::test]
async fn a_root_that_is_away_is_an_outage_until_it_is_back() {
    let dir = folder(&["in/a.md"]);
    let root = dir.path().join("in");
    let options =
        WatchOptions { files: options(), settle: Duration::from_millis(20), idle: Duration::from_millis(50) };
    let watch = Watch::open(std::slice::from_ref(&root), options).unwrap();
    let mut source = watch.source().unwrap();
    assert_eq!(watch.source().err().unwrap().kind(), FaultKind::Internal, "one at a time");
    let away = async |source: &mut WatchSource, root: &Path| loop {
        match source.list(&cx(), 10).await {
            Ok(Listing::End(_)) => fs::rename(root, root.with_extension("away")).unwrap(),
            Ok(_) => {}
            Err(fault) => return fault.kind(),
        }
    };
    let kind = tokio::time::timeout(DEADLINE, away(&mut source, &root)).await.unwrap();
    assert_eq!(kind, FaultKind::Unavailable);
    fs::rename(root.with_extension("away"), &root).unwrap();
    let back = async {
        loop {
            match source.list(&cx(), 10).await.unwrap() {
                Listing::End(Some(coverage)) => return coverage,
                Listing::End(None) => {
                    drop(source);
                    source = watch.source().unwrap();
                }
                _ => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(DEADLINE, back).await.unwrap().covered.len(), 1);
}

#[tokio::test]
async fn a_link_that_leaves_is_as_good_as_gone() {
    let mut followed = Followed::new(&["a.md"]);
    followed.until_end().await;
    let outside = folder(&["secret.md"]);
    std::os::unix::fs::symlink(outside.path().join("secret.md"), followed.path("a.md~")).unwrap();
    fs::rename(followed.path("a.md~"), followed.path("a.md")).unwrap();
    followed.until_seen("-a.md").await;
}

#[tokio::test]
async fn a_stop_ends_the_wait() {
    let mut followed = Followed::new(&["a.md"]);
    followed.until_end().await;
    let (cx, stop) = stoppable();
    stop.drain();
    assert!(matches!(followed.source.as_mut().unwrap().list(&cx, 1).await.unwrap(), Listing::Quiet));
}

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FileType, Mode};
use tempfile::TempDir;
use tidegate_core::{Body, Fault, FaultKind, Fetch as _, Fetched, Listing, Source as _, SourceItem, Version};

use super::doubles::{cx, list_all, stoppable};
use crate::fetch::{FileFetch, Meanwhile};
use crate::plan::Plan;
use crate::{Files, FilesOptions, decode_key};

/// A folder with these files; a name that ends in `/` is a folder.
pub(super) fn folder(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("content of {name}")).unwrap();
        }
    }
    dir
}

/// Changes that tests make must be seen although the clock has hardly moved.
pub(super) fn options() -> FilesOptions {
    FilesOptions { racy: Duration::ZERO, ..FilesOptions::default() }
}

async fn items(dir: &Path, options: FilesOptions) -> Vec<SourceItem> {
    let mut files = Files::open(&[dir.to_path_buf()], options).unwrap();
    list_all(&mut files, 3).await.0
}

/// Keys relative to the folder; a fault is shown by its kind.
async fn listed(dir: &Path, options: FilesOptions) -> Vec<String> {
    let root = dir.canonicalize().unwrap();
    let show = |item: &SourceItem| {
        let key = item.key.strip_prefix(root.to_str().unwrap()).unwrap().trim_start_matches('/').to_owned();
        item.fault.as_ref().map_or(key.clone(), |fault| format!("{key} {}", fault.kind().name()))
    };
    items(dir, options).await.iter().map(show).collect()
}

async fn fetch(dir: &Path, item: &SourceItem, meanwhile: Option<Meanwhile>) -> Result<Fetched, Fault> {
    let plan = Plan::new(&[dir.to_path_buf()], options()).unwrap();
    let mut fetch = FileFetch::new(Arc::new(plan));
    fetch.meanwhile = meanwhile;
    fetch.fetch(&cx(), item).await
}

fn text(fetched: Fetched) -> (String, Option<Version>) {
    match fetched {
        Fetched::Content { body: Body::Bytes(bytes), version, .. } => {
            (String::from_utf8(bytes.to_vec()).unwrap(), version)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn files_are_listed_in_order_whatever_the_step() {
    let dir = folder(&["b.md", "a/z.md", "a/b/c.txt", "c", "empty/"]);
    assert_eq!(listed(dir.path(), options()).await, ["a/b/c.txt", "a/z.md", "b.md", "c"]);
    let mut files = Files::open(&[dir.path().to_path_buf()], options()).unwrap();
    let (one_by_one, coverage) = list_all(&mut files, 1).await;
    assert_eq!(one_by_one.len(), 4);
    let coverage = coverage.unwrap();
    assert_eq!(coverage.covered, [format!("{}/", dir.path().canonicalize().unwrap().display())]);
    assert!(coverage.unknown.is_empty());
}

#[tokio::test]
async fn what_holds_no_text_is_passed_over_and_counted() {
    let dir =
        folder(&["a.md", "a.PNG", "t.db", "t.db-wal", ".env", "node_modules/x.md", "paper.pdf", "l.svg"]);
    let mut files = Files::open(&[dir.path().to_path_buf()], options()).unwrap();
    let (items, _) = list_all(&mut files, 100).await;
    assert_eq!(items.len(), 2, "{items:?}");
    let stats = files.stats();
    assert_eq!((stats.no_text.get(), stats.hidden.get(), stats.tool_folders.get()), (4, 1, 1));
    assert_eq!(stats.skipped(), 6);
}

#[tokio::test]
async fn naming_a_file_or_its_extension_brings_it_back() {
    let dir = folder(&["a.md", "l.svg", "d/m.svg", "p.png"]);
    let include = |globs: &[&str]| FilesOptions {
        include: globs.iter().map(|glob| (*glob).to_owned()).collect(),
        ..options()
    };
    assert_eq!(listed(dir.path(), include(&["*.svg"])).await, ["d/m.svg", "l.svg"]);
    assert_eq!(listed(dir.path(), include(&["d/**"])).await, [""; 0]);
    assert_eq!(items(&dir.path().join("p.png"), options()).await.len(), 1);
}

#[tokio::test]
async fn globs_choose() {
    let dir = folder(&["a.md", "b.txt", "docs/c.md", "docs/old/d.md"]);
    let with = |include: &[&str], exclude: &[&str]| FilesOptions {
        include: include.iter().map(|glob| (*glob).to_owned()).collect(),
        exclude: exclude.iter().map(|glob| (*glob).to_owned()).collect(),
        ..options()
    };
    assert_eq!(listed(dir.path(), with(&["*.md"], &["old/"])).await, ["a.md", "docs/c.md"]);
    assert_eq!(listed(dir.path(), with(&["docs/"], &[])).await, ["docs/c.md", "docs/old/d.md"]);
    assert_eq!(listed(dir.path(), with(&[], &["docs/*.md", "/b.txt"])).await, ["a.md", "docs/old/d.md"]);
    let fault = Files::open(&[dir.path().to_path_buf()], with(&["a{b"], &[])).err().unwrap();
    assert_eq!(fault.kind(), FaultKind::Config);
}

#[tokio::test]
async fn ignore_files_are_honoured() {
    let dir =
        folder(&["a.log", "keep.log", "sub/b.log", "sub/secret.md", "sub/c.md", "private/x.md", ".git/HEAD"]);
    fs::write(dir.path().join(".gitignore"), "\u{feff}*.log\n!keep.log\nprivate/\n").unwrap();
    fs::write(dir.path().join("sub/.gitignore"), "!b.log\n").unwrap();
    fs::write(dir.path().join("sub/.tidegateignore"), "secret*\n").unwrap();
    assert_eq!(listed(dir.path(), options()).await, ["keep.log", "sub/b.log", "sub/c.md"]);
    // The rules of the repository hold in a folder below its top as well.
    fs::remove_file(dir.path().join("sub/.gitignore")).unwrap();
    assert_eq!(listed(&dir.path().join("sub"), options()).await, ["c.md"]);
    let all = FilesOptions { gitignore: false, ..options() };
    assert_eq!(listed(dir.path(), all).await, ["a.log", "keep.log", "private/x.md", "sub/b.log", "sub/c.md"]);
}

#[tokio::test]
async fn caches_and_hidden_folders_are_passed_over() {
    let dir = folder(&["target/doc.md", "venv/pyvenv.cfg", "venv/lib.md", ".h/x.md", ".git/y.md", "a.md"]);
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a tool";
    fs::write(dir.path().join("target/CACHEDIR.TAG"), tag).unwrap();
    assert_eq!(listed(dir.path(), options()).await, ["a.md"]);
    let hidden = FilesOptions { hidden: true, ..options() };
    assert_eq!(listed(dir.path(), hidden).await, [".h/x.md", "a.md"]);
    assert_eq!(listed(&dir.path().join("target"), options()).await, ["CACHEDIR.TAG", "doc.md"]);
    fs::write(dir.path().join("target/CACHEDIR.TAG"), "not a signature").unwrap();
    assert_eq!(listed(dir.path(), options()).await, ["a.md", "target/CACHEDIR.TAG", "target/doc.md"]);
}

#[tokio::test]
async fn pipes_and_sockets_are_refused_and_never_block() {
    let dir = folder(&["a.md"]);
    let handle = File::open(dir.path()).unwrap();
    rustix::fs::mknodat(&handle, "fifo", FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("sock")).unwrap();
    let kinds = ["a.md", "fifo not_a_file", "sock not_a_file"];
    assert_eq!(listed(dir.path(), options()).await, kinds);
    for name in ["fifo", "sock"] {
        let key = crate::encode_key(&dir.path().canonicalize().unwrap().join(name));
        let fault = fetch(dir.path(), &SourceItem::new(key, Version::default(), 0), None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::NotAFile);
    }
    // An ignore file that is a pipe must not stop the listing either.
    rustix::fs::mknodat(&handle, ".gitignore", FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(listed(dir.path(), options()).await, kinds);
}

#[tokio::test]
async fn links_stay_inside_and_end() {
    let outside = folder(&["secret.md"]);
    let dir = folder(&["real/a.md", ".store/v2/b.md", "sub/"]);
    let link = |target: &Path, name: &str| symlink(target, dir.path().join(name)).unwrap();
    link(Path::new("real/a.md"), "file-link.md");
    link(Path::new(".store/v2"), "current");
    link(Path::new("."), "real/self");
    link(Path::new(".."), "real/up");
    link(Path::new("nowhere"), "broken");
    link(Path::new("loop2"), "loop1");
    link(Path::new("loop1"), "loop2");
    link(outside.path(), "outside");
    link(&outside.path().join("secret.md"), "leak.md");
    link(Path::new("/dev/zero"), "zero");
    link(Path::new("gone"), "picture.png");
    assert_eq!(
        listed(dir.path(), options()).await,
        [
            "broken not_a_file",
            "current/b.md",
            "file-link.md",
            "loop1 not_a_file",
            "loop2 not_a_file",
            "real/a.md",
        ]
    );
    for item in items(dir.path(), options()).await.iter().filter(|item| item.fault.is_none()) {
        let (text, _) = text(fetch(dir.path(), item, None).await.unwrap());
        assert!(text.starts_with("content of"), "{text}");
    }
    let none = FilesOptions { links: false, ..options() };
    assert_eq!(listed(dir.path(), none).await, ["real/a.md"]);
}

#[tokio::test]
async fn links_that_leave_are_left_out_and_counted() {
    let outside = folder(&["secret.md"]);
    let dir = folder(&["a.md", "sub/"]);
    let link = |target: &Path, name: &str| symlink(target, dir.path().join(name)).unwrap();
    link(outside.path(), "folder");
    link(&outside.path().join("secret.md"), "file.md");
    link(Path::new("/dev/zero"), "device");
    link(Path::new("../../nothing/here.md"), "sub/nowhere.md");
    link(Path::new("sub/nowhere.md"), "by-another.md");
    link(&outside.path().join("secret.md"), "picture.png"); // left out for its name, as ever
    let mut files = Files::open(&[dir.path().to_path_buf()], options()).unwrap();
    let (items, coverage) = list_all(&mut files, 100).await;
    assert_eq!(items.len(), 1, "{items:?}");
    assert!(coverage.unwrap().unknown.is_empty());
    assert_eq!((files.stats().leaving.get(), files.stats().skipped()), (5, 6));
    // A path that was named is followed, whatever it is; so is a link into another named one.
    let named = Files::open(&[dir.path().join("folder")], options());
    assert_eq!(list_all(&mut named.unwrap(), 100).await.0.len(), 1);
    let both = Files::open(&[dir.path().to_path_buf(), outside.path().to_path_buf()], options());
    assert_eq!(list_all(&mut both.unwrap(), 100).await.0.len(), 4);
}

#[tokio::test]
async fn a_web_of_links_stays_small() {
    let dir = folder(&[]);
    for a in 0..8 {
        fs::create_dir(dir.path().join(format!("{a}"))).unwrap();
        fs::write(dir.path().join(format!("{a}/f.md")), "x").unwrap();
        for b in 0..8 {
            symlink(format!("../{b}"), dir.path().join(format!("{a}/to{b}"))).unwrap();
        }
    }
    // Each folder, and each folder through each link but the one to itself.
    assert_eq!(items(dir.path(), options()).await.len(), 8 + 8 * 7);
}

#[tokio::test]
async fn a_link_planted_after_listing_is_not_followed_out() {
    let outside = folder(&["secret.md"]);
    let dir = folder(&["a.md", "d/b.md"]);
    let listed = items(dir.path(), options()).await;
    fs::remove_file(dir.path().join("a.md")).unwrap();
    symlink(outside.path().join("secret.md"), dir.path().join("a.md")).unwrap();
    fs::remove_dir_all(dir.path().join("d")).unwrap();
    fs::rename(outside.path().join("secret.md"), outside.path().join("b.md")).unwrap();
    symlink(outside.path(), dir.path().join("d")).unwrap();
    for item in &listed {
        let fetched = fetch(dir.path(), item, None).await.unwrap();
        assert!(matches!(fetched, Fetched::Gone), "{}: {fetched:?}", item.key);
    }
}

#[tokio::test]
async fn names_that_are_not_text_are_listed_and_read() {
    let dir = folder(&[]);
    let names: [&[u8]; 4] = [b"caf\xe9.md", b"new\nline.md", b"100%41.md", b"\x1b[31mred.md"];
    for name in names {
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let items = items(dir.path(), options()).await;
    assert_eq!(items.len(), 4);
    for item in &items {
        assert!(decode_key(&item.key).exists(), "{}", item.key);
        assert_eq!(text(fetch(dir.path(), item, None).await.unwrap()).0, "x");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_read() {
    let dir = folder(&["small"]);
    File::create(dir.path().join("sparse")).unwrap().set_len(5 << 30).unwrap();
    assert_eq!(listed(dir.path(), options()).await, ["small", "sparse too_large"]);
    let grown = SourceItem::new(
        crate::encode_key(&dir.path().canonicalize().unwrap().join("sparse")),
        Version::default(),
        1,
    );
    assert_eq!(fetch(dir.path(), &grown, None).await.unwrap_err().kind(), FaultKind::TooLarge);
}

#[tokio::test]
async fn a_folder_out_of_reach_is_reported_and_left_unknown() {
    let dir = folder(&["a.md"]);
    // A path longer than the system takes cannot be looked at, not even by root.
    let name = "d".repeat(250);
    let mut at =
        rustix::fs::openat(rustix::fs::CWD, dir.path(), rustix::fs::OFlags::DIRECTORY, Mode::empty())
            .unwrap();
    for _ in 0..17 {
        rustix::fs::mkdirat(&at, &*name, Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, &*name, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let mut files = Files::open(&[dir.path().to_path_buf()], options()).unwrap();
    let (items, coverage) = list_all(&mut files, 10).await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].fault.as_ref().unwrap().kind(), FaultKind::Unreadable);
    assert_eq!(coverage.unwrap().unknown, [format!("{}/", items[1].key)]);
}

#[tokio::test]
async fn a_file_that_keeps_changing_is_left_for_later() {
    let dir = folder(&["a.md"]);
    let item = &items(dir.path(), options()).await[0];
    let always: Meanwhile = Arc::new(|path, attempt| fs::write(path, "x".repeat(attempt as usize)).unwrap());
    let fault = fetch(dir.path(), item, Some(always)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Changing);
    let once: Meanwhile = Arc::new(|path, attempt| {
        if attempt == 1 {
            fs::write(path, "second").unwrap();
        }
    });
    let (text, version) = text(fetch(dir.path(), item, Some(once)).await.unwrap());
    assert_eq!(text, "second");
    assert_ne!(version.unwrap(), item.version);
}

#[tokio::test]
async fn a_file_replaced_under_the_reader_is_read_again() {
    let dir = folder(&["a.md"]);
    let item = &items(dir.path(), options()).await[0];
    let replace: Meanwhile = Arc::new(|path, attempt| {
        if attempt == 1 {
            fs::write(path.with_extension("new"), "replaced").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        }
    });
    assert_eq!(text(fetch(dir.path(), item, Some(replace)).await.unwrap()).0, "replaced");
}

#[tokio::test]
async fn a_vanished_file_is_gone_but_a_vanished_root_is_an_outage() {
    let dir = folder(&["in/a.md", "in/b.md"]);
    let root = dir.path().join("in");
    let mut files = Files::open(std::slice::from_ref(&root), options()).unwrap();
    let (items, _) = list_all(&mut files, 10).await;
    let fetcher = files.fetcher();
    fs::remove_file(root.join("a.md")).unwrap();
    assert!(matches!(fetcher.fetch(&cx(), &items[0]).await.unwrap(), Fetched::Gone));
    fs::rename(&root, dir.path().join("elsewhere")).unwrap();
    assert_eq!(fetcher.fetch(&cx(), &items[1]).await.unwrap_err().kind(), FaultKind::Unavailable);
    let removing: Meanwhile = Arc::new(|path, _| fs::remove_file(path).unwrap());
    fs::rename(dir.path().join("elsewhere"), &root).unwrap();
    assert!(matches!(fetch(&root, &items[1], Some(removing)).await.unwrap(), Fetched::Gone));
}

#[tokio::test]
async fn versions_tell_states_apart_and_fresh_ones_prove_nothing() {
    let dir = folder(&["a.md"]);
    let first = items(dir.path(), options()).await;
    assert_eq!(first[0].version, items(dir.path(), options()).await[0].version);
    let (_, version) = text(fetch(dir.path(), &first[0], None).await.unwrap());
    assert_eq!(version, None, "the version read is the version listed");
    fs::write(dir.path().join("a.md"), "longer content of a.md").unwrap();
    assert!(!items(dir.path(), options()).await[0].version.proves_unchanged(&first[0].version));
    let fresh = items(dir.path(), FilesOptions::default()).await;
    assert_eq!(fresh[0].version, Version::default());
}

#[tokio::test]
async fn roots_inside_roots_are_listed_once() {
    let dir = folder(&["a.md", ".hidden/b.md", "sub/c.md"]);
    let roots: Vec<PathBuf> =
        ["", "sub", ".hidden", "a.md", "sub/../sub"].iter().map(|name| dir.path().join(name)).collect();
    let mut files = Files::open(&roots, options()).unwrap();
    let (mut items, coverage) = list_all(&mut files, 2).await;
    items.sort_by(|a, b| a.key.cmp(&b.key));
    let names: Vec<_> = items.iter().map(|item| item.key.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["b.md", "a.md", "c.md"]);
    assert_eq!(coverage.unwrap().covered.len(), 3);
}

#[test]
fn a_path_that_does_not_exist_gets_the_nearest_that_does() {
    let dir = folder(&["docs/guide/a.md", "other/"]);
    let hint = |name: &str| {
        let fault = Files::open(&[dir.path().join(name)], options()).err().unwrap();
        assert_eq!(fault.kind(), FaultKind::Config);
        fault.hint_text().unwrap().replace(&format!("{}/", dir.path().display()), "")
    };
    assert_eq!(hint("docs/guidee"), "did you mean docs/guide?");
    assert_eq!(hint("dcos/guide/a.md"), "did you mean docs/guide/a.md?");
    assert_eq!(hint("docs/guide/Z/y"), "the nearest folder that exists is docs/guide");
}

#[tokio::test]
async fn a_stop_is_answered_at_once() {
    let dir = folder(&["a.md"]);
    let mut files = Files::open(&[dir.path().to_path_buf()], options()).unwrap();
    let (cx, stop) = stoppable();
    stop.drain();
    assert!(matches!(files.list(&cx, 10).await.unwrap(), Listing::Quiet));
    assert_eq!(list_all(&mut files, 10).await.0.len(), 1, "nothing was lost by stopping");
}

//! Gathers real documents of a Debian machine to measure on: texts that people wrote, in the mixture found there.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Done;
use crate::args::{Args, Spec};
use crate::shell::{run as shell_run, target};

pub(crate) mod documents;

const SPEC: Spec = Spec {
    help: "\
usage: cargo xtask corpus [--out DIR] [--most N] [--install] [--documents [--from DIR]]

Copies text, Markdown and HTML documents of this machine into DIR (default: target/corpus): package
documentation, Perl and Python documentation, the Rust toolchain's books. Sizes from 1 KB to 500 KB,
compressed ones unpacked, a limited number of each folder. The same machine gives the same corpus.

    --most N    stop at N documents (default 6000)
    --install   first install documentation packages (Debian, as root)
    --documents instead gather PDF, Office, OpenDocument, EPUB, RTF and mail files into DIR (default:
                target/documents), of Debian packages and of sources of Python packages, which are
                downloaded and unpacked below target
    --from DIR  take the documents below DIR as well, such as checkouts of libraries that keep theirs in
                their repositories only (striprtf and pandoc have RTF and EPUB files, calamine sheets)
",
    values: &["out", "most", "from"],
    flags: &["install", "documents"],
};

/// Packages whose documentation is large, varied and free.
const PACKAGES: &[&str] =
    &["python3-doc", "sqlite3-doc", "postgresql-doc", "git-doc", "debian-policy", "apt-doc"];

/// Sizes of documents taken, bytes: smaller ones say nothing, larger ones are logs.
const SIZES: std::ops::RangeInclusive<usize> = 1_000..=500_000;

/// Most documents of one folder, so that no single manual is most of the corpus.
const PER_FOLDER: usize = 150;

/// Most documents of one top folder: the standard library's reference alone has 40,000 pages.
const PER_TOP: usize = 1500;

/// The task.
pub(crate) fn run(raw: Vec<String>) -> Done {
    let Some(args) = Args::parse(&SPEC, raw)? else { return Ok(()) };
    if args.has("documents") {
        let out = args.text("out").map_or_else(documents::default_place, PathBuf::from);
        return documents::gather(&out, args.text("from").map(Path::new));
    }
    if args.has("install") {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args([
            "-qq",
            "-y",
            "install",
            "--no-install-recommends",
        ]);
        shell_run(apt.args(PACKAGES)).map_err(|error| format!("{error}\nhint: run it as root on Debian"))?;
    }
    let out = args.text("out").map_or_else(default_place, PathBuf::from);
    let tally = gather(&roots(), &out, args.number("most", 6000)?)?;
    for (kind, (count, bytes)) in &tally {
        println!("{kind:>9}  {count:>6} documents  {:>7.1} MB", *bytes as f64 / 1e6);
    }
    let (count, bytes) = tally.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{:>9}  {count:>6} documents  {:>7.1} MB in {}", "all", bytes as f64 / 1e6, out.display());
    if count < 2000 {
        return Err(format!("only {count} documents; 2,000 are wanted\nhint: cargo xtask corpus --install"));
    }
    Ok(())
}

/// Where the corpus is unless another place is named.
pub(crate) fn default_place() -> PathBuf {
    target().join("corpus")
}

fn roots() -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> =
        ["/usr/share/doc", "/usr/share/perl", "/usr/share/perl5", "/usr/lib/python3"]
            .map(PathBuf::from)
            .to_vec();
    let mut sysroot = Command::new("rustc");
    if let Ok(path) = crate::shell::output(sysroot.args(["--print", "sysroot"])) {
        roots.push(Path::new(path.trim()).join("share/doc/rust/html"));
    }
    roots
}

/// What kind of document a name announces, and the name it gets in the corpus.
fn kind(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or("");
    match extension {
        "html" | "htm" => Some("html"),
        "md" | "markdown" => Some("markdown"),
        "txt" | "rst" | "pod" => Some("text"),
        _ => {
            const PROSE: &[&str] =
                &["README", "NEWS", "FAQ", "copyright", "TODO", "changelog", "CHANGES", "HACKING"];
            PROSE.iter().any(|start| name.starts_with(start)).then_some("text")
        }
    }
}

type Tally = BTreeMap<&'static str, (u64, u64)>;

/// Copies documents below `roots` into `out`, in sorted order.
fn gather(roots: &[PathBuf], out: &Path, most: usize) -> Result<Tally, String> {
    if out.exists() {
        std::fs::remove_dir_all(out).map_err(|error| format!("cannot empty {}: {error}", out.display()))?;
    }
    let mut tally = Tally::new();
    let mut taken = 0;
    for root in roots.iter().filter(|root| root.is_dir()) {
        let mut per_top: BTreeMap<PathBuf, usize> = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let (files, below) = listing(&folder);
            folders.extend(below.into_iter().rev());
            let inner = folder.strip_prefix(root).unwrap_or(Path::new(""));
            let top = per_top.entry(inner.iter().take(1).collect()).or_default();
            let mut here = 0;
            for file in files {
                if here == PER_FOLDER || *top == PER_TOP || taken == most {
                    break;
                }
                if let Some((kind, size)) = copy(&file, out)? {
                    here += 1;
                    *top += 1;
                    taken += 1;
                    let entry = tally.entry(kind).or_default();
                    *entry = (entry.0 + 1, entry.1 + size as u64);
                }
            }
        }
    }
    Ok(tally)
}

/// Regular files and folders of a folder, sorted; links are not followed.
fn listing(folder: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            Ok(kind) if kind.is_dir() => folders.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    folders.sort();
    (files, folders)
}

/// Copies one document if it is wanted.
fn copy(file: &Path, out: &Path) -> Result<Option<(&'static str, usize)>, String> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(kind) = kind(&name) else { return Ok(None) };
    let Some(bytes) = content(file) else { return Ok(None) };
    if !SIZES.contains(&bytes.len()) || std::str::from_utf8(&bytes).is_err() {
        return Ok(None);
    }
    let mut place = out.join(file.strip_prefix("/").unwrap_or(file));
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let extension = match kind {
        "html" => "html",
        "markdown" => "md",
        _ => "txt",
    };
    let named = if plain.ends_with(&format!(".{extension}")) {
        plain.to_owned()
    } else {
        format!("{plain}.{extension}")
    };
    place.set_file_name(named);
    let write = || {
        std::fs::create_dir_all(place.parent().unwrap_or(out))?;
        std::fs::write(&place, &bytes)
    };
    write().map_err(|error| format!("cannot write {}: {error}", place.display()))?;
    Ok(Some((kind, bytes.len())))
}

/// The content, unpacked; none if it cannot be read or is too large.
fn content(file: &Path) -> Option<Vec<u8>> {
    let opened = std::fs::File::open(file).ok()?;
    let most = *SIZES.end() as u64 + 1;
    let mut bytes = Vec::new();
    let read = if file.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(opened).take(most).read_to_end(&mut bytes)
    } else {
        opened.take(most).read_to_end(&mut bytes)
    };
    read.is_ok().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_tree_is_gathered_as_described() {
        use std::io::Write as _;
        let (from, to) = (tempfile::tempdir().expect("dir"), tempfile::tempdir().expect("dir"));
        let folder = from.path().join("pkg");
        std::fs::create_dir(&folder).expect("dir");
        let page = "word ".repeat(400);
        for name in ["a.html", "b.md", "README", "image.png"] {
            std::fs::write(folder.join(name), &page).expect("written");
        }
        std::fs::write(folder.join("tiny.txt"), "x").expect("written");
        std::fs::write(folder.join("latin.txt"), [0xe9_u8; 2000]).expect("written");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(page.as_bytes()).expect("packed");
        std::fs::write(folder.join("changelog.gz"), packed.finish().expect("packed")).expect("written");
        let out = to.path().join("corpus");
        let tally = gather(&[from.path().to_path_buf()], &out, 100).expect("gathered");
        assert_eq!(tally, Tally::from([("html", (1, 2000)), ("markdown", (1, 2000)), ("text", (2, 4000))]));
        let again = gather(&[from.path().to_path_buf()], &out, 3).expect("gathered");
        assert_eq!(again.values().map(|one| one.0).sum::<u64>(), 3);
    }
}

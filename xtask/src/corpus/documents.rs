//! Gathers real PDF, Office, OpenDocument, EPUB, RTF and mail files: what Debian packages ship as documentation, examples
//! and templates, and what libraries for these formats try themselves on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_core::ContentHash;

use super::listing;
use crate::Done;
use crate::shell::{cargo, output, run, target};

/// Debian packages: manuals as PDF and EPUB, templates of presentations and sheets, example workbooks.
const PACKAGES: &[&str] = &[
    "debian-edu-doc-en",
    "debian-policy",
    "debmake-doc",
    "developers-reference",
    "developers-reference-de",
    "developers-reference-fr",
    "developers-reference-it",
    "developers-reference-ja",
    "developers-reference-ru",
    "gnuplot-doc",
    "libreoffice-common",
    "live-manual-epub",
    "python-reportlab-doc",
    "r-cran-officer",
    "r-cran-openxlsx",
    "r-cran-readxl",
    "r-doc-pdf",
    "texlive-humanities-doc",
    "ubuntu-packaging-guide-epub",
    "ubuntu-packaging-guide-epub-de",
    "ubuntu-packaging-guide-epub-es",
    "ubuntu-packaging-guide-epub-fr",
    "ubuntu-packaging-guide-epub-pt-br",
    "ubuntu-packaging-guide-epub-ru",
    "ubuntu-packaging-guide-epub-uk",
];

/// Sources of Python packages, with the files they are tested on.
const SOURCES: &[&str] = &[
    "ebooklib==0.20",
    "ezodf==0.3.2",
    "filetype==1.2.0",
    "odfpy==1.4.1",
    "pypdf==7.1.0",
    "python-docx==1.2.0",
    "python-pptx==1.0.2",
    "tablib==3.10.0",
];

/// Sources of Debian packages, likewise.
const DEBIAN_SOURCES: &[&str] = &["unrtf"];

/// A crate that this workspace depends on, and where its mails are.
const MAILS: (&str, &str) = ("mail-parser", "resources/eml");

/// What a file is called here: templates are documents with another name.
const KINDS: &[(&str, &str)] = &[
    ("docx", "docx"),
    ("eml", "eml"),
    ("epub", "epub"),
    ("odp", "odp"),
    ("ods", "ods"),
    ("odt", "odt"),
    ("otp", "odp"),
    ("ots", "ods"),
    ("ott", "odt"),
    ("pdf", "pdf"),
    ("pptx", "pptx"),
    ("rtf", "rtf"),
    ("xlsx", "xlsx"),
];

/// Most files of one format, and bytes of one file.
const PER_KIND: u64 = 250;
const MOST_BYTES: u64 = 32 << 20;

/// Fewer of a format say little.
const FEW: u64 = 20;

/// Where they are unless another place is named.
pub(crate) fn default_place() -> PathBuf {
    target().join("documents")
}

/// Gathers them into `out`, and those below `more`.
pub(super) fn gather(out: &Path, more: Option<&Path>) -> Done {
    let from = target().join("documents-from");
    std::fs::create_dir_all(&from).map_err(|error| format!("{}: {error}", from.display()))?;
    let mut roots = Vec::new();
    for name in PACKAGES {
        roots.push(once(&from.join(name), |place| package(name, place))?);
    }
    for name in SOURCES {
        roots.push(once(&from.join(name), |place| source(name, place))?);
    }
    for name in DEBIAN_SOURCES {
        roots.push(once(&from.join(format!("{name}.source")), |place| debian_source(name, place))?);
    }
    roots.push(mails()?);
    roots.extend(more.map(Path::to_path_buf));
    let tally = copy(&roots, out)?;
    for (kind, (count, bytes)) in &tally {
        println!("{kind:>9}  {count:>6} documents  {:>7.1} MB", *bytes as f64 / 1e6);
    }
    let kinds: BTreeSet<&str> = KINDS.iter().map(|(_, kind)| *kind).collect();
    let few: Vec<&str> =
        kinds.into_iter().filter(|kind| tally.get(kind).is_none_or(|(count, _)| *count < FEW)).collect();
    if few.is_empty() {
        Ok(())
    } else {
        Err(format!("fewer than {FEW} of {}\nhint: --from DIR takes more", few.join(", ")))
    }
}

/// Fills a folder if it is not there. It gets its name when it is full.
fn once(place: &Path, fill: impl FnOnce(&Path) -> Done) -> Result<PathBuf, String> {
    if !place.is_dir() {
        let half = place.with_extension("part");
        let _ = std::fs::remove_dir_all(&half); // of a run that was interrupted
        let failed = |error| format!("{}: {error}", half.display());
        std::fs::create_dir_all(&half).map_err(failed)?;
        fill(&half)?;
        std::fs::rename(&half, place).map_err(failed)?;
    }
    Ok(place.to_path_buf())
}

/// A Debian package, unpacked; nothing is installed.
fn package(name: &str, place: &Path) -> Done {
    run(Command::new("apt-get").current_dir(place).args([
        "-qq",
        "-o",
        "APT::Sandbox::User=root",
        "download",
        name,
    ]))
    .map_err(|error| format!("{error}\nhint: run `apt-get update`, on Debian"))?;
    for file in listing(place).0 {
        run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(place))?;
    }
    Ok(())
}

/// The source of a Debian package, unpacked. Few machines know of sources, so what there is of them is asked beside what
/// this machine knows, in a folder of its own.
fn debian_source(name: &str, place: &Path) -> Done {
    let own = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (list, lists) = (own.path().join("sources.list"), own.path().join("lists"));
    let words = [
        "--format",
        "deb-src $(REPO_URI) $(RELEASE) main",
        "Created-By: Packages",
        "Origin: Debian",
        "Component: main",
    ];
    let sites = output(Command::new("apt-get").arg("indextargets").args(words))?;
    std::fs::create_dir_all(lists.join("partial"))
        .and_then(|()| std::fs::write(&list, sites))
        .map_err(|error| format!("{}: {error}", list.display()))?;
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(place).args([
            "-qq",
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "Dir::Etc::SourceParts=-",
        ]);
        command.arg("-o").arg(format!("Dir::Etc::SourceList={}", list.display()));
        command.arg("-o").arg(format!("Dir::State::Lists={}", lists.display()));
        run(command.args(words)).map_err(|error| format!("{error}\nhint: this needs Debian"))
    };
    apt(&["update"])?;
    apt(&["source", "--download-only", name])?;
    for file in listing(place).0.into_iter().filter(|file| is_original(file)) {
        run(Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(place))?;
    }
    Ok(())
}

/// Whether a file of a Debian source is what its authors released.
fn is_original(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".orig") && !name.ends_with(".asc")
}

/// The source of a Python package, unpacked.
fn source(name: &str, place: &Path) -> Done {
    let words =
        ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary"];
    run(Command::new("python3").args(words).args([":all:", name, "--dest"]).arg(place))
        .map_err(|error| format!("{error}\nhint: apt-get install python3-pip"))?;
    for file in listing(place).0 {
        run(Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(place))?;
    }
    Ok(())
}

/// The mails of a crate that cargo has already fetched.
fn mails() -> Result<PathBuf, String> {
    let metadata = output(cargo().args(["metadata", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages
        .filter(|package| package["name"] == MAILS.0)
        .find_map(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|path| Path::new(path).parent()).map(|folder| folder.join(MAILS.1));
    folder
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| format!("{} is not there, or has no {}", MAILS.0, MAILS.1))
}

type Tally = BTreeMap<&'static str, (u64, u64)>;

/// Copies what is a document below `roots`, each content once, in sorted order.
fn copy(roots: &[PathBuf], out: &Path) -> Result<Tally, String> {
    if out.exists() {
        std::fs::remove_dir_all(out).map_err(|error| format!("cannot empty {}: {error}", out.display()))?;
    }
    let (mut tally, mut seen) = (Tally::new(), BTreeSet::new());
    let mut folders: Vec<PathBuf> = roots.iter().rev().cloned().collect();
    while let Some(folder) = folders.pop() {
        let (files, below) = listing(&folder);
        folders.extend(below.into_iter().rev());
        for file in files {
            let Some(kind) = kind(&file) else { continue };
            let Some(content) = std::fs::read(&file).ok().filter(|content| is_wanted(content)) else {
                continue;
            };
            let (count, bytes) = tally.entry(kind).or_default();
            if *count == PER_KIND || !seen.insert(ContentHash::of_parts(&[&content]).to_hex()) {
                continue;
            }
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let place = out.join(kind).join(format!("{count:03}-{stem}.{kind}"));
            std::fs::create_dir_all(out.join(kind))
                .and_then(|()| std::fs::write(&place, &content))
                .map_err(|error| format!("cannot write {}: {error}", place.display()))?;
            *count += 1;
            *bytes += content.len() as u64;
        }
    }
    Ok(tally)
}

fn kind(file: &Path) -> Option<&'static str> {
    let extension = file.extension()?.to_str()?.to_ascii_lowercase();
    KINDS.iter().find(|(own, _)| *own == extension).map(|(_, kind)| *kind)
}

fn is_wanted(content: &[u8]) -> bool {
    !content.is_empty() && content.len() as u64 <= MOST_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_debian_source_what_its_authors_released_is_unpacked() {
        let names = ["a_1.orig.tar.gz", "a_1.orig.tar.gz.asc", "a_1.debian.tar.xz", "a_1.dsc"];
        assert_eq!(names.map(|name| is_original(Path::new(name))), [true, false, false, false]);
    }

    #[test]
    fn each_document_is_taken_once_and_templates_by_their_kind() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, content) in
            [("a.pdf", "one"), ("b.PDF", "one"), ("c.otp", "two"), ("d.ods", ""), ("e.txt", "three")]
        {
            std::fs::write(from.path().join(name), content).unwrap();
        }
        let out = to.path().join("documents");
        let tally = copy(&[from.path().to_path_buf()], &out).unwrap();
        assert_eq!(tally, Tally::from([("odp", (1, 3)), ("pdf", (1, 3))]));
        assert!(out.join("pdf/000-a.pdf").is_file() && out.join("odp/000-c.odp").is_file());
    }
}

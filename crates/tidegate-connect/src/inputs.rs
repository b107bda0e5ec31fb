//! Which files are meant where files, folders and globs are named as inputs of rows.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use tidegate_core::{Fault, FaultKind};

use crate::nearest::no_such_path;
use crate::open;
use crate::written::Written;

/// What rows are sought in folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// JSON Lines: `.jsonl` and `.ndjson`.
    Jsonl,
    /// Tables whose fields stand between commas: `.csv`.
    Csv,
    /// Tables whose fields stand between tabs: `.tsv`.
    Tsv,
    /// Lines of text: `.txt`.
    Lines,
    /// Rows of tables: `.parquet`.
    Parquet,
}

impl InputFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Jsonl, Self::Csv, Self::Tsv, Self::Lines, Self::Parquet];

    /// What it is called in a job.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Lines => "lines",
            Self::Parquet => "parquet",
        }
    }

    fn ends(self) -> &'static [&'static str] {
        match self {
            Self::Jsonl => &[".jsonl", ".ndjson"],
            Self::Csv => &[".csv"],
            Self::Tsv => &[".tsv"],
            Self::Lines => &[".txt"],
            Self::Parquet => &[".parquet"],
        }
    }

    /// Whether a name is that of such a file, perhaps a compressed one.
    #[must_use]
    pub fn is_name(self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        self.ends().iter().any(|end| name.ends_with(end))
    }

    /// The format that a name says.
    fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy();
        Self::ALL.into_iter().find(|format| format.is_name(&name))
    }

    /// Whether folders are searched for such files where nobody says what is in them: texts lie in many for other
    /// reasons.
    fn is_sought(self) -> bool {
        self != Self::Lines
    }
}

/// Folders within folders deeper than this are no data set.
const DEEPEST: usize = 64;
/// More files than this are not listed in memory.
const MOST: usize = 100_000;

/// The format of `inputs`, as the names of files and globs say it, and those of the files in folders. JSON Lines, if
/// nothing does. What is `written` in folders and among what globs match says nothing.
///
/// # Errors
/// [`FaultKind::Config`]: they say two.
pub fn format_of(inputs: &[PathBuf], written: Option<&Written>) -> Result<InputFormat, Fault> {
    let mut found: Option<(InputFormat, PathBuf)> = None;
    for input in inputs {
        let mut files = Vec::new();
        // A folder that is called like a table is one: its parts, and what else it needs.
        if input.is_dir() && InputFormat::of_name(input).is_none() {
            let sought = |path: &Path| InputFormat::of_name(path).is_some_and(InputFormat::is_sought);
            walk(input, DEEPEST, &mut files, &Wanted { sought: &sought, written })?;
        } else if is_glob(input) && !input.exists() {
            matched(input, &mut files, written)?;
        } else {
            files.push(input.clone());
        }
        files.sort();
        for file in files {
            let Some(format) = InputFormat::of_name(&file) else { continue };
            match &found {
                Some((other, first)) if *other != format => return Err(two_formats(first, &file)),
                Some(_) => {}
                None => found = Some((format, file)),
            }
        }
    }
    Ok(found.map_or(InputFormat::Jsonl, |(format, _)| format))
}

fn two_formats(one: &Path, other: &Path) -> Fault {
    let what = format!("inputs of two formats: {} and {}", one.display(), other.display());
    Fault::new(FaultKind::Config, what)
        .hint("run one job for each, or say which is meant with format = \"…\" in [input]")
}

/// The files that `inputs` mean: each file as it is named, those of a folder and what is below it that hold rows, and
/// those that a glob matches; the last two sorted by name. Names that begin with a dot are passed over, and so is what is
/// `written`, unless it is named itself.
///
/// # Errors
/// [`FaultKind::Config`]: a path that is not there, a glob that does not read, no file at all.
pub fn rows_in(
    inputs: &[PathBuf],
    format: InputFormat,
    written: Option<&Written>,
) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    for input in inputs {
        let before = files.len();
        match std::fs::metadata(input) {
            Ok(meta) if meta.is_dir() => {
                let sought = |path: &Path| {
                    path.file_name().is_some_and(|name| format.is_name(&name.to_string_lossy()))
                };
                walk(input, DEEPEST, &mut files, &Wanted { sought: &sought, written })?;
            }
            Ok(_) => files.push(input.clone()),
            Err(_) if is_glob(input) => matched(input, &mut files, written)?,
            Err(error) if open::is_gone(&error) => return Err(no_such_path(input)),
            Err(error) => return Err(open::read_fault(error).during(format!("reading {}", input.display()))),
        }
        if files.len() == before {
            let ends: Vec<&str> = InputFormat::ALL.iter().flat_map(|format| format.ends()).copied().collect();
            let ends = ends.join(", ");
            return Err(Fault::new(FaultKind::Config, format!("no file of rows in {}", input.display()))
                .hint(format!(
                    "files of rows end in {ends}, perhaps with .gz or .zst behind; name others one by one"
                )));
        }
        files[before..].sort();
    }
    Ok(files)
}

/// The files that a glob means.
fn matched(glob: &Path, files: &mut Vec<PathBuf>, written: Option<&Written>) -> Result<(), Fault> {
    let matcher = compile(glob)?;
    let sought = |path: &Path| matcher.is_match(path.strip_prefix("./").unwrap_or(path));
    walk(&fixed(glob), DEEPEST, files, &Wanted { sought: &sought, written })
}

fn is_glob(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '[', '{']))
}

fn compile(glob: &Path) -> Result<GlobMatcher, Fault> {
    let text = glob.to_string_lossy();
    let compiled = GlobBuilder::new(text.strip_prefix("./").unwrap_or(&text)).literal_separator(true).build();
    let compiled = compiled.map_err(|error| {
        Fault::new(FaultKind::Config, format!("the glob {text} does not read")).cause(error)
    })?;
    Ok(compiled.compile_matcher())
}

/// The folder of a glob: what stands before the first part with a wildcard.
fn fixed(glob: &Path) -> PathBuf {
    let folder: PathBuf = glob.components().take_while(|part| !is_glob(Path::new(part))).collect();
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
}

/// Which files of a folder are meant.
struct Wanted<'a> {
    sought: &'a dyn Fn(&Path) -> bool,
    /// Passed over.
    written: Option<&'a Written>,
}

fn walk(folder: &Path, deep: usize, files: &mut Vec<PathBuf>, wanted: &Wanted<'_>) -> Result<(), Fault> {
    let during = |error| open::read_fault(error).during(format!("listing {}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if open::is_gone(&error) => return Ok(()),
        Err(error) => return Err(during(error)),
    };
    for entry in entries {
        let entry = entry.map_err(during)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = match std::fs::metadata(&path) {
            Ok(kind) => kind,
            Err(error) if open::is_gone(&error) => continue, // a link that leads nowhere
            Err(error) => return Err(during(error)),
        };
        if wanted.written.is_some_and(|written| written.is(&kind)) {
            continue;
        }
        if kind.is_dir() && deep > 0 {
            walk(&path, deep - 1, files, wanted)?;
        } else if kind.is_file() && (wanted.sought)(&path) {
            files.push(path);
        }
        if files.len() > MOST {
            return Err(Fault::new(FaultKind::Config, format!("more than {MOST} files of rows"))
                .hint("run one job for each part of them"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_globs_are_found_in_a_stable_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.jsonl", "a.jsonl.gz", "deep/c.NDJSON", "notes.md", ".hidden.jsonl", "x.txt"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}\n").unwrap();
        }
        let names = |input: &str, format| -> Vec<String> {
            let files = rows_in(&[folder.path().join(input)], format, None).unwrap();
            files.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect()
        };
        assert_eq!(names("", InputFormat::Jsonl), ["a.jsonl.gz", "b.jsonl", "deep/c.NDJSON"]);
        assert_eq!(names("", InputFormat::Lines), ["x.txt"]);
        assert_eq!(names("*.jsonl*", InputFormat::Jsonl), ["a.jsonl.gz", "b.jsonl"]);
        assert_eq!(names("**/*.NDJSON", InputFormat::Jsonl), ["deep/c.NDJSON"]);
        assert_eq!(names("notes.md", InputFormat::Jsonl), ["notes.md"], "a file that is named is meant");
        let format = |inputs: &[&str]| -> Result<InputFormat, FaultKind> {
            let inputs: Vec<PathBuf> = inputs.iter().map(|input| folder.path().join(input)).collect();
            format_of(&inputs, None).map_err(|fault| fault.kind())
        };
        assert_eq!(format(&[""]), Ok(InputFormat::Jsonl), "texts lie beside rows");
        assert_eq!(format(&["x.txt"]), Ok(InputFormat::Lines));
        assert_eq!(format(&["notes.md"]), Ok(InputFormat::Jsonl));
        assert_eq!(format(&["more.CSV", "none/*.csv.gz"]), Ok(InputFormat::Csv));
        assert_eq!(format(&["?.t*"]), Ok(InputFormat::Lines), "as the files say that are meant");
        assert_eq!(format(&["a.tsv", "b.jsonl"]), Err(FaultKind::Config));
        std::fs::create_dir(folder.path().join("tables")).unwrap();
        std::fs::write(folder.path().join("tables/people.csv.zst"), "").unwrap();
        assert_eq!(format(&["tables"]), Ok(InputFormat::Csv));
        assert_eq!(format(&["", "tables"]), Err(FaultKind::Config));
        for input in ["none.jsonl", "*.csv", "[", "deep/none"] {
            let fault = rows_in(&[folder.path().join(input)], InputFormat::Jsonl, None).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Config, "{input}: {fault}");
        }
    }
    #[test]
    fn what_is_written_is_not_read_in_folders_and_by_globs() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.jsonl", "out.jsonl", "t/part-00000.parquet"] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), "{}\n").unwrap();
        }
        std::os::unix::fs::symlink(at("out.jsonl"), at("z.jsonl")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("y.jsonl")).unwrap();
        for input in [folder.path().to_owned(), at("*.jsonl")] {
            let written = Written::at(&at("z.jsonl"));
            assert!(format_of(std::slice::from_ref(&input), None).is_ok() == (input != folder.path()));
            let files = rows_in(&[input], InputFormat::Jsonl, written.as_ref()).unwrap();
            assert_eq!(files, [at("a.jsonl")]);
        }
        let table = Written::at(&at("t"));
        assert_eq!(format_of(&[folder.path().to_owned()], table.as_ref()).unwrap(), InputFormat::Jsonl);
        assert!(rows_in(&[folder.path().to_owned()], InputFormat::Parquet, table.as_ref()).is_err());
    }
}

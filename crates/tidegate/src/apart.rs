//! Outputs that are something a run reads: refused before anything is opened, because an output that is made anew is
//! emptied first, and what was in it is gone.
//!
//! Names are not compared: a link, another spelling and a second name of the same file are that file.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tidegate_connect::{InputFormat, rows_in};
use tidegate_core::{Fault, FaultKind};

use crate::config::{Config, Sink, Source};
use crate::tape::Tape;

/// What stands behind the name of a store in the files that go with it.
const STORE_ENDINGS: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// Links that lead to links further than this lead nowhere.
const MOST_LINKS: usize = 40;
/// What a person can do.
const HINT: &str =
    "name another output with -o: an output that is written anew would take what is read with it";
/// The same of a pipeline, whose output stands in its file.
const HINT_SINK: &str =
    "set another `path` in [sink]: an output that is written anew would take what is read with it";

/// A file or folder that is there or is to be, whatever it is called.
#[derive(Debug)]
pub(crate) struct Spot {
    /// Without links.
    real: PathBuf,
    /// What the file system knows it by, where it is there and keeps what is written to it.
    known: Option<(u64, u64)>,
}

impl Spot {
    /// What `path` names.
    pub(crate) fn of(path: &Path) -> Self {
        let real = real(path);
        let keeps = |meta: &fs::Metadata| meta.is_file() || meta.is_dir();
        let known = fs::metadata(path).ok().filter(keeps).map(|meta| (meta.dev(), meta.ino()));
        Self { real, known }
    }

    /// Whether there is something that keeps what is written to it.
    pub(crate) fn is_there(&self) -> bool {
        self.known.is_some()
    }

    /// Whether both are one.
    fn is(&self, other: &Self) -> bool {
        self.real == other.real || (self.known.is_some() && self.known == other.known)
    }

    /// Whether `other` is this, or lies within it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.is(other) || other.real.starts_with(&self.real)
    }
}

/// `path` without links, also where what it names is yet to be made.
fn real(path: &Path) -> PathBuf {
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..MOST_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        match fs::read_link(&path) {
            Ok(to) => path = folder.join(to),
            Err(_) => {
                let folder = fs::canonicalize(&folder).unwrap_or(folder);
                return path.file_name().map_or_else(|| path.clone(), |name| folder.join(name));
            }
        }
    }
    path
}

/// Where the output of a job called `output` lies; `None` where it is no file.
pub(crate) fn output_spot(output: &str) -> Option<Spot> {
    let elsewhere = output == "-" || tidegate_connect::Place::is_one(output);
    (!elsewhere).then(|| Spot::of(Path::new(output)))
}

/// Whether an output that is there lies in a folder or under a glob of what was `named`, and is so left out of what is
/// read.
pub(crate) fn lies_among(output: &str, (named, read): (&[PathBuf], &[String])) -> bool {
    let Some(output) = output_spot(output).filter(Spot::is_there) else { return false };
    let matched = |glob: &PathBuf| {
        let found = rows_in(std::slice::from_ref(glob), InputFormat::Jsonl, None);
        found.is_ok_and(|files| files.iter().any(|file| output.is(&Spot::of(file))))
    };
    let within = |path: &PathBuf| match path.exists() {
        true => path.is_dir() && Spot::of(path).holds(&output),
        false => matched(path),
    };
    named.iter().any(within) && !read.iter().any(|path| output.is(&Spot::of(Path::new(path))))
}

/// Refuses an output that is one of the files that a job's own file names, or that file itself.
///
/// # Errors
/// [`FaultKind::Config`]: which it is.
pub(crate) fn from_job(output: &str, (job, named): (&Path, &[PathBuf])) -> Result<(), Fault> {
    let Some(spot) = output_spot(output) else { return Ok(()) };
    if spot.holds(&Spot::of(job)) {
        return Err(refuse(output, "is the file of the job itself").hint(HINT));
    }
    match named.iter().find(|file| file.exists() && spot.holds(&Spot::of(file))) {
        Some(file) => Err(refuse(output, &format!("is {}, which the job reads", file.display())).hint(HINT)),
        None => Ok(()),
    }
}

/// Refuses a run whose output, or whose cassette, is an input or the store.
///
/// # Errors
/// [`FaultKind::Config`]: which it is.
pub(crate) fn check(config: &Config, tape: &Tape) -> Result<(), Fault> {
    let inputs = inputs(&config.source);
    let hint = if config.map.is_some() { HINT } else { HINT_SINK };
    if let Sink::Jsonl(sink) = &config.sink {
        let spot = match &*sink.path {
            // A shell may have opened an input for more to be written to its end, which is then read, and so on.
            "-" => Some(Spot::of(Path::new("/dev/stdout"))),
            path => output_spot(path),
        };
        if let Some(spot) = spot {
            if let Some((name, _)) = inputs.iter().find(|(_, input)| spot.holds(input)) {
                return Err(refuse(&sink.path, &format!("is what is to be read: {name}")).hint(hint));
            }
            if sink.path != "-" && is_store(&spot, &config.store.url) {
                return Err(
                    refuse(&sink.path, "is the store, where the account of all runs is kept").hint(hint)
                );
            }
        }
    }
    let Tape::Record(folder) = tape else { return Ok(()) };
    let steps = config.map.iter().flat_map(|map| &map.steps).filter(|step| step.ask.is_some());
    for step in steps {
        let file = crate::tape::file_of(folder, &step.name);
        let spot = Spot::of(&file);
        if inputs.iter().any(|(_, input)| spot.is(input)) {
            let fault = refuse(&file.to_string_lossy(), "would be written by --record, and is an input");
            return Err(fault.hint("name a folder of its own with --record"));
        }
    }
    Ok(())
}

/// The files that a source names one by one, with their names. Folders are none of them: what a run writes itself is
/// left out where they are listed.
fn inputs(source: &Source) -> Vec<(&str, Spot)> {
    let files = match source {
        Source::Stdin(_) => return vec![("standard input", Spot::of(Path::new("/dev/stdin")))],
        Source::Objects(_) => return Vec::new(),
        other => other.paths().iter(),
    };
    let files = files.filter(|path| !Path::new(path).is_dir());
    files.map(|path| (path.as_str(), Spot::of(Path::new(path)))).collect()
}

fn is_store(spot: &Spot, url: &str) -> bool {
    let store = real(Path::new(url.strip_prefix("sqlite:").unwrap_or(url)));
    STORE_ENDINGS.iter().any(|ending| {
        let mut name = store.clone().into_os_string();
        name.push(ending);
        spot.holds(&Spot::of(Path::new(&name)))
    })
}

fn refuse(output: &str, what: &str) -> Fault {
    let output = if output == "-" { "standard output" } else { output };
    Fault::new(FaultKind::Config, format!("the output {output} {what}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_itself_under_all_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("a"), "x").unwrap();
        fs::write(at("b"), "x").unwrap();
        fs::hard_link(at("a"), at("again")).unwrap();
        symlink("a", at("link")).unwrap();
        symlink("none", at("dangling")).unwrap();
        symlink(folder.path(), at("sub/up")).unwrap();
        symlink("round", at("round")).unwrap();
        let is = |one: &str, other: &str| Spot::of(&at(one)).is(&Spot::of(&at(other)));
        for (one, other) in [
            ("a", "a"),
            ("a", "again"),
            ("a", "link"),
            ("a", "sub/../a"),
            ("a", "sub/up/link"),
            ("none", "dangling"),
            ("none", "sub/up/none"),
            ("no/such/folder", "no/such/folder"),
        ] {
            assert!(is(one, other) && is(other, one), "{one} {other}");
        }
        for (one, other) in [("a", "b"), ("none", "other"), ("a", "none"), ("sub", "a"), ("round", "a")] {
            assert!(!is(one, other) && !is(other, one), "{one} {other}");
        }
        assert!(Spot::of(&at("sub")).holds(&Spot::of(&at("sub/x"))));
        assert!(!Spot::of(&at("a")).holds(&Spot::of(&at("ab"))));
        // What keeps nothing may be both.
        let null = Path::new("/dev/null");
        assert_eq!(Spot::of(null).known, None);
    }
}

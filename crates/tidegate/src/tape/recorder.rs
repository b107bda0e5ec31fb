//! Records the answers of a run.
//!
//! Lines come in the order in which answers come, and go into a scratch file beside the cassette; at the end of the run
//! they are copied from there in the order of the input. What is held in memory is where each line stands: some 100
//! bytes for each answer.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tidegate_core::{ContentHash, Fault, FaultKind};

use super::entry::{Head, Line, Said, VERSION};
use super::{At, Question, file_of};

/// The scratch file.
const SCRATCH: &str = ".recording";

/// What records.
pub(crate) struct Recorder {
    folder: PathBuf,
    /// The steps that ask, with their models.
    steps: Vec<(String, String)>,
    spool: Mutex<Spool>,
}

/// Lines as they came.
struct Spool {
    file: BufWriter<File>,
    length: u64,
    /// Of each step, by key: the first record that asked, and where its line stands.
    lines: Vec<BTreeMap<ContentHash, Kept>>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    place: At,
    offset: u64,
    length: usize,
    /// Whether it is an answer, and no fault.
    answered: bool,
}

impl Recorder {
    /// Records into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`FaultKind::Config`]: it cannot be written to, or holds a file of another kind where a step's belongs.
    pub(super) fn new(folder: &Path, steps: Vec<(String, String)>) -> Result<Self, Fault> {
        for (step, _) in &steps {
            ours(&file_of(folder, step))?;
        }
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
        let scratch = folder.join(SCRATCH);
        let file = alone(&scratch)?;
        let lines = steps.iter().map(|_| BTreeMap::new()).collect();
        let spool = Mutex::new(Spool { file: BufWriter::new(file), length: 0, lines });
        Ok(Self { folder: folder.to_owned(), steps, spool })
    }

    pub(super) fn record(&self, question: &Question<'_>, answer: &Said) -> Result<(), Fault> {
        let Some(step) = self.steps.iter().position(|(step, _)| step == question.step) else { return Ok(()) };
        let Some(line) = Line::new((question.prompt, &question.key), answer) else { return Ok(()) };
        let mut text = serde_json::to_string(&line).map_err(|error| {
            Fault::new(FaultKind::Internal, "an answer cannot be written as json").cause(error)
        })?;
        text.push('\n');
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let spool = &mut *spool;
        let before = spool.lines[step].get_mut(&question.key);
        let place = before.as_ref().map_or(question.place, |kept| kept.place.min(question.place));
        // Another record with the same question. What was refused once may have been answered when it was asked again.
        if let Some(kept) = before.filter(|kept| kept.answered || answer.is_err()) {
            kept.place = place;
            return Ok(());
        }
        spool
            .file
            .write_all(text.as_bytes())
            .map_err(|error| unwritable(&self.folder.join(SCRATCH), error))?;
        let at = Kept { place, offset: spool.length, length: text.len(), answered: answer.is_ok() };
        spool.length += text.len() as u64;
        spool.lines[step].insert(question.key, at);
        Ok(())
    }

    /// Puts the files of all steps in the place of what was there.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        spool.file.flush().map_err(|error| unwritable(&self.folder.join(SCRATCH), error))?;
        for ((step, model), lines) in self.steps.iter().zip(&spool.lines) {
            let path = file_of(&self.folder, step);
            let head = Head { cassette: VERSION, step: step.clone(), model: model.clone() };
            let mut order: Vec<(&ContentHash, &Kept)> = lines.iter().collect();
            order.sort_by_key(|(key, at)| (at.place, **key));
            let order: Vec<Kept> = order.into_iter().map(|(_, at)| *at).collect();
            copy(spool.file.get_ref(), &order, (&path, &head)).map_err(|error| unwritable(&path, error))?;
        }
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join(SCRATCH)); // a run that was killed leaves it; the next one empties it
    }
}

/// Opens the scratch file, empty, which nobody else has meanwhile: two runs that write to one would put each other's answers
/// under their questions.
fn alone(scratch: &Path) -> Result<File, Fault> {
    let options = File::options().read(true).write(true).create(true).truncate(false).clone();
    let file = options.open(scratch).map_err(|error| unwritable(scratch, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let message = format!("another run is recording to {}", scratch.with_file_name("").display());
            return Err(Fault::new(FaultKind::Config, message).hint("wait for it, or name another folder"));
        }
        Err(TryLockError::Error(error)) => return Err(unwritable(scratch, error)),
    }
    file.set_len(0).map_err(|error| unwritable(scratch, error))?;
    Ok(file)
}

/// Writes a file of its own, and gives it the name of the old one.
fn copy(spool: &File, order: &[Kept], (path, head): (&Path, &Head)) -> io::Result<()> {
    let scratch = path.with_extension("jsonl.new");
    let mut file = BufWriter::new(File::create(&scratch)?);
    serde_json::to_writer(&mut file, head)?;
    file.write_all(b"\n")?;
    let mut line = Vec::new();
    for at in order {
        line.resize(at.length, 0);
        spool.read_exact_at(&mut line, at.offset)?;
        file.write_all(&line)?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&scratch, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Refuses to write over what is no cassette.
fn ours(path: &Path) -> Result<(), Fault> {
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut first = String::new();
    let read = BufReader::new(io::Read::take(file, 1 << 16)).read_line(&mut first);
    if read.is_ok() && (first.is_empty() || serde_json::from_str::<Head>(&first).is_ok()) {
        return Ok(());
    }
    Err(Fault::new(FaultKind::Config, format!("{} is there, and is no cassette", path.display()))
        .hint("name another folder with --record"))
}

fn unwritable(path: &Path, error: io::Error) -> Fault {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FaultKind::StorageFull,
        _ => FaultKind::Config,
    };
    Fault::new(kind, format!("the cassette cannot be written to {}", path.display())).cause(error)
}

//! An output on disk: parts, and the tail of rows that no full part holds yet.
//!
//! Rows are lines first. They are appended to the tail and synced, and count once the ledger knows how far: so a slow
//! job loses nothing and makes no part for each of its commits. When the tail holds the rows of a part, that is written
//! from it, and the tail goes on behind them. What the tail holds at the end of a run becomes a part as well, which is
//! replaced by a larger one when more rows come, until it is full. So the parts are those of a run that was never
//! interrupted, byte for byte.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::FlockOperation;
use tidegate_connect::{Committed, write_fault};
use tidegate_core::{Fault, FaultKind, killpoint};

use crate::manifest::{Manifest, Part, Places, part_name, part_number, sync_folder};
use crate::part::{self, Unwritten};
use crate::plan::{Bounds, Cut, Known, Plan};
use crate::tail;

const HINT: &str = "put back what was there, or write anew with --overwrite";

/// An output that is open, and locked.
pub(crate) struct Output {
    places: Places,
    /// Held for as long as the output is open.
    _lock: File,
    manifest: Manifest,
    tail: File,
    /// Bytes of the tail that count.
    pub(crate) length: u64,
    /// Ends of parts that are still to be written from the tail.
    pub(crate) cuts: Vec<Cut>,
}

/// A refusal to touch what is there.
pub(crate) fn refuse(why: &str) -> Fault {
    Fault::new(FaultKind::Guarded, format!("the output is left alone: {why}")).hint(HINT)
}

impl Output {
    /// Opens the output at `places`: as it was committed, or anew.
    pub(crate) fn open(
        places: Places,
        committed: Option<Committed>,
        (named, bounds): (Vec<(String, Option<crate::Type>)>, Bounds),
    ) -> Result<(Self, Plan), Fault> {
        fs::create_dir_all(&places.state).map_err(write_fault)?;
        let lock = File::create(places.state.join("lock")).map_err(write_fault)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| refuse("another process is writing to it"))?;
        let manifest = match committed {
            Some(_) => Manifest::read(&places)
                .map_err(write_fault)?
                .ok_or_else(|| refuse(&format!("its manifest in {} is gone", places.state.display())))?,
            None => fresh(&places).map_err(write_fault)?,
        };
        let known = manifest.columns.clone().map_or(Known::Named(named), Known::Fixed);
        let mut plan = Plan::new(bounds, manifest.chain, known);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(committed.is_none_or(|committed| committed.length <= manifest.base));
        let tail = options.truncate(false).open(places.tail(manifest.base));
        let tail = tail.map_err(|_| refuse("its last rows are gone"))?;
        sync_folder(&places.state).map_err(write_fault)?; // what counts must not lose its name
        let mut cuts = Vec::new();
        let mut length = 0;
        if let Some(committed) = committed {
            whole(&places, &manifest)?;
            (length, cuts) = tail::replay(&tail, (&manifest, committed), &mut plan)?;
        }
        tail.set_len(length).map_err(write_fault)?;
        let output = Self { places, _lock: lock, manifest, tail, length, cuts };
        output.tidy().map_err(write_fault)?;
        Ok((output, plan))
    }

    /// Bytes of all lines that count.
    pub(crate) fn committed(&self) -> u64 {
        self.manifest.base + self.length
    }

    /// Removes what an earlier process left half done.
    fn tidy(&self) -> io::Result<()> {
        let tail = self.places.tail(self.manifest.base);
        for entry in fs::read_dir(&self.places.state)? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy();
            if name.ends_with(".tmp") || (name.starts_with("tail-") && path != tail) {
                fs::remove_file(path)?;
            }
        }
        for entry in fs::read_dir(&self.places.data)? {
            let entry = entry?;
            // The part behind the last full one grows still, or was just filled: it is written over.
            let number = entry.file_name().to_str().and_then(part_number);
            if number.is_some_and(|number| number > self.manifest.parts.len()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Appends lines behind those that count, durably. They do not count yet.
    pub(crate) fn append(&self, lines: &[u8]) -> io::Result<()> {
        let (first, second) = lines.split_at(lines.len() / 2);
        self.tail.write_all_at(first, self.length)?;
        killpoint::hit("table.tail.middle");
        self.tail.write_all_at(second, self.length + first.len() as u64)?;
        self.tail.sync_data()?;
        killpoint::hit("table.tail.synced");
        Ok(())
    }

    /// Cuts off what was appended and does not count.
    pub(crate) fn cut_off(&self) -> io::Result<()> {
        if self.tail.metadata()?.len() > self.length { self.tail.set_len(self.length) } else { Ok(()) }
    }

    /// Writes the parts that are full.
    pub(crate) fn seal(&mut self) -> Result<(), Fault> {
        while let Some(cut) = self.cuts.first().cloned() {
            let bytes = self.part((&cut.columns, cut.chain), cut.rows)?;
            self.advance(&cut, bytes).map_err(write_fault)?;
            self.cuts.remove(0);
        }
        Ok(())
    }

    /// Writes the rows of the tail as the part that grows still.
    pub(crate) fn show(&mut self, plan: &Plan) -> Result<(), Fault> {
        if plan.rows == 0 || self.manifest.last == Some(plan.chain) {
            return Ok(());
        }
        self.part((&plan.columns(), plan.chain), plan.rows)?;
        self.manifest.last = Some(plan.chain);
        self.manifest.write(&self.places).map_err(write_fault)
    }

    /// Writes the first `rows` of the tail as the part behind the full ones; the size of its file.
    fn part(&self, (columns, chain): (&crate::Columns, u64), rows: u64) -> Result<u64, Fault> {
        let scratch = self.places.scratch();
        let written = self.lines_from(0).map_err(Unwritten::from).and_then(|lines| {
            part::write(&scratch, (columns, &chain.to_string()), (&mut BufReader::new(lines), rows))
        });
        let bytes = written.map_err(|unwritten| match unwritten {
            Unwritten::Io(error) => write_fault(error),
            Unwritten::Misfit(row, misfit) => {
                let what = format!("row {row} of the tail was taken and does not fit: {}", misfit.what);
                Fault::new(FaultKind::Internal, what).during(format!("column {:?}", misfit.column))
            }
        })?;
        killpoint::hit("table.part.written");
        let place = self.places.part(self.manifest.parts.len());
        let placed = fs::rename(&scratch, place).and_then(|()| sync_folder(&self.places.data));
        placed.map_err(write_fault)?;
        killpoint::hit("table.part.named");
        Ok(bytes)
    }

    /// Goes on behind a part that is full: with a tail of its own for what is left.
    fn advance(&mut self, cut: &Cut, bytes: u64) -> io::Result<()> {
        let name = part_name(self.manifest.parts.len());
        let base = self.manifest.base + cut.bytes;
        let left = self.length - cut.bytes;
        let tail = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.places.tail(base))?;
        io::copy(&mut self.lines_from(cut.bytes)?.take(left), &mut &tail)?;
        tail.sync_all()?;
        killpoint::hit("table.tail.begun");
        let mut manifest = self.manifest.clone();
        manifest.parts.push(Part { name, rows: cut.rows, bytes });
        (manifest.base, manifest.chain, manifest.last) = (base, cut.chain, None);
        manifest.columns = Some(cut.columns.as_ref().clone());
        manifest.write(&self.places)?;
        killpoint::hit("table.manifest.named");
        let _ = fs::remove_file(self.places.tail(self.manifest.base)); // the next start removes it otherwise
        (self.manifest, self.tail, self.length) = (manifest, tail, left);
        Ok(())
    }

    fn lines_from(&self, at: u64) -> io::Result<File> {
        let mut tail = File::open(self.places.tail(self.manifest.base))?;
        tail.seek(SeekFrom::Start(at))?;
        Ok(tail)
    }
}

/// Begins an output anew: empty, whatever was there.
fn fresh(places: &Places) -> io::Result<Manifest> {
    clear(places)?;
    fs::create_dir_all(&places.data)?;
    let manifest = Manifest::new(0);
    manifest.write(places)?;
    let parent = places.data.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(parent.unwrap_or(Path::new(".")))?;
    Ok(manifest)
}

/// Removes parts and tails.
fn clear(places: &Places) -> io::Result<()> {
    if fs::symlink_metadata(&places.data).is_ok_and(|meta| meta.is_file()) {
        fs::remove_file(&places.data)?;
    }
    for folder in [&places.data, &places.state] {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name != "lock") {
                fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Whether the full parts are there as they were written.
pub(crate) fn whole(places: &Places, manifest: &Manifest) -> Result<(), Fault> {
    for part in &manifest.parts {
        match fs::metadata(places.data.join(&part.name)) {
            Ok(meta) if meta.len() == part.bytes => {}
            Ok(_) => return Err(refuse(&format!("{} was changed by somebody else", part.name))),
            Err(_) => return Err(refuse(&format!("{} is gone", part.name))),
        }
    }
    Ok(())
}

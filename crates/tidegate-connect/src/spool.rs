//! Keeps the lines of units that are too large for memory until they commit: in a file beside the output, each.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tidegate_core::{Cx, Fault, UnitId};

use crate::files::FIRST;
use crate::open::write_fault;

/// The spool files of an output.
pub(crate) struct Spools {
    folder: PathBuf,
    /// What the names of all of them begin with.
    prefix: String,
    units: BTreeMap<UnitId, Spool>,
}

/// The lines of one unit so far.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    pub(crate) path: PathBuf,
    /// Bytes that count; more may lie behind them after a write that failed.
    pub(crate) length: u64,
    pub(crate) lines: u64,
}

impl Spools {
    /// Spools beside `output`. Those that an earlier process left are removed; the output must be locked.
    pub(crate) fn beside(output: &Path) -> io::Result<Self> {
        let folder =
            output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let spools =
            Self { folder: folder.to_path_buf(), prefix: format!(".{name}.spool-"), units: BTreeMap::new() };
        for entry in fs::read_dir(&spools.folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| spools.is_spool(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(spools)
    }

    /// Spools for an output that lies in no folder.
    pub(crate) fn elsewhere() -> Self {
        let prefix = format!(".tidegate-{}.spool-", std::process::id());
        Self { folder: std::env::temp_dir(), prefix, units: BTreeMap::new() }
    }

    fn is_spool(&self, name: &str) -> bool {
        name.strip_prefix(&self.prefix).is_some_and(|unit| unit.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// Appends `count` lines to the spool of a unit, perhaps a new one.
    pub(crate) async fn keep(
        &mut self,
        cx: &Cx,
        unit: UnitId,
        (lines, count): (Vec<u8>, u64),
    ) -> Result<(), Fault> {
        let path = self.folder.join(format!("{}{unit}", self.prefix));
        let mut spool = self.units.entry(unit).or_insert(Spool { path, length: 0, lines: 0 }).clone();
        let spool = cx.compute(FIRST, move || spool.append(&lines, count).map(|()| spool)).await?;
        let during = |error| write_fault(error).during("keeping lines of a large item");
        self.units.insert(unit, spool.map_err(during)?);
        Ok(())
    }

    /// The spool of a unit, if it has one.
    pub(crate) fn find(&self, unit: UnitId) -> Option<&Spool> {
        self.units.get(&unit)
    }

    /// Removes the spool of a unit that is settled.
    pub(crate) fn remove(&mut self, unit: UnitId) {
        if let Some(spool) = self.units.remove(&unit) {
            let _ = fs::remove_file(spool.path); // the next start removes what is left
        }
    }

    /// Removes every spool.
    pub(crate) fn clear(&mut self) {
        for unit in self.units.keys().copied().collect::<Vec<_>>() {
            self.remove(unit);
        }
    }
}

impl Spool {
    /// Hands out its lines, one after another, without their ends.
    pub(crate) fn each<E: From<io::Error>>(
        &self,
        mut take: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut lines = BufReader::new(File::open(&self.path)?.take(self.length));
        let mut line = String::new();
        while lines.read_line(&mut line)? > 0 {
            take(line.trim_end_matches('\n'))?;
            line.clear();
        }
        Ok(())
    }

    /// Appends lines.
    fn append(&mut self, bytes: &[u8], lines: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        // A first piece must not go into a file or through a link that somebody else put there.
        if self.length == 0 {
            let _ = fs::remove_file(&self.path);
            options.create_new(true);
        }
        options.write(true).open(&self.path)?.write_all_at(bytes, self.length)?;
        self.length += bytes.len() as u64;
        self.lines += lines;
        Ok(())
    }
}

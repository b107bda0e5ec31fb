//! Outputs that are looked at, put in another's place, or taken away.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tidegate_connect::{Committed, read_fault, write_fault};
use tidegate_core::{Fault, killpoint};

use crate::claims;
use crate::manifest::{Manifest, Places, sync_folder};
use crate::output::whole;
use crate::part::NOTE;
use crate::plan::{Bounds, Known, Plan};
use crate::tail;

/// Whether there is nothing at `output` that a run could go on with, or would have to leave alone.
#[must_use]
pub fn is_empty(output: &Path) -> bool {
    let places = Places::of(output);
    let Ok(meta) = fs::metadata(output) else { return true };
    let none = meta.is_dir() && fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_none());
    // Rows that are in no part yet lie beside the folder.
    let manifest = Manifest::read(&places).ok().flatten().unwrap_or_default();
    let tail = fs::metadata(places.tail(manifest.base)).is_ok_and(|meta| meta.len() > 0);
    none && !tail
}

/// Whether the table at `output` holds at least what was committed to it.
///
/// # Errors
/// Files that cannot be read.
pub fn holds(output: &Path, committed: Committed) -> Result<bool, Fault> {
    held(&Places::of(output), committed)
        .map_err(|fault| fault.during(format!("reading {}", output.display())))
}

fn held(places: &Places, committed: Committed) -> Result<bool, Fault> {
    let Some(manifest) = Manifest::read(places).map_err(read_fault)? else { return Ok(false) };
    if whole(places, &manifest).is_err() {
        return Ok(false);
    }
    let Ok(tail) = OpenOptions::new().read(true).open(places.tail(manifest.base)) else { return Ok(false) };
    let known = manifest.columns.clone().map_or(Known::Named(Vec::new()), Known::Fixed);
    let mut plan = Plan::new(Bounds { rows: u64::MAX, bytes: u64::MAX }, manifest.chain, known);
    Ok(tail::replay(&tail, (&manifest, committed), &mut plan).is_ok())
}

/// Whether the table at `fresh` took the place of the one at `output`, or had begun to: then it is brought to its end, and
/// the old one is removed. `made` is what was committed to it.
///
/// # Errors
/// Folders that cannot be exchanged.
pub fn settled(output: &Path, fresh: &Path, made: Committed) -> Result<bool, Fault> {
    let (here, there) = (Places::of(output), Places::of(fresh));
    let made = Some(intent(made.length, made.tail.unwrap_or_default()));
    let intends = |places: &Places| fs::read_to_string(places.state.join(INTENT)).ok() == made;
    if intends(&here) {
        remove(fresh); // what was exchanged for it
        return Ok(true);
    }
    if !intends(&there) {
        return Ok(false);
    }
    let began = Places { data: here.data.clone(), state: there.state.clone() };
    exchange_all((&there, &here), !shows(&began)).map_err(write_fault)?;
    remove(fresh);
    Ok(true)
}

/// Says beside a whole table that it is to take another's place. Two folders cannot be exchanged in one step; from here
/// on the rest can be done by whoever comes next.
const INTENT: &str = "replaces";

/// Forgets that the table at `output` took another's place, once that is in the ledger: a later one that was written as
/// far as this was must not pass for it.
pub fn taken(output: &Path) {
    let _ = fs::remove_file(Places::of(output).state.join(INTENT)); // the next start tries again
}

fn intent(length: u64, chain: u64) -> String {
    format!("{length} {chain}\n")
}

/// Whether the parts are the manifest's, the one that grows still among them.
fn shows(places: &Places) -> bool {
    let Ok(Some(manifest)) = Manifest::read(places) else { return false };
    if whole(places, &manifest).is_err() {
        return false;
    }
    let Some(last) = manifest.last else { return true };
    let note = || -> Option<u64> {
        let file = File::open(places.part(manifest.parts.len())).ok()?;
        claims::footer(&file).ok()?.ok()?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).ok()?;
        let notes = metadata.file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == NOTE)?.value.as_ref()?.parse().ok()
    };
    note() == Some(last)
}

/// Puts the table at `fresh`, which is whole, in the place of the one at `output`, which is gone then. A reader sees the
/// old folder or the new one.
///
/// # Errors
/// What the system says.
pub fn replace(fresh: &Path, output: &Path) -> io::Result<()> {
    let (from, to) = (Places::of(fresh), Places::of(output));
    let manifest = Manifest::read(&from)?.ok_or(io::ErrorKind::NotFound)?;
    let length = manifest.base + fs::metadata(from.tail(manifest.base))?.len();
    let intent = intent(length, manifest.last.unwrap_or(manifest.chain));
    fs::write(from.state.join(INTENT), intent)?;
    File::open(from.state.join(INTENT))?.sync_all()?;
    sync_folder(&from.state)?;
    killpoint::hit("table.swap.intended");
    exchange_all((&from, &to), true)?;
    remove(fresh);
    Ok(())
}

fn exchange_all((from, to): (&Places, &Places), parts: bool) -> io::Result<()> {
    if parts {
        exchange(&from.data, &to.data)?;
        killpoint::hit("table.swap.parts");
    }
    exchange(&from.state, &to.state)?;
    killpoint::hit("table.swap.state");
    sync_folder(to.data.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Removes the table at `output`, as far as it is there.
pub fn remove(output: &Path) {
    let places = Places::of(output);
    let _ = fs::remove_dir_all(&places.data); // whoever writes there next begins anew in any case
    let _ = fs::remove_dir_all(&places.state);
}

/// Exchanges two folders in one step, where the system can; else for a moment there is none.
fn exchange(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::NOENT) => fs::rename(from, to),
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => {
            let aside = from.with_extension("old");
            fs::rename(to, &aside)?;
            fs::rename(from, to)?;
            fs::rename(&aside, from)
        }
        Err(errno) => Err(errno.into()),
    }
}

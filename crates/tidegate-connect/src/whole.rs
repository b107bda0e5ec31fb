//! A compressed output made one member or frame again, once a run comes to its end.
//!
//! Commits leave many: those of a slow run compress badly, they lie where the clock had them, and some readers stop behind
//! the first. So the file is written anew beside the old one and takes its place by rename. The ledger
//! knows both lengths meanwhile, so that after a crash it is seen which of the two is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use tidegate_core::{Fault, FaultKind, killpoint};

use crate::decode::decoded;
use crate::open::{is_gone, write_fault};
use crate::output::{Committed, sync_folder, tail_of};
use crate::pack::{Packing, pack};

/// A file that can take the place of another.
pub(crate) struct Made {
    scratch: PathBuf,
    pub(crate) length: u64,
    pub(crate) tail: u64,
}

/// Where the new file is written.
pub(crate) fn scratch(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.whole"))
}

/// Writes the first `length` bytes of `output` anew beside it; nothing, if `go` says to leave off.
///
/// # Errors
/// An output that does not unpack, or no room.
pub(crate) fn rewrite(
    output: &Path,
    (length, packing): (u64, Packing),
    go: &dyn Fn() -> bool,
) -> Result<Option<Made>, Fault> {
    let scratch = scratch(output);
    let made = write(output, (length, packing), (&scratch, go));
    if !matches!(made, Ok(Some(_))) {
        let _ = fs::remove_file(&scratch); // gives the room back; the next run begins anew in any case
    }
    let made = made.map_err(|error| match error.raw_os_error() {
        Some(_) => write_fault(error),
        None => Fault::new(FaultKind::Guarded, "the output does not unpack: somebody else changed it")
            .cause(error),
    });
    let made = made?.map(|(length, tail)| Made { scratch, length, tail });
    killpoint::hit("whole.written");
    Ok(made)
}

/// The length and tail of what was made.
fn write(
    output: &Path,
    (length, packing): (u64, Packing),
    (scratch, go): (&Path, &dyn Fn() -> bool),
) -> io::Result<Option<(u64, u64)>> {
    let old = File::open(output)?;
    let permissions = old.metadata()?.permissions();
    let (mut content, _) = decoded(old.take(length))?;
    // It must not go into a file or through a link that somebody else put there.
    remove(scratch)?;
    let new = OpenOptions::new().read(true).write(true).create_new(true).open(scratch)?;
    new.set_permissions(permissions)?;
    let mut buffered = BufWriter::with_capacity(1 << 20, new);
    if !pack(&mut content, &mut buffered, packing, go)? {
        return Ok(None);
    }
    let new = buffered.into_inner()?;
    new.sync_all()?;
    let length = new.metadata()?.len();
    Ok(Some((length, tail_of(&new, length)?)))
}

/// Takes away an output that did not come to its end, as far as it is there, and what was to take its place.
pub fn discard(output: &Path) {
    let _ = remove(output); // whoever writes there next begins anew in any case
    let _ = remove(&scratch(output));
}

/// Takes away what a run left that was killed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Puts the new file in the place of the old one.
///
/// # Errors
/// A folder that cannot be written.
pub(crate) fn replace(made: &Made, output: &Path) -> Result<(), Fault> {
    fs::rename(&made.scratch, output).and_then(|()| sync_folder(output)).map_err(write_fault)?;
    killpoint::hit("whole.renamed");
    Ok(())
}

/// What is committed to the output at `path`: `now`, unless the file is `next`, which was about to take its place. More
/// may lie behind that: what a later run appended and did not commit.
///
/// # Errors
/// A file that cannot be read.
pub fn settled(
    path: &Path,
    now: Option<Committed>,
    next: Option<Committed>,
) -> Result<Option<Committed>, Fault> {
    let Some(next) = next.filter(|next| next.length > 0) else { return Ok(now) };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(now),
        Err(error) => return Err(write_fault(error).during(format!("reading {}", path.display()))),
    };
    let same = |file: &File| -> io::Result<bool> {
        Ok(file.metadata()?.len() >= next.length && Some(tail_of(file, next.length)?) == next.tail)
    };
    Ok(if same(&file).map_err(write_fault)? { Some(next) } else { now })
}

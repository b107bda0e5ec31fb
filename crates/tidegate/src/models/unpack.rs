//! From an archive that was fetched to a folder that is used.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};
use tidegate_core::{Fault, FaultKind};
use zip::ZipArchive;

use super::known::Known;
use super::pull::unwritten;

/// How much is read at once.
const BLOCK: usize = 1 << 20;

/// The archive, if it is the one that is known.
///
/// # Errors
/// [`FaultKind::Config`], with both hashes.
pub(super) fn checked(known: &Known, mut file: File, place: &str) -> Result<File, Fault> {
    let unread =
        |error| Fault::new(FaultKind::Config, format!("what came from {place} cannot be read")).cause(error);
    file.seek(SeekFrom::Start(0)).map_err(unread)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block).map_err(unread)? {
            0 => break,
            some => hash.update(&block[..some]),
        }
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == known.sha256 {
        return Ok(file);
    }
    let message =
        format!("what came from {place} is not {}: its SHA-256 is {found}, not {}", known.name, known.sha256);
    Err(Fault::new(FaultKind::Config, message)
        .hint("fetch it again; if that does not help, from another place with --from"))
}

/// Unpacks what is needed into a folder that gets its name last.
///
/// # Errors
/// [`FaultKind::Config`]: the folder cannot be written; the archive lacks a file.
pub(super) fn unpack(known: &Known, file: File, folder: &Path) -> Result<(), Fault> {
    let broken = |error| {
        Fault::new(FaultKind::Config, format!("the archive of {} cannot be unpacked", known.name))
            .cause(error)
    };
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    let new = folder.join(format!(".{}-{}.new", known.name, std::process::id()));
    let _ = fs::remove_dir_all(&new); // of a process of the same number that ended half-way
    for name in known.files {
        let mut packed = archive.by_name(&format!("{}{name}", known.inside)).map_err(broken)?;
        let path = new.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let mut out = File::create(&path)?;
            std::io::copy(&mut packed, &mut out)?;
            out.sync_all()
        });
        written.map_err(|error| unwritten(&path, error))?;
    }
    let target = folder.join(known.name);
    fs::rename(&new, &target).map_err(|error| unwritten(&target, error))
}

//! Finding the file that a place was in after it was rotated away: by name and inode, by content where it was copied
//! before it was cut, or compressed.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::decode::decoded;
use crate::head::Headed;
use crate::open;
use crate::pack::Packing;
use crate::tail::{Following, Place};

/// A mark of fewer bytes is no proof that a file under another inode is the same: logs begin alike.
const ENOUGH: usize = 32;

/// What became of the file that a place was in.
pub(crate) enum Left {
    /// It is there and can be read on.
    There(Box<Following>),
    /// It is there, compressed, and ends where the place is: everything in it was read.
    AllRead,
    /// Nobody knows what followed.
    Lost,
}

/// Looks for the file that `place` was in, at `path` and under names beside it that begin with its name.
pub(crate) fn find(path: &Path, place: &Place, max_line: usize) -> io::Result<Left> {
    let mut candidates = vec![path.to_path_buf()];
    candidates.extend(beside(path)?);
    let is_same = |path: &PathBuf| {
        std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.ino() == place.inode)
    };
    for path in candidates.iter().filter(|path| is_same(path)) {
        if let Some(open) = Following::resumed(open::regular(path)?, place, max_line)? {
            return Ok(Left::There(Box::new(open)));
        }
    }
    if place.mark.len() < ENOUGH {
        return Ok(Left::Lost);
    }
    // The file at the path itself is the successor by now.
    for path in &candidates[1..] {
        match like(path, place, max_line) {
            Ok(Left::Lost) | Err(_) => {} // a file that cannot be read proves nothing
            Ok(found) => return Ok(found),
        }
    }
    Ok(Left::Lost)
}

/// Files beside `path` whose names begin with its name, in the order of their names, so that `log.1` comes before
/// `log.2`.
fn beside(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Vec::new()) };
    let name = name.to_string_lossy();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let other = entry.file_name();
        if other.len() > name.len() && other.to_string_lossy().starts_with(&*name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// What a file under another inode is to the one that a place was in.
fn like(path: &Path, place: &Place, max_line: usize) -> io::Result<Left> {
    let file = open::regular(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Left::Lost);
    }
    let (content, packing) = decoded(file)?;
    if packing == Packing::Plain {
        let open = Following::resumed(open::regular(path)?, place, max_line)?;
        return Ok(open.map_or(Left::Lost, |open| Left::There(Box::new(open))));
    }
    // Never unpacks more than was read of the file before.
    let mut content = Headed::new(content);
    let same = content.skip_to(place.offset, &place.mark)?;
    let ended = same && content.read(&mut [0])? == 0;
    Ok(if ended { Left::AllRead } else { Left::Lost })
}

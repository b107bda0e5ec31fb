//! The bytes of one download: in memory while they are few, in a file without a name once they are many. So a hundred
//! slow downloads of large documents hold a hundred small buffers, and not a hundred documents.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// More than this goes to the file, in bytes.
const IN_MEMORY: usize = 256 << 10;

/// Bytes that grow.
#[derive(Debug, Default)]
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    /// Bytes in the file.
    filed: u64,
}

impl Spool {
    /// How many bytes there are.
    pub(super) fn len(&self) -> u64 {
        self.filed + self.memory.len() as u64
    }

    /// Appends.
    pub(super) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        self.memory.extend_from_slice(piece);
        if self.memory.len() <= IN_MEMORY {
            return Ok(());
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(nameless()?),
        };
        file.write_all_at(&self.memory, self.filed)?;
        self.filed += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.memory.clear();
        self.filed = 0; // what the file holds is written over
    }

    /// All of it in memory.
    pub(super) fn into_bytes(mut self) -> io::Result<Vec<u8>> {
        let Some(file) = self.file.take().filter(|_| self.filed > 0) else { return Ok(self.memory) };
        let filed = usize::try_from(self.filed).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::with_capacity(filed + self.memory.len());
        bytes.resize(filed, 0);
        file.read_exact_at(&mut bytes, 0)?;
        bytes.append(&mut self.memory);
        Ok(bytes)
    }
}

/// A new file that only this process can find: its name is gone before anything is written. It goes with the process.
fn nameless() -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!(".tidegate-{}-{number}.part", std::process::id()));
    // What a process of the same number left is no longer anybody's.
    let _ = std::fs::remove_file(&path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for size in [0, 10, IN_MEMORY, IN_MEMORY + 1, 5 * IN_MEMORY + 3] {
            let mut spool = Spool::default();
            for turn in 0..2u8 {
                spool.clear();
                let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8 ^ turn).collect();
                bytes.chunks(60_000).for_each(|piece| spool.push(piece).unwrap());
                assert_eq!(spool.len(), size as u64);
                assert!(spool.memory.capacity() <= 2 * (IN_MEMORY + 60_000));
                if turn == 1 {
                    assert!(std::mem::take(&mut spool).into_bytes().unwrap() == bytes, "{size}");
                }
            }
        }
    }
}

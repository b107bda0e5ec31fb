//! The file or stream that lines are appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::FlockOperation;
use tidegate_core::{ContentHash, Fault, FaultKind, killpoint};

use crate::open::{is_gone, write_fault};
use crate::pack::{Packer, Packing};

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 20;
/// Bytes that are worth a write of their own.
const LARGE: usize = 128 << 10;
/// What to do about an output that is not what was committed.
const HINT: &str = "put back what was there, or give the pipeline another `name` to start over";
/// How much of the end of what is committed is compared at the start.
const TAIL: u64 = 4 << 10;

/// How much of an output the ledger knows to be committed, under the names [`OUTPUT`] and [`OUTPUT_TAIL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Length in bytes.
    pub length: u64,
    /// What identifies the last bytes, where the ledger has it.
    pub tail: Option<u64>,
}

/// The name under which the length of the output stands in [`tidegate_core::Commit::lengths`]. It does not hold the
/// path: an output may be moved, and another file in its place must not pass for a new one.
pub const OUTPUT: &str = "output";
/// The name under which a number that identifies the output's last bytes stands beside it.
pub const OUTPUT_TAIL: &str = "output.tail";
/// The same of a file that is about to take the output's place, and 0 when it has.
pub const OUTPUT_NEXT: &str = "output.next";
/// What identifies the last bytes of that file.
pub const OUTPUT_NEXT_TAIL: &str = "output.next.tail";
/// The length up to which a compressed output is one member or frame.
pub const OUTPUT_WHOLE: &str = "output.whole";

/// Where lines go.
#[derive(Clone)]
pub(crate) enum Target {
    /// A file: appended to beyond what is committed.
    File(Arc<File>),
    /// A pipe, a terminal, a device.
    Stream(Arc<Mutex<dyn Write + Send>>),
}

/// Opens an output file, brings it back to its committed length, and locks it for as long as it is open.
pub(crate) fn open(
    path: &Path,
    (committed, packing): (Option<Committed>, Packing),
    overwrite: bool,
) -> Result<Target, Fault> {
    let during = |fault: Fault| fault.during(format!("opening {}", path.display()));
    let found = std::fs::metadata(path);
    if let Ok(meta) = &found
        && !meta.is_file()
        && !meta.is_dir()
    {
        let stream = OpenOptions::new().write(true).open(path).map_err(|error| during(write_fault(error)))?;
        return Ok(Target::Stream(Arc::new(Mutex::new(stream))));
    }
    if let (Err(error), Some(Committed { length: known @ 1.., .. })) = (&found, committed)
        && is_gone(error)
    {
        // Seen before it is made: a refusal must not leave an empty file that looks like an output.
        return Err(during(refuse(&format!("it is gone, but {known} bytes were committed to it"), HINT)));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| during(write_fault(error)))?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| {
            refuse(
                "another process is writing to it",
                "wait for it, or name another output (-o, or `path` in [sink])",
            )
        })
        .map_err(during)?;
    // What this pipeline wrote is never replaced: its ledger calls those items done and would not write them again.
    if overwrite && committed.is_none() {
        file.set_len(0).map_err(|error| during(write_fault(error)))?;
    } else {
        recover(&file, committed, packing).map_err(during)?;
    }
    file.sync_all().map_err(|error| during(write_fault(error)))?;
    if found.is_err() {
        sync_folder(path).map_err(|error| during(write_fault(error)))?;
    }
    Ok(Target::File(Arc::new(file)))
}

/// Cuts off what was appended but never committed, if the rest is what was committed.
fn recover(file: &File, committed: Option<Committed>, packing: Packing) -> Result<(), Fault> {
    let length = file.metadata().map_err(write_fault)?.len();
    let Some(Committed { length: known, tail }) = committed else {
        return if length == 0 {
            Ok(())
        } else {
            let hint = "name another output (-o, or `path` in [sink]), or replace it (--overwrite, or `overwrite = true`)";
            Err(refuse("it exists and is not this pipeline's output", hint))
        };
    };
    if length < known {
        return Err(refuse(&format!("it has {length} bytes, but {known} were committed to it"), HINT));
    }
    let mut last = [b'\n'];
    if known > 0 && packing == Packing::Plain {
        file.read_exact_at(&mut last, known - 1).map_err(write_fault)?;
    }
    let same = match tail {
        Some(tail) => tail_of(file, known).map_err(write_fault)? == tail,
        None => true,
    };
    if last != *b"\n" || !same {
        return Err(refuse("it was changed by somebody else", HINT));
    }
    if length > known && !killpoint::planted("no-truncate") {
        file.set_len(known).map_err(write_fault)?;
    }
    Ok(())
}

/// Whether the file at `path` holds at least what was committed to it, as far as its last committed bytes tell.
///
/// # Errors
/// A file that cannot be read.
pub fn holds(path: &Path, committed: Committed) -> Result<bool, Fault> {
    let during = |error| crate::open::read_fault(error).during(format!("reading {}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(false),
        Err(error) => return Err(during(error)),
    };
    if file.metadata().map_err(during)?.len() < committed.length {
        return Ok(false);
    }
    let tail = tail_of(&file, committed.length).map_err(during)?;
    Ok(committed.tail.is_none_or(|known| known == tail))
}

fn refuse(why: &str, hint: &str) -> Fault {
    Fault::new(FaultKind::Guarded, format!("the output is left alone: {why}")).hint(hint)
}

/// Makes the name of a new file durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Identifies the last bytes of the first `length`; 63 bits, because databases count with signs.
pub(crate) fn tail_of(file: &File, length: u64) -> io::Result<u64> {
    let size = length.min(TAIL);
    let mut tail = vec![0; size as usize];
    file.read_exact_at(&mut tail, length - size)?;
    Ok(number_of(&tail))
}

/// The number that identifies these last bytes.
pub(crate) fn number_of(tail: &[u8]) -> u64 {
    let hash = ContentHash::of(tail).0;
    hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes)) >> 1
}

/// Appends in large pieces.
pub(crate) struct Append<'a> {
    target: &'a Target,
    offset: u64,
    pub(crate) buffer: Vec<u8>,
    packing: Packing,
    /// What compresses, once there is something.
    packer: Option<Packer>,
}

/// Compressed bytes that are written at once: most commits take less, and then nobody sees half of one.
const PACKED: usize = 8 << 20;

impl<'a> Append<'a> {
    pub(crate) fn new(target: &'a Target, offset: u64, packing: Packing) -> Self {
        Self { target, offset, buffer: Vec::with_capacity(BUFFER / 16), packing, packer: None }
    }

    /// Writes the buffer out if it is large.
    pub(crate) fn relieve(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        self.put(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    /// Appends what is large as it is, without gathering it first.
    pub(crate) fn large(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() < LARGE {
            self.buffer.extend_from_slice(bytes);
            return self.relieve();
        }
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        self.put(bytes)
    }

    /// Writes bytes, or what they are compressed to.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.packing == Packing::Plain {
            return self.write(bytes, bytes.len() / 2);
        }
        if self.packer.is_none() {
            self.packer = Packer::new(self.packing)?;
        }
        let Some(packer) = &mut self.packer else { return Ok(()) };
        packer.put(bytes)?;
        if packer.ready().len() < PACKED {
            return Ok(());
        }
        let packed = std::mem::take(packer.ready());
        self.write(&packed, packed.len())
    }

    /// Writes bytes as they are, those up to `middle` first.
    fn write(&mut self, bytes: &[u8], middle: usize) -> io::Result<()> {
        self.target.put(bytes, self.offset, middle)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Appends a whole file.
    pub(crate) fn copy(&mut self, from: &Path, length: u64) -> io::Result<()> {
        let mut from = File::open(from)?.take(length);
        loop {
            let got = (&mut from).take(BUFFER as u64).read_to_end(&mut self.buffer)?;
            if got == 0 {
                return Ok(());
            }
            self.relieve()?;
        }
    }

    /// Writes out what is left and makes it durable; the length reached.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        if let Some(packer) = self.packer.take() {
            let packed = packer.finish()?;
            self.write(&packed, packed.len())?;
        }
        match self.target {
            Target::File(file) => file.sync_data()?,
            Target::Stream(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner).flush()?,
        }
        Ok(self.offset)
    }
}

impl Target {
    /// Writes bytes at `offset`, those up to `middle` first.
    fn put(&self, bytes: &[u8], offset: u64, middle: usize) -> io::Result<()> {
        match self {
            Self::File(file) => {
                let (first, second) = bytes.split_at(middle);
                file.write_all_at(first, offset)?;
                killpoint::hit("jsonl.append.middle");
                file.write_all_at(second, offset + first.len() as u64)
            }
            Self::Stream(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner).write_all(bytes),
        }
    }
}

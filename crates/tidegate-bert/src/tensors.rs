//! The safetensors format: a length, a header of JSON, and the numbers.
//!
//! Read piece by piece rather than as a whole or mapped into memory: the peak is one tensor, and no unsafe code is
//! needed. The header is checked in full before anything is read, because model files are passed around.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_core::{ContentHash, Fault, FaultKind};

/// The header of a model with thousands of tensors has some 100 KB.
const MOST_HEADER: u64 = 16 << 20;

/// How many bytes are read and hashed at once.
const BLOCK: usize = 1 << 20;

/// What the header says of a tensor.
#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// A file of tensors, its header read and checked.
#[derive(Debug)]
pub(crate) struct Tensors {
    file: File,
    path: PathBuf,
    /// Where the numbers begin in the file.
    start: u64,
    entries: BTreeMap<String, Entry>,
}

impl Tensors {
    /// Opens a file and checks its header: every tensor lies within the file, none overlap, none are left over.
    ///
    /// # Errors
    /// [`FaultKind::Config`] with what is wrong.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let mut file = File::open(path).map_err(|error| unread(path, error))?;
        let length = file.metadata().map_err(|error| unread(path, error))?.len();
        let mut size = [0; 8];
        if length < 8 {
            return Err(broken(path, "it is shorter than the length of a header"));
        }
        file.read_exact(&mut size).map_err(|error| unread(path, error))?;
        let size = u64::from_le_bytes(size);
        if size > length - 8 {
            return Err(broken(path, format!("its header would have {size} bytes, the file has {length}")));
        }
        if size > MOST_HEADER {
            return Err(broken(path, format!("its header has {size} bytes, more than {MOST_HEADER}")));
        }
        let mut header = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_exact(&mut header).map_err(|error| unread(path, error))?;
        let entries = entries(&header).map_err(|why| broken(path, why))?;
        checked(&entries, length - 8 - size).map_err(|why| broken(path, why))?;
        Ok(Self { file, path: path.to_owned(), start: 8 + size, entries })
    }

    /// The hash of the whole file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn hash(&mut self) -> Result<ContentHash, Fault> {
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        self.file.seek(SeekFrom::Start(0)).map_err(|error| unread(&self.path, error))?;
        loop {
            match self.file.read(&mut block).map_err(|error| unread(&self.path, error))? {
                0 => return Ok(ContentHash(*hasher.finalize().as_bytes())),
                some => hasher.update(&block[..some]),
            };
        }
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Reads a tensor that must have `shape`, as 32-bit floats.
    ///
    /// # Errors
    /// As [`Self::each`].
    pub(crate) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Fault> {
        let mut all = Vec::with_capacity(shape.iter().product());
        self.each(name, shape, |floats| all.extend_from_slice(floats))?;
        Ok(all)
    }

    /// Reads a tensor that must have `shape`, a few whole rows at a time.
    ///
    /// # Errors
    /// [`FaultKind::Config`] if it is not there, has another shape or another kind of numbers, or one that is not
    /// finite.
    pub(crate) fn each(
        &mut self,
        name: &str,
        shape: &[usize],
        mut take: impl FnMut(&[f32]),
    ) -> Result<(), Fault> {
        let Self { file, path, start, entries } = self;
        let entry = entries.get(name).ok_or_else(|| broken(path, format!("it has no tensor {name}")))?;
        if !entry.shape.iter().copied().eq(shape.iter().map(|&side| side as u64)) {
            let why = format!("{name} has the shape {:?}, but by config.json it is {shape:?}", entry.shape);
            return Err(broken(path, why));
        }
        let (from, to) = entry.data_offsets;
        file.seek(SeekFrom::Start(*start + from)).map_err(|error| unread(path, error))?;
        let numbers: usize = shape.iter().product();
        let row = shape.last().copied().unwrap_or(1).max(1) * ((to - from) as usize / numbers.max(1));
        // The header was checked against the length of the file, so this much is there to be read.
        let mut left = (to - from) as usize;
        let mut block = vec![0; (BLOCK / row.max(1)).max(1) * row];
        while left > 0 {
            block.truncate(left);
            let bytes = &mut block;
            file.read_exact(bytes).map_err(|error| unread(path, error))?;
            let floats = floats(&entry.dtype, bytes).ok_or_else(|| {
                let why = format!("{name} is of {}; F32, F16 and BF16 are read", entry.dtype.escape_debug());
                broken(path, why)
            })?;
            if floats.iter().any(|float| !float.is_finite()) {
                return Err(broken(path, format!("{name} holds a number that is not finite")));
            }
            take(&floats);
            left -= bytes.len();
        }
        Ok(())
    }
}

/// Reads the header; `__metadata__` is nobody's concern.
fn entries(header: &[u8]) -> Result<BTreeMap<String, Entry>, String> {
    let unread = |error: serde_json::Error| format!("its header does not read: {error}");
    let mut raw: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).map_err(unread)?;
    raw.remove("__metadata__");
    let entry = |(name, value): (String, serde_json::Value)| match Entry::deserialize(value) {
        Ok(entry) => Ok((name, entry)),
        Err(error) => Err(format!("its header does not read at {}: {error}", name.escape_debug())),
    };
    raw.into_iter().map(entry).collect()
}

/// Says what is wrong with the places of the tensors in `length` bytes, if anything is.
fn checked(entries: &BTreeMap<String, Entry>, length: u64) -> Result<(), String> {
    let mut places = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        let name = name.escape_debug();
        let (from, to) = entry.data_offsets;
        if from > to || to > length {
            return Err(format!("{name} would lie at {from}..{to} of {length} bytes: is the file cut off?"));
        }
        let wide = width(&entry.dtype).ok_or_else(|| format!("{name} is of an unknown kind of numbers"))?;
        let bytes = entry.shape.iter().try_fold(wide, |size, &side| size.checked_mul(side));
        if bytes != Some(to - from) {
            return Err(format!("{name} has the shape {:?} in {} bytes", entry.shape, to - from));
        }
        places.push((from, to, name));
    }
    places.sort_unstable_by_key(|(from, to, _)| (*from, *to));
    let mut end = 0;
    for (from, to, name) in places {
        if from != end {
            return Err(match from < end {
                true => format!("{name} overlaps the tensor before it"),
                false => format!("there are bytes before {name} that belong to no tensor"),
            });
        }
        end = to;
    }
    if end != length {
        return Err("there are bytes after the last tensor".to_owned());
    }
    Ok(())
}

/// How many bytes a number has.
fn width(dtype: &str) -> Option<u64> {
    match dtype {
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" => Some(1),
        "U16" | "I16" | "F16" | "BF16" => Some(2),
        "U32" | "I32" | "F32" => Some(4),
        "U64" | "I64" | "F64" => Some(8),
        _ => None,
    }
}

fn floats(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    let halves = || bytes.as_chunks().0.iter().map(|half: &[u8; 2]| u16::from_le_bytes(*half));
    match dtype {
        "F32" => Some(bytes.as_chunks().0.iter().map(|float| f32::from_le_bytes(*float)).collect()),
        "F16" => Some(halves().map(tidegate_model::f16_to_f32).collect()),
        "BF16" => Some(halves().map(|half| f32::from_bits(u32::from(half) << 16)).collect()),
        _ => None,
    }
}

fn unread(path: &Path, error: std::io::Error) -> Fault {
    Fault::new(FaultKind::Config, format!("cannot read {}", path.display()))
        .hint("name the folder that holds the model's files")
        .cause(error)
}

fn broken(path: &Path, why: impl std::fmt::Display) -> Fault {
    let message = format!("{} is no model that can be used: {why}", path.display());
    Fault::new(FaultKind::Config, message).hint("fetch the file again, or name the folder of another model")
}

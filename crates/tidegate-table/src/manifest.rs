//! What counts of an output: its parts, their columns, and from where on the rows stand in the tail.
//!
//! It lies beside the folder of parts and not in it: readers take everything in such a folder for a part, and one of
//! them refuses a folder that holds anything else.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tidegate_core::killpoint;

use crate::types::Columns;

const NAME: &str = "manifest.json";
/// What [`Manifest::version`] is; another is another's.
const VERSION: u32 = 1;

/// The account of an output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// Parts that are full, in order: they are never written again.
    pub(crate) parts: Vec<Part>,
    /// Bytes of all lines in them, and what identifies these.
    pub(crate) base: u64,
    pub(crate) chain: u64,
    /// Their columns, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<Columns>,
    /// What identifies the lines up to the end of the part behind them, which grows still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<u64>,
}

/// A part that is full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: u64,
    /// The size of its file.
    pub(crate) bytes: u64,
}

/// The places of an output: the folder of its parts, and the folder of everything else, which lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) data: PathBuf,
    pub(crate) state: PathBuf,
}

impl Places {
    pub(crate) fn of(output: &Path) -> Self {
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        Self { data: output.to_owned(), state: output.with_file_name(format!(".{name}.tidegate")) }
    }

    /// The rows that are in no full part, as lines; they begin at byte `base` of all.
    pub(crate) fn tail(&self, base: u64) -> PathBuf {
        self.state.join(format!("tail-{base}.jsonl"))
    }

    /// Where a file is written before it gets its name.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.state.join("part.tmp")
    }

    pub(crate) fn part(&self, number: usize) -> PathBuf {
        self.data.join(part_name(number))
    }
}

/// What part `number` is called.
pub(crate) fn part_name(number: usize) -> String {
    format!("part-{number:05}.parquet")
}

/// The number of the part that is called so.
pub(crate) fn part_number(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("part-")?.strip_suffix(".parquet")?;
    digits.parse().ok().filter(|number| part_name(*number) == name)
}

impl Manifest {
    pub(crate) fn new(chain: u64) -> Self {
        Self { version: VERSION, chain, ..Self::default() }
    }

    /// The manifest of an output; `None` where there is none that reads.
    pub(crate) fn read(places: &Places) -> io::Result<Option<Self>> {
        let bytes = match fs::read(places.state.join(NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(serde_json::from_slice(&bytes).ok().filter(|manifest: &Self| manifest.version == VERSION))
    }

    /// Puts it in the place of the one that is there, durably.
    pub(crate) fn write(&self, places: &Places) -> io::Result<()> {
        let scratch = places.state.join("manifest.tmp");
        fs::write(&scratch, serde_json::to_vec_pretty(self)?)?;
        File::open(&scratch)?.sync_all()?;
        killpoint::hit("table.manifest.written");
        fs::rename(&scratch, places.state.join(NAME))?;
        sync_folder(&places.state)
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

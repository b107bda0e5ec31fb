//! By what a file is known again when a position in it is gone on from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use serde::{Deserialize, Serialize};
use tidegate_core::ContentHash;

/// How much of the end is compared: the footer of most files, with the place and the bounds of every column in it.
const END: u64 = 64 << 10;

/// The size of a file and the hash of its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    #[serde(rename = "n")]
    size: u64,
    #[serde(rename = "h")]
    hash: String,
}

impl Mark {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut end = vec![0; size.min(END) as usize];
        file.read_exact_at(&mut end, size - size.min(END))?;
        Ok(Self { size, hash: ContentHash::of(&end).to_hex()[..16].to_owned() })
    }
}

//! Parquet as input and output of map jobs, where this build knows it.

#[cfg(feature = "parquet")]
mod columns;
#[cfg(feature = "parquet")]
mod with;
#[cfg(not(feature = "parquet"))]
mod without;

use std::path::Path;

#[cfg(feature = "parquet")]
pub(crate) use with::{Rows, check_type, holds, is_empty, open, open_sink, remove, replace, settled, taken};
#[cfg(not(feature = "parquet"))]
pub(crate) use without::{
    Rows, check_type, holds, is_empty, open, open_sink, remove, replace, settled, taken,
};

use crate::config::{Config, Sink};

impl Config {
    /// The folder that the rows of a map job go to as a table, if they do.
    pub(crate) fn table(&self) -> Option<&Path> {
        match &self.sink {
            Sink::Jsonl(sink) if self.map.is_some() && is_table(&sink.path) => Some(Path::new(&sink.path)),
            _ => None,
        }
    }
}

/// Whether a map job's output that is called so is a table.
pub(crate) fn is_table(output: &str) -> bool {
    // What is written aside while a retry goes on is one as well.
    output.trim_end_matches(".retry").ends_with(".parquet") && !tidegate_connect::Place::is_one(output)
}

//! Writing one file of a table.

use std::fs::File;
use std::io::{self, BufRead};
use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::build::{Builder, Misfit};
use crate::types::Columns;

/// Rows, and bytes of their objects, that become columns together.
const BATCH: (usize, usize) = (4_096, 8 << 20);
/// Rows of a row group, and bytes of its columns, at most: what is in memory while it is written.
const GROUP: (usize, usize) = (128 << 10, 16 << 20);

/// Why a file was not written.
#[derive(Debug)]
pub(crate) enum Unwritten {
    /// The disk.
    Io(io::Error),
    /// A row that is none of the table's, by its place.
    Misfit(u64, Misfit),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ParquetError> for Unwritten {
    fn from(error: ParquetError) -> Self {
        // What a disk said is handed through, so that a full one is known as such.
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(cause) => Self::Io(io::Error::other(cause)),
            },
            error => Self::Io(io::Error::other(error)),
        }
    }
}

/// Writes the first `rows` lines of `lines` to a new file at `path`, durably; its size. `note` is kept in the footer
/// under [`NOTE`].
pub(crate) fn write(
    path: &Path,
    (columns, note): (&Columns, &str),
    (lines, rows): (&mut dyn BufRead, u64),
) -> Result<u64, Unwritten> {
    let mut builder = Builder::new(columns);
    let file = File::create(path)?;
    let mut writer = ArrowWriter::try_new(file.try_clone()?, builder.schema(), Some(properties(note)))?;
    let mut line = String::new();
    for row in 0..rows {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Err(Unwritten::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        builder.push(line.trim_end_matches('\n')).map_err(|misfit| Unwritten::Misfit(row, misfit))?;
        let (rows, bytes) = builder.size();
        if rows >= BATCH.0 || bytes >= BATCH.1 {
            writer.write(&builder.batch().map_err(ParquetError::from)?)?;
        }
    }
    writer.write(&builder.batch().map_err(ParquetError::from)?)?;
    writer.close()?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// The name under which a part's note stands in its footer.
pub(crate) const NOTE: &str = "tidegate";

fn properties(note: &str) -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("tidegate".to_owned())
        .set_max_row_group_row_count(Some(GROUP.0))
        .set_max_row_group_bytes(Some(GROUP.1))
        .set_key_value_metadata(Some(vec![KeyValue::new(NOTE.to_owned(), note.to_owned())]))
        .build()
}

//! A Parquet file, opened: its columns, and its rows from any one on.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::errors::ParquetError;
use tidegate_connect::{open_regular, read_fault};
use tidegate_core::{Fault, FaultKind};

use crate::claims::{self, damaged};
use crate::mark::Mark;
use crate::types::{self, Columns, Type};

/// Rows unpacked together, at most.
const ROWS: usize = 1_024;
/// Bytes of rows unpacked together, as far as the footer tells.
const BYTES: i64 = 4 << 20;

/// A file whose footer was read.
pub(crate) struct Table {
    file: File,
    read: ArrowReaderMetadata,
    pub(crate) columns: Columns,
    pub(crate) mark: Mark,
}

impl Table {
    /// Opens the file at `path`; a link is not followed.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let file = open_regular(path).map_err(read_fault)?;
        claims::footer(&file).map_err(read_fault)??;
        let mark = Mark::of(&file).map_err(read_fault)?;
        let (read, columns) = contained(|| metadata(&file))??;
        Ok(Self { file, read, columns, mark })
    }

    /// How many rows each row group has.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u64> {
        self.read.metadata().row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
    }

    /// The rows of a row group but the first `skipped`.
    ///
    /// # Errors
    /// What is wrong with the file there.
    pub(crate) fn group(&self, group: usize, skipped: u64) -> Result<Batches, Fault> {
        let described = self.read.metadata().row_group(group);
        claims::row_group(&self.file, described).map_err(read_fault)??;
        let rows = u64::try_from(described.num_rows()).unwrap_or(0).saturating_sub(skipped);
        let each = described.total_byte_size() / described.num_rows().max(1);
        let batch = usize::try_from(BYTES / each.max(1)).unwrap_or(ROWS).clamp(16, ROWS);
        let file = self.file.try_clone().map_err(read_fault)?;
        let reader = contained(|| {
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.read.clone())
                .with_row_groups(vec![group])
                .with_offset(usize::try_from(skipped).unwrap_or(usize::MAX))
                .with_batch_size(batch)
                .build()
        })?;
        Ok(Batches { reader: reader.map_err(fault)?, left: rows })
    }
}

/// The rows of a row group, a few at a time.
pub(crate) struct Batches {
    reader: ParquetRecordBatchReader,
    left: u64,
}

impl Batches {
    /// The next rows; `None` behind the last.
    ///
    /// # Errors
    /// What is wrong with the file there; nothing can be read of the row group any more then.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        let batch = contained(|| self.reader.next())?;
        let batch = batch.transpose().map_err(|error| fault(error.into()))?;
        let Some(batch) = batch.filter(|batch| batch.num_rows() > 0) else {
            return Err(damaged(format!("the row group ends {} rows early", self.left)));
        };
        self.left = self.left.saturating_sub(batch.num_rows() as u64);
        Ok(Some(batch))
    }
}

/// The footer as the library reads it, and the columns. Types come from the file's own schema alone: what Arrow wrote
/// beside it says how a table lay in somebody's memory, and every such shape would be one more to be read here.
fn metadata(file: &File) -> Result<(ArrowReaderMetadata, Columns), Fault> {
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::load(file, plain).map_err(fault)?;
    let mut leaves = found.parquet_schema().columns().iter().map(|column| column.physical_type());
    let viewed: Vec<FieldRef> =
        found.schema().fields().iter().map(|field| viewed(field, &mut leaves)).collect();
    let mut columns = types::columns(&viewed.iter().cloned().collect()).map_err(|what| {
        Fault::new(FaultKind::Unsupported, what).hint("write the file anew without it, or with it as text")
    })?;
    zones(&found, &mut columns);
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(viewed)));
    let read = ArrowReaderMetadata::try_new(found.metadata().clone(), options).map_err(fault)?;
    Ok((read, columns))
}

/// Gives columns of moments the zones that Arrow wrote beside the file's own schema, which knows none but UTC.
fn zones(found: &ArrowReaderMetadata, columns: &mut Columns) {
    // What is written there may be damaged where the rows are not.
    let told =
        contained(|| ArrowReaderMetadata::try_new(found.metadata().clone(), ArrowReaderOptions::new()));
    let Ok(Ok(told)) = told else { return };
    for ((_, of), field) in columns.iter_mut().zip(told.schema().fields()) {
        if let (Type::Timestamp { zone: Some(zone), .. }, DataType::Timestamp(_, Some(told))) =
            (of, field.data_type())
        {
            *zone = told.to_string();
        }
    }
}

/// The field with texts and bytes that point into their page instead of being copied: one long value that a page names
/// a thousand times takes its memory once. Moments of 96 bits are counted in microseconds: counted in nanoseconds, those
/// before 1677 and beyond 2262 become others without a word, and 9999-12-31 is what many tables say for "never".
/// `leaves` are the types of the columns that are within it and behind it, as the file has them.
fn viewed(field: &FieldRef, leaves: &mut dyn Iterator<Item = PhysicalType>) -> FieldRef {
    let data = match field.data_type() {
        DataType::List(of) => DataType::List(viewed(of, leaves)),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| viewed(field, leaves)).collect())
        }
        DataType::Map(entries, _) => {
            viewed(entries, leaves); // names and values stay as they are
            return field.clone();
        }
        leaf => match (leaves.next(), leaf) {
            (_, DataType::Utf8) => DataType::Utf8View,
            (_, DataType::Binary) => DataType::BinaryView,
            (Some(PhysicalType::INT96), DataType::Timestamp(TimeUnit::Nanosecond, None)) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            _ => return field.clone(),
        },
    };
    let same: Field = field.as_ref().clone();
    Arc::new(same.with_data_type(data))
}

fn fault(error: ParquetError) -> Fault {
    match error {
        ParquetError::NYI(what) => Fault::new(FaultKind::Unsupported, format!("not supported: {what}"))
            .hint("write the file anew with another encoding or compression"),
        error => damaged("the file is damaged").cause(error),
    }
}

/// Runs what reads foreign bytes. The library takes some damaged pages for impossible and panics; that costs the file,
/// not the run.
fn contained<T>(read: impl FnOnce() -> T) -> Result<T, Fault> {
    // What is left behind by a panic is never used again: the caller gives the reader up.
    catch_unwind(AssertUnwindSafe(read)).map_err(|panic| {
        let said = tidegate_core::context::panic_fault(panic.as_ref());
        damaged("the file is damaged in a way that its reader does not expect")
            .cause(std::io::Error::other(said.message().to_owned()))
    })
}

//! Whole tables in memory, for examples and tests.

use std::path::{Path, PathBuf};

use tidegate_connect::{regular_files, write_fault};
use tidegate_core::{Fault, FaultKind};

use crate::file::Table;
use crate::infer::Shape;
use crate::pairs::pairs;
use crate::part::{self, Unwritten};
use crate::rows::{TableRows, TableRowsOptions};
use crate::types::Columns;

/// Writes objects, one on a line, as the rows of a Parquet file. Columns that `columns` does not name get the type that
/// holds all their values.
///
/// # Errors
/// [`FaultKind::Validation`]: a row that is none of the table's; what writing the file comes to.
///
/// ```
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("a.parquet");
/// tidegate_table::write_table(&path, &Vec::new(), "{\"a\":1}\n{\"a\":2.5,\"b\":[\"x\"]}\n").unwrap();
/// let rows = tidegate_table::read_table(&path).unwrap();
/// assert_eq!(rows, ["{\"a\":1.0,\"b\":null}", "{\"a\":2.5,\"b\":[\"x\"]}"]);
/// ```
pub fn write_table(path: &Path, columns: &Columns, lines: &str) -> Result<(), Fault> {
    let invalid = |what: String| Fault::new(FaultKind::Validation, what);
    let mut shapes: Vec<(String, Shape)> = Vec::new();
    for line in lines.lines() {
        for (name, raw) in pairs(line).map_err(invalid)? {
            let place = shapes.iter().position(|(column, _)| *column == name).unwrap_or_else(|| {
                shapes.push((name, Shape::default()));
                shapes.len() - 1
            });
            shapes[place].1.see(raw.get());
        }
    }
    let mut all = columns.clone();
    shapes.retain(|(name, _)| !columns.iter().any(|(column, _)| column == name));
    all.extend(shapes.into_iter().map(|(name, shape)| (name, shape.column())));
    let rows = lines.lines().count() as u64;
    part::write(path, (&all, ""), (&mut lines.as_bytes(), rows)).map(drop).map_err(
        |unwritten| match unwritten {
            Unwritten::Io(error) => write_fault(error),
            Unwritten::Misfit(row, misfit) => {
                invalid(format!("row {}, column {:?}: {}", row + 1, misfit.column, misfit.what))
            }
        },
    )
}

/// The columns of the first of these files that can be read; none if there is none.
///
/// # Errors
/// [`FaultKind::Config`] for a path that is not a regular file.
pub fn columns_of(paths: &[PathBuf]) -> Result<Columns, Fault> {
    let paths = regular_files(paths)?;
    Ok(paths.iter().find_map(|path| Table::open(path).ok()).map(|table| table.columns).unwrap_or_default())
}

/// The rows of a Parquet file, as objects.
///
/// # Errors
/// A file that is none; the fault of the first row that cannot be read.
pub fn read_table(path: &Path) -> Result<Vec<String>, Fault> {
    let options = TableRowsOptions { id: None, max_row: usize::MAX, stream: false, limit: 0, blocks: false };
    let items = TableRows::open(&[path.to_owned()], options)?.peek(usize::MAX)?;
    let text = |item: tidegate_core::SourceItem| match item.fault {
        Some(fault) => Err(fault),
        None => Ok(item.body.as_ref().and_then(|body| body.as_text()).unwrap_or_default().to_owned()),
    };
    items.into_iter().map(text).collect()
}

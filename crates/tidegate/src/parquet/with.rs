//! What a build with Parquet does with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_connect::Committed;
use tidegate_core::{Fault, FaultKind, Ledger, Sink};
pub(crate) use tidegate_table::TableRows as Rows;
use tidegate_table::{NAMED, TableOptions, TableRowsOptions, TableSink, Type};
pub(crate) use tidegate_table::{holds, is_empty, remove, replace, settled, taken};

use super::columns::columns;
use crate::config::{Config, Jsonl, JsonlSink};

/// The rows of the files that a job names.
///
/// # Errors
/// [`FaultKind::Config`]: a path that is no file.
pub(crate) fn open(rows: &Jsonl, (config, stream): (&Config, bool)) -> Result<Rows, Fault> {
    let paths: Vec<PathBuf> = rows.paths.iter().map(PathBuf::from).collect();
    let options = TableRowsOptions {
        id: rows.id_field.clone(),
        max_row: usize::try_from(rows.max_line.bytes()).unwrap_or(usize::MAX),
        stream,
        limit: config.map.as_ref().map_or(0, |map| map.limit),
        blocks: config.sweeps(),
    };
    Rows::open(&paths, options)
}

/// The table that the rows of a job go to.
///
/// # Errors
/// As [`TableSink::open`].
pub(crate) fn open_sink(
    config: &Config,
    sink: &JsonlSink,
    (committed, ledger): (Option<Committed>, Arc<dyn Ledger>),
    (ordered, overwrite): (bool, bool),
) -> Result<Box<dyn Sink>, Fault> {
    let options = TableOptions { columns: columns(config)?, ordered, overwrite };
    Ok(Box::new(TableSink::open(Path::new(&sink.path), committed, ledger, options)?))
}

/// Whether a user may call a type so.
///
/// # Errors
/// What there is instead.
pub(crate) fn check_type(name: &str) -> Result<(), Fault> {
    match Type::named(name) {
        Some(_) => Ok(()),
        None => Err(Fault::new(FaultKind::Config, format!("there is no type \"{}\"", name.escape_debug()))
            .hint(format!("it is one of {NAMED}"))),
    }
}

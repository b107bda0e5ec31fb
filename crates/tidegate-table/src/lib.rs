//! Tables of typed columns, in and out: the rows of Parquet files as objects, and objects as the rows of Parquet files.
//!
//! This crate must not contain steps, models, settings of pipelines or any other format: what becomes of a row is
//! decided elsewhere, and whoever builds without Parquet leaves this crate out, with the family of libraries it brings.
//!
//! A row of a table is an object on one line, as in JSON Lines; [`cell`] and [`build`] are the two directions between
//! its values and those of columns, and every value that comes out of a file goes back into a column of its type as it
//! was. What a file says of itself is measured ([`claims`]) before the library that reads it is let at it.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod arrays;
mod aside;
mod build;
mod cell;
mod claims;
mod clock;
mod file;
mod infer;
mod manifest;
mod mark;
mod output;
mod pairs;
mod part;
mod plan;
mod rows;
mod schema;
mod sink;
mod swap;
mod tail;
#[cfg(test)]
mod tests;
mod thrift;
mod types;
mod value;
mod whole;

pub use rows::{TableRows, TableRowsOptions};
pub use sink::{TableOptions, TableSink};
pub use swap::{holds, is_empty, remove, replace, settled, taken};
pub use types::{Clock, Columns, NAMED, Type};
pub use whole::{columns_of, read_table, write_table};

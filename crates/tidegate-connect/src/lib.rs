//! Where records come from and go to: files, rows of JSON Lines and of tables, standard input, growing files, URLs, objects in
//! buckets; JSON Lines and tables out.
//!
//! This crate must not contain parsing of documents, SQL, retries or flow logic: a source lists and reads, a sink
//! writes, and what happens when one of them fails is decided elsewhere.

#![forbid(unsafe_code)]

mod blocks;
mod buffers;
mod cells;
mod changes;
mod decode;
mod ends;
mod fetch;
mod files;
mod fit;
mod fuzz;
mod gathered;
pub mod guard;
mod head;
mod inputs;
mod jsonl;
mod jsonl_sink;
mod key;
mod lines;
mod manifest;
mod nearest;
mod objects;
mod open;
mod output;
mod pack;
mod plan;
mod pump;
mod quoted;
mod record_ends;
mod rotated;
mod row;
mod rows;
mod rules;
mod select;
mod skip;
mod split;
mod spool;
mod stdin;
mod table;
mod table_text;
mod tail;
#[cfg(test)]
mod tests;
mod unfit;
mod walk;
mod watch;
mod webhook;
mod whole;
mod writing;
mod written;

pub use blocks::Blocks;
pub use buffers::Buffers;
pub use cells::{TableShape, field_names};
pub use files::Files;
/// Lines of lists and of rows, and tables, for whoever wants to feed them with bytes of their own.
pub use fuzz::{fuzz_lines, fuzz_table};
pub use gathered::{gathered, peeked, place_of};
pub use inputs::{InputFormat, format_of, rows_in};
pub use jsonl::{Jsonl, RowOptions};
/// For sources of rows elsewhere: which files are meant, and what is said of those that cannot be gone on with.
pub use jsonl::{other_input, regular_files};
pub use jsonl_sink::{JsonlOptions, JsonlSink};
pub use key::{decode_key, encode_key, row_prefix};
pub use manifest::{LaneOf, Manifest, ManifestOptions};
pub use objects::{Objects, ObjectsOptions, ObjectsSink, Place, Service, Storage};
/// For sources and sinks elsewhere: opening nothing but regular files, and what goes wrong with them.
pub use open::{read_fault, regular as open_regular, write_fault};
pub use output::{Committed, OUTPUT, OUTPUT_NEXT, OUTPUT_NEXT_TAIL, OUTPUT_TAIL, OUTPUT_WHOLE, holds};
pub use pack::Packing;
pub use plan::{FilesOptions, FilesStats};
/// For sources of rows elsewhere.
pub use quoted::put_quoted;
pub use row::{RowFields, content_hash_of};
pub use rows::{MAX_LINE, RowFormat};
pub use select::{FieldSelection, VectorFormat};
pub use skip::holds_no_text;
pub use stdin::{STDIN, StdinDocument, StdinRows, peek_rows};
pub use table::{CellType, TableOptions};
pub use table_text::{TableObject, TableRow, TableText, TableTextRows};
pub use tail::{Tail, TailOptions};
pub use unfit::UnfitLines;
pub use watch::{Watch, WatchOptions, WatchSource};
pub use webhook::{Deliver, WebhookOptions, WebhookSink};
pub use whole::{discard, settled};
pub use written::Written;

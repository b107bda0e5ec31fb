//! Where records come from and go to: files, rows of JSON Lines, standard input, growing files, URLs, objects in buckets; JSON
//! Lines out.
//!
//! This crate must not contain parsing of documents, SQL, retries or flow logic: a source lists and reads, a sink
//! writes, and what happens when one of them fails is decided elsewhere.

#![forbid(unsafe_code)]

mod blocks;
mod buffers;
mod changes;
mod decode;
mod fetch;
mod files;
mod fuzz;
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
mod plan;
mod pump;
mod rotated;
mod row;
mod rows;
mod rules;
mod select;
mod skip;
mod spool;
mod stdin;
mod tail;
#[cfg(test)]
mod tests;
mod walk;
mod watch;
mod webhook;

pub use blocks::Blocks;
pub use buffers::Buffers;
pub use files::Files;
/// Lines of lists and of rows, for whoever wants to feed them with bytes of their own.
pub use fuzz::fuzz_lines;
pub use inputs::{InputFormat, rows_in};
pub use jsonl::{Jsonl, RowOptions};
pub use jsonl_sink::{JsonlOptions, JsonlSink};
pub use key::{decode_key, encode_key};
pub use manifest::{LaneOf, Manifest, ManifestOptions};
pub use objects::{Objects, ObjectsOptions, ObjectsSink, Place, Service, Storage};
pub use output::{Committed, OUTPUT, OUTPUT_TAIL, holds};
pub use plan::{FilesOptions, FilesStats};
pub use row::{RowFields, content_hash_of};
pub use rows::{MAX_LINE, RowFormat};
pub use select::{FieldSelection, VectorFormat};
pub use skip::holds_no_text;
pub use stdin::{STDIN, StdinDocument, StdinRows, peek_rows};
pub use tail::{Tail, TailOptions};
pub use watch::{Watch, WatchOptions, WatchSource};
pub use webhook::{Deliver, WebhookOptions, WebhookSink};

//! Turns the bytes of a document into text with structure, says whether that is worth keeping, and cuts it into chunks
//! under a token budget.
//!
//! This crate must not contain I/O, threads, async code, or parsers for formats that can only be trusted in a
//! child process (PDF, Office, e-mail, EPUB, archives): it refuses those by name.
//!
//! ```
//! use tidegate_text::{ByteEstimate, ChunkOptions, ParseOptions, chunk, embed_text, parse};
//! let doc = parse("a.md", b"# Pumps\n\nThe primer must be wet.", &ParseOptions::default()).unwrap();
//! let chunks: Vec<_> = chunk(&doc, &ByteEstimate, &ChunkOptions::default()).collect();
//! assert_eq!(embed_text(&doc, &chunks[0].place), "Pumps\nThe primer must be wet.");
//! ```

#![forbid(unsafe_code)]

mod chunk;
mod code;
mod decode;
mod format;
mod front;
mod html;
mod json;
mod magic;
mod markdown;
mod page;
mod parse;
mod plain;
mod rows;
mod sentence;
mod validate;

pub use chunk::{
    ByteEstimate, ChunkOptions, ChunkPlan, chunk, chunk_estimated, chunk_shared, embed_text, with_heading,
};
pub use decode::{Decoded, decode};
pub use format::{Format, Lang, sniff};
pub use parse::{ParseOptions, parse};
pub use sentence::sentences;
pub use validate::{Rules, Schema, Subject, is_language, languages};

//! Models: the embedder that is built in, the tokenizer that measures text for it, and the journal keys of vectors.
//!
//! This crate must not contain I/O: no files, sockets, threads or clocks. What it needs is compiled in or handed
//! in, and callers decide where it runs. Unsafe code is denied but for one call, in `wide`.

#![deny(unsafe_code)]

pub mod builtin;
mod half;
pub mod journal_key;
mod normalise;
mod pool;
mod trie;
mod wide;
pub mod wordpiece;

pub use builtin::Builtin;
pub use journal_key::embedding_key;
pub use wordpiece::WordPiece;

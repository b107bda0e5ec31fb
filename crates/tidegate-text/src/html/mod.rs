//! HTML: one pass over the tokens, no tree.
//!
//! A tree costs several times the text and, on hostile nesting, the stack. The reader keeps only the open elements
//! that say where text belongs, writes text with its blocks as it goes, and leaves boilerplate out at the end,
//! when it has seen what the page consists of.

mod attrs;
mod cells;
mod entity;
mod head;
mod reader;
mod scan;
mod select;
mod tag;
#[cfg(test)]
mod tests;
mod writer;
mod zone;

pub(crate) use head::declared_encoding;
pub(crate) use reader::parse;

//! What is said of a record in a few words: expressions in jq, texts with places to fill in.
//!
//! This crate must not contain I/O, threads or models: these are pure functions of a record.
//!
//! Common expressions and templates are compiled to run on the bytes of a line as they stand, without a tree of it;
//! everything else that jq or Jinja can say runs in their libraries. Which of the two it was never shows in the
//! result; a property test compares them.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod change;
mod expr;
mod jq;
mod named;
mod quick;
mod record;
mod split;
mod template;
mod text;
mod value;

pub use change::{Change, Decision, Step, Verdict};
pub use expr::Expr;
pub use record::Record;
pub use template::Template;
pub use text::Text;

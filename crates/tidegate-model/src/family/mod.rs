//! One type for each kind of work, whichever wire format the configured service speaks.
//!
//! The formats of this crate are a closed set, so they are told apart by an enum; callers that bring a codec of
//! their own implement the traits of the core.

mod chat;
mod embed;
mod listen;
mod models;
mod refine;
mod rerank;
#[cfg(test)]
mod tests;

pub use chat::{AnyChat, chat_codec};
pub use embed::{AnyEmbedding, embedding_codec};
pub(crate) use embed::{Vectors, task_value};
pub use models::model_names;
pub use rerank::{AnyRerank, rerank_codec};

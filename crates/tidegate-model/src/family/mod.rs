//! One type for each kind of work, whichever wire format the configured service speaks.
//!
//! The formats of this crate are a closed set, so they are told apart by an enum; callers that bring a codec of
//! their own implement the traits of the core.
//!
//! ```
//! use tidegate_core::{Codec, Task};
//! use tidegate_model::{EmbedOptions, Endpoint, Profiles, Service, Text, embedding_codec};
//!
//! let profile = Profiles::builtin().get("ollama")?.clone();
//! let endpoint = Endpoint::new("http://localhost:11434", "all-minilm")?;
//! let service = Service::new(profile, endpoint, None);
//! let codec = embedding_codec(service, EmbedOptions::new(Task::Document))?;
//! let request = codec.encode(&[Text::new("a text", 2)])?;
//! assert_eq!(request.url, "http://localhost:11434/api/embed");
//! # Ok::<(), tidegate_core::Fault>(())
//! ```

mod chat;
mod embed;
mod listen;
mod models;
mod refine;
mod rerank;
#[cfg(test)]
mod tests;

pub use chat::{AnyChat, chat_codec};
pub use embed::{AnyEmbedding, embedding_codec, prefixed};
pub(crate) use embed::{Vectors, task_value};
pub use models::model_names;
pub use rerank::{AnyRerank, rerank_codec};

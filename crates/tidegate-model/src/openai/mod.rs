//! The wire format that most services speak: `/embeddings`, `/chat/completions`, and what usually lies beside them.

mod chat;
mod embed;
mod models;
mod rerank;
mod stream;
#[cfg(test)]
mod tests;
mod used;

pub use chat::OpenaiChat;
pub use embed::OpenaiEmbed;
pub use models::{model_names, models_request};
pub use rerank::OpenaiRerank;

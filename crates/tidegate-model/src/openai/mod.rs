//! The wire format that most services speak: `/embeddings`, `/chat/completions`, and what usually lies beside them.

mod embed;
#[cfg(test)]
mod tests;

pub use embed::OpenaiEmbed;

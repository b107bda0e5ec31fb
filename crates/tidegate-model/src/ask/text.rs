//! A text to be embedded.

use std::sync::Arc;

/// A text to be embedded, already counted. Answered by an `Arc<[f32]>` of unit length.
///
/// Whether it is a document or a query is the codec's to know: one codec embeds for one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text, never empty.
    pub text: Arc<str>,
    /// How many tokens it has by the model's tokenizer, or by a conservative estimate.
    pub tokens: u32,
}

impl Text {
    /// `text`, which has `tokens` tokens.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>, tokens: u32) -> Self {
        Self { text: text.into(), tokens }
    }
}

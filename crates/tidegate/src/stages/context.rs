//! What goes before the text of a chunk: both are embedded and searched together.

use std::sync::Arc;

use tidegate_core::{Body, Record, Tokenizer};

/// Puts contexts before chunks, whose tokens are counted by what embeds them.
pub(crate) struct Context(Arc<dyn Tokenizer>);

impl Context {
    /// Counts with `tokenizer`.
    pub(crate) fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self(tokenizer)
    }

    /// Puts `context` before the text of `record`.
    pub(super) fn put(&self, record: &mut Record, context: &str) {
        let text = record.body.as_text().unwrap_or_default();
        let whole = format!("{context}\n\n{text}");
        let more = u32::try_from(self.0.count(context)).unwrap_or(u32::MAX);
        record.tokens = record.tokens.saturating_add(more);
        record.set_body(Body::Text(whole.into()));
    }
}

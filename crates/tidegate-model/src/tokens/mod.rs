//! Counting tokens as remote models do, or more: what is sent is reserved beforehand, and a text that is too long
//! is better seen here than refused there.

#[cfg(feature = "bpe")]
mod bpe;
#[cfg(feature = "bpe")]
mod classes;
mod estimate;
#[cfg(feature = "bpe")]
mod split;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use tidegate_core::Tokenizer;

#[cfg(feature = "bpe")]
pub use bpe::Bpe;
pub use estimate::Estimate;

use crate::profile::{Profile, TokenizerName};
use crate::wordpiece::WordPiece;

static WORDPIECE: LazyLock<Arc<WordPiece>> = LazyLock::new(|| Arc::new(WordPiece::builtin()));

/// What counts tokens for `model` of the provider that `profile` describes: its own tokenizer where that is known
/// and compiled in, otherwise an estimate that is rather too high.
#[must_use]
pub fn counter(profile: &Profile, model: &str) -> Arc<dyn Tokenizer> {
    match profile.facts(model).and_then(|facts| facts.tokenizer) {
        #[cfg(feature = "bpe")]
        Some(TokenizerName::Cl100k) => Arc::new(Bpe::cl100k()),
        #[cfg(feature = "bpe")]
        Some(TokenizerName::O200k) => Arc::new(Bpe::o200k()),
        Some(TokenizerName::Wordpiece) => WORDPIECE.clone(),
        _ => Arc::new(Estimate),
    }
}

//! Embedders that run in this process, and the tokenizers that measure text for them.

use crate::fault::Fault;

/// What a vector is for; some models encode questions and passages differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Text to be found.
    Document,
    /// Text to find with.
    Query,
}

impl Task {
    /// The name that enters journal keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Query => "query",
        }
    }
}

/// Splits text as a model does, to measure it.
pub trait Tokenizer: Send + Sync {
    /// Appends the byte offset at which each token of `text` starts, in order. The number of offsets is the
    /// number of tokens. A chunker calls this once per document and then measures any range that begins and ends
    /// at word boundaries by bisection.
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>);

    /// How many tokens `text` has.
    fn count(&self, text: &str) -> usize {
        let mut starts = Vec::with_capacity(text.len() / 4);
        self.token_starts(text, &mut starts);
        starts.len()
    }
}

/// Turns texts into vectors on this machine. Implementations are pure CPU work: callers run them on the compute
/// pool, one call per core.
pub trait Embedder: Send + Sync {
    /// Names exactly what computes the vectors (family, model, and a hash of its weights): part of every journal
    /// key, so vectors of different models can never be mixed.
    fn identity(&self) -> &str;
    /// Length of each vector.
    fn dimensions(&self) -> usize;
    /// The model's own tokenizer.
    fn tokenizer(&self) -> &dyn Tokenizer;
    /// The most tokens of a text that enter its vector.
    fn max_tokens(&self) -> usize;
    /// One L2-normalised vector of [`Self::dimensions`] floats per text, in order.
    ///
    /// # Errors
    /// A fault for the whole call; a text that cannot be embedded (no known token) gets a zero vector instead.
    fn embed(&self, texts: &[&str], task: Task) -> Result<Vec<Vec<f32>>, Fault>;
}

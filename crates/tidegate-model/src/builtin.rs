//! The embedder that is always there: one vector per token, compiled in; a text's vector is the sum of its tokens'
//! vectors, scaled to unit length.
//!
//! Where the table comes from is told in `assets/README.md`. How much each token weighs is part of the table.

use std::sync::LazyLock;

use tidegate_core::{Embedder, Fault, Task, Tokenizer};

use crate::fit::Rows;
use crate::pool::{Table, normalise};
use crate::wordpiece::WordPiece;

/// Length of the vectors.
pub(crate) const DIMENSIONS: usize = 256;
/// What decides the tokens of a text.
pub(crate) const VOCABULARY: &str = include_str!("../assets/vocab.txt");
pub(crate) const NORMALISER: &str = include_str!("../assets/normalise.txt");

static ROWS: &[u8] = include_bytes!("../assets/static-256.i8");
static SCALES: &[u8] = include_bytes!("../assets/static-256.scale.f16");
static TABLE: Table<'static, DIMENSIONS> = Table { rows: ROWS.as_chunks().0, scales: SCALES.as_chunks().0 };
static TOKENIZER: LazyLock<WordPiece> = LazyLock::new(WordPiece::builtin);

/// The embedder compiled into this crate. It has no state; making one is free, the first use costs microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Builtin;

impl Builtin {
    /// What the names of all tables that were ever compiled in begin with.
    pub const FAMILY: &'static str = "builtin/";

    /// The name under which this table's vectors are stored. Its digits are those of a hash over the rows, the
    /// scales, the vocabulary and the normaliser's table; a test compares them, so that no start pays for hashing
    /// 8 MB.
    pub const IDENTITY: &'static str = "builtin/static-256@0b790ae93c6e";

    /// The unit vector of tokens, or the zero vector if there are none.
    #[must_use]
    pub fn vector(ids: &[u32]) -> Vec<f32> {
        let mut vector = TABLE.sum(ids);
        normalise(&mut vector);
        vector.to_vec()
    }

    /// The floats that the table stands for, to fit them further.
    #[must_use]
    pub fn rows() -> Rows {
        Rows::unpack(DIMENSIONS, ROWS, TABLE.scales)
    }
}

impl Embedder for Builtin {
    fn identity(&self) -> &str {
        Self::IDENTITY
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn tokenizer(&self) -> &dyn Tokenizer {
        &*TOKENIZER
    }

    /// How long a chunk may usefully be. Nothing is cut off: every token of a longer text still enters its vector,
    /// but the sum of so many says less and less about any of them.
    fn max_tokens(&self) -> usize {
        512
    }

    /// Documents and queries are embedded alike. Never fails.
    fn embed(&self, texts: &[&str], _: Task) -> Result<Vec<Vec<f32>>, Fault> {
        let mut ids = Vec::new();
        let embed = |text: &&str| {
            ids.clear();
            TOKENIZER.encode(text, &mut ids);
            Self::vector(&ids)
        };
        Ok(texts.iter().map(embed).collect())
    }
}

/// Counts as the table does.
impl Tokenizer for Builtin {
    fn token_starts(&self, text: &str, starts: &mut Vec<u32>) {
        TOKENIZER.token_starts(text, starts);
    }

    fn count(&self, text: &str) -> usize {
        TOKENIZER.count(text)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::ContentHash;

    use super::*;

    #[test]
    fn the_identity_is_that_of_the_table() {
        let parts = [ROWS, SCALES, VOCABULARY.as_bytes(), NORMALISER.as_bytes()];
        let hash = ContentHash::of_parts(&parts).to_hex();
        assert_eq!(Builtin::IDENTITY, format!("builtin/static-256@{}", &hash[..12]));
    }

    #[test]
    fn there_is_a_row_and_a_scale_for_every_token() {
        let tokens = VOCABULARY.lines().count();
        assert_eq!((TABLE.rows.len(), TABLE.scales.len()), (tokens, tokens));
        assert_eq!((ROWS.len(), SCALES.len()), (tokens * DIMENSIONS, tokens * 2));
    }
}

//! What an adaptation did.

use serde::Serialize;
pub use tidegate_model::fit::Agreement;

/// What an adaptation did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adapted {
    /// The table that was fitted: the name of its vectors.
    pub table: String,
    /// The table whose vectors the store had before.
    pub before: String,
    /// Whether both are the same: the texts, the teacher and the seed were.
    pub unchanged: bool,
    /// What was learned from.
    pub teacher: Teaching,
    /// How nearly the table in use agreed with the teacher about texts that no fit saw.
    pub agreement_before: Agreement,
    /// How nearly the fitted one does.
    pub agreement_after: Agreement,
    /// What took how long.
    pub seconds: Seconds,
}

/// What a table was fitted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Teaching {
    /// The teacher: the name of its vectors.
    pub model: String,
    /// Distinct chunks that segments were taken of.
    pub chunks: usize,
    /// Segments the table was fitted to.
    pub segments: usize,
    /// Segments of other chunks, which it was measured with.
    pub held_out: usize,
    /// Segments that the teacher embedded now.
    pub made: usize,
    /// Segments whose vectors were in the journal.
    pub from_journal: usize,
}

/// What took how long, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Choosing segments from all chunks.
    pub sample: f64,
    /// Embedding them with the teacher.
    pub teach: f64,
    /// Fitting and measuring.
    pub fit: f64,
}

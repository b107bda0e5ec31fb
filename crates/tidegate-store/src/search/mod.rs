//! Search over a store: vectors, full text, or both.
//!
//! Everything one query reads is read in one transaction, so that a document is seen as it was or as it is, never in
//! between. The 1-bit codes of all vectors are held in memory and follow the file.

mod allowed;
mod codes;
pub(crate) mod filter;
mod fuse;
mod hamming;
mod hits;
mod rescore;
mod searcher;
mod snippet;
mod text;
mod vector;

use serde::Serialize;

pub use filter::Filter;
pub use rescore::rescored;
pub use searcher::{Answer, Searcher};
pub use snippet::snippet;

/// What decides the order of hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Words (BM25).
    Text,
    /// Meaning (cosine).
    Vector,
    /// Both: the mean of `bm25 / best bm25` and the cosine, weighed by [`Weights`].
    #[default]
    Hybrid,
}

/// What each leg of [`Mode::Hybrid`] counts. Only their ratio matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of BM25 by the query's best.
    pub text: f64,
    /// Of the cosine.
    pub vector: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { text: 1.0, vector: 1.0 }
    }
}

/// A query.
#[derive(Debug, Clone)]
pub struct Query {
    /// The words; in double quotes: as a phrase.
    pub text: Option<String>,
    /// The vector, from the model that made the stored ones. Need not be normalised.
    pub vector: Option<Vec<f32>>,
    /// That model's name as it was given to the journal. `None`: every model with as many dimensions.
    pub model: Option<String>,
    /// What decides the order.
    pub mode: Mode,
    /// Most hits, 1–1,000.
    pub limit: usize,
    /// Which documents count.
    pub filter: Option<Filter>,
    /// What each leg counts where both do.
    pub weights: Weights,
    /// How many candidates of the 1-bit scan are rescored exactly; 0 chooses.
    pub rescore: usize,
    /// The generation the vector is meant for. If another one has become active, [`Searcher::answer`] says so
    /// instead of comparing what cannot be compared. `None`: whichever is active.
    pub generation: Option<i64>,
}

impl Query {
    /// Ten hits for `text`, in the order `mode` decides; the other fields are set by assignment.
    #[must_use]
    pub fn new(text: impl Into<String>, mode: Mode) -> Self {
        Self {
            text: Some(text.into()),
            vector: None,
            model: None,
            mode,
            limit: 10,
            filter: None,
            weights: Weights::default(),
            rescore: 0,
            generation: None,
        }
    }
}

/// One hit: a chunk of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// Position from 1.
    pub rank: usize,
    /// What it was ranked by: BM25, cosine, or their fusion (0–1); fused with a better model's cosine by [`rescored`].
    pub score: f64,
    /// The key of its document.
    pub source: String,
    /// The chunk's id in this store.
    pub id: i64,
    /// The document's title.
    pub title: Option<String>,
    /// Headings above the chunk, outermost first.
    pub heading: Vec<String>,
    /// Page from 1, for paged formats.
    pub page: Option<u32>,
    /// Byte range in the document's text: start, end.
    pub span: (u64, u64),
    /// The chunk's text.
    pub text: String,
    /// What the score is made of.
    pub parts: Parts,
}

/// The parts of a score.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Parts {
    /// Cosine to the query's vector, −1–1, if there is one.
    pub vector: Option<f64>,
    /// BM25 of the query's words, above 0, if any of them occurs.
    pub text: Option<f64>,
    /// Cosine to the query by a better model, −1–1, if one looked at the chunk.
    pub rescore: Option<f64>,
}

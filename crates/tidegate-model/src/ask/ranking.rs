//! Documents to be put in the order of their relevance to a query.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Documents to be ranked for a query. Answered by an `Arc<[Ranked]>`, the most relevant first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// What is sought.
    pub query: Arc<str>,
    /// What is to be ranked; answers name documents by their position here.
    pub documents: Arc<[Arc<str>]>,
    /// How many to return at most; zero means all.
    pub top: usize,
}

impl Ranking {
    /// How many documents an answer must name.
    #[must_use]
    pub fn wanted(&self) -> usize {
        match self.top {
            0 => self.documents.len(),
            top => top.min(self.documents.len()),
        }
    }

    /// What must be in a journal key beside the model: the query, the number wanted, and every document.
    #[must_use]
    pub fn key_parts(&self) -> Vec<Vec<u8>> {
        let mut parts = vec![self.query.as_bytes().to_vec(), (self.top as u64).to_le_bytes().to_vec()];
        parts.extend(self.documents.iter().map(|document| document.as_bytes().to_vec()));
        parts
    }
}

/// A document's place in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The position of the document in [`Ranking::documents`].
    pub index: u32,
    /// Its relevance, by the model's own scale; finite.
    pub score: f32,
}

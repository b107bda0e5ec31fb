//! Where what was paid for is kept: content-addressed vectors and replies, written before anything acts on them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::fault::Fault;
use crate::hash::ContentHash;

/// Content-addressed vectors. Any process may append; nothing is ever overwritten.
#[async_trait]
pub trait Journal: Send + Sync {
    /// The vectors kept under `keys`, in the order of `keys`.
    ///
    /// # Errors
    /// Storage faults.
    ///
    /// # Cancel safety
    /// Safe.
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Arc<[f32]>>>, Fault>;

    /// Keeps vectors of `model`: key, vector, and the tokens that were paid for it. Durable when it returns. A key
    /// that is already there keeps its first vector.
    ///
    /// # Errors
    /// A record fault for a vector that is not finite or has another length than the model's earlier ones (nothing
    /// of the call is kept then); storage faults otherwise.
    ///
    /// # Cancel safety
    /// Dropping the future may leave all of the entries kept, or none.
    async fn append(&self, model: &str, entries: Vec<(ContentHash, Arc<[f32]>, u32)>) -> Result<(), Fault>;
}

/// A reply as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The answer, as its codec writes it.
    pub reply: Bytes,
    /// Tokens sent for it.
    pub input_tokens: u64,
    /// Tokens it has.
    pub output_tokens: u64,
    /// What it cost, in the currency of the price table; zero where no price is known.
    pub cost: f64,
}

/// Content-addressed replies: answers of language models, rankings, looked-up values. As [`Journal`], for bytes that
/// may grow old.
#[async_trait]
pub trait Replies: Send + Sync {
    /// The replies kept under `keys`, in the order of `keys`, each with when it was written (milliseconds since
    /// 1970).
    ///
    /// # Errors
    /// Storage faults.
    ///
    /// # Cancel safety
    /// Safe.
    async fn lookup_replies(&self, keys: &[ContentHash]) -> Result<Vec<Option<(Kept, u64)>>, Fault>;

    /// Keeps replies of `model`. Durable when it returns. A key that is already there keeps its first reply, unless
    /// that is so old that whoever appends another asked again because of its age.
    ///
    /// # Errors
    /// Storage faults.
    ///
    /// # Cancel safety
    /// Dropping the future may leave all of the entries kept, or none.
    async fn append_replies(&self, model: &str, entries: Vec<(ContentHash, Kept)>) -> Result<(), Fault>;
}

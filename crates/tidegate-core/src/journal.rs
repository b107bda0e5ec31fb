//! Where what was paid for is kept: content-addressed vectors, written before anything acts on them.

use std::sync::Arc;

use async_trait::async_trait;

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

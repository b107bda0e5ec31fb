//! The journal of a store that is open for reading: opened for writing only when there is something to keep.
//!
//! Questions are asked of stores that another process may be filling, and of stores on disks that cannot be written;
//! what they cost is kept where that is possible, and paid again where it is not.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{ContentHash, Fault, Journal, Kept, Replies};
use tidegate_store::{OpenMode, Store};

/// The journal of a store that is open for reading.
pub(crate) struct Lazy(pub(crate) Store);

impl Lazy {
    fn writable(&self) -> Result<Store, Fault> {
        Store::open(&self.0.path().display().to_string(), OpenMode::Write)
    }
}

fn noted(kept: Result<(), Fault>) {
    if let Err(fault) = kept {
        tracing::warn!(%fault, "what was paid for could not be kept");
    }
}

#[async_trait]
impl Journal for Lazy {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Arc<[f32]>>>, Fault> {
        self.0.lookup(keys).await
    }

    async fn append(&self, model: &str, entries: Vec<(ContentHash, Arc<[f32]>, u32)>) -> Result<(), Fault> {
        noted(match self.writable() {
            Ok(store) => store.append(model, entries).await,
            Err(fault) => Err(fault),
        });
        Ok(())
    }
}

#[async_trait]
impl Replies for Lazy {
    async fn lookup_replies(&self, keys: &[ContentHash]) -> Result<Vec<Option<(Kept, u64)>>, Fault> {
        self.0.lookup_replies(keys).await
    }

    async fn append_replies(&self, model: &str, entries: Vec<(ContentHash, Kept)>) -> Result<(), Fault> {
        noted(match self.writable() {
            Ok(store) => store.append_replies(model, entries).await,
            Err(fault) => Err(fault),
        });
        Ok(())
    }
}

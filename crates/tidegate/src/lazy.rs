//! The journal of a store that is open for reading: opened for writing only when there is something to keep.
//!
//! Questions are asked of stores that another process may be filling, and of stores on disks that cannot be written;
//! what they cost is kept where that is possible, and paid again where it is not.

use std::sync::Arc;
use std::time::Duration;

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

/// The same for vectors that are made on this machine on the way to an answer: nothing is lost but time where they
/// cannot be kept, so nobody waits for a store that is busy, and nobody is warned.
pub(crate) struct Spare(pub(crate) Store);

/// How long a search waits for a run that writes: some of its transactions.
const PATIENCE: Duration = Duration::from_millis(250);

#[async_trait]
impl Journal for Spare {
    async fn lookup(&self, keys: &[ContentHash]) -> Result<Vec<Option<Arc<[f32]>>>, Fault> {
        self.0.lookup(keys).await
    }

    async fn append(&self, model: &str, entries: Vec<(ContentHash, Arc<[f32]>, u32)>) -> Result<(), Fault> {
        if let Err(fault) = self.0.append_aside(model, &entries, PATIENCE) {
            tracing::info!(%fault, vectors = entries.len(), "vectors could not be kept, and will be made again");
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_kept_ends_no_search() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("t.db").display().to_string();
        drop(Store::open(&url, OpenMode::Write).unwrap());
        let spare = Spare(Store::open(&url, OpenMode::Read).unwrap());
        let entry = |of: u8| vec![(ContentHash([of; 32]), Arc::from([1.0, 2.0]), 1)];
        spare.append("m", entry(1)).await.unwrap();
        let kept = [ContentHash([1; 32]), ContentHash([2; 32])];
        assert_eq!(spare.lookup(&kept).await.unwrap(), [Some(Arc::from([1.0, 2.0])), None]);
        std::fs::remove_file(dir.path().join("t.db")).unwrap();
        spare.append("m", entry(2)).await.unwrap();
    }
}

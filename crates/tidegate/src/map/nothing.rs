//! A journal that has nothing and keeps nothing.

use async_trait::async_trait;
use tidegate_core::{ContentHash, Fault, Kept, Replies};

/// A journal for what is never asked.
pub(crate) struct Nothing;

#[async_trait]
impl Replies for Nothing {
    async fn lookup_replies(&self, keys: &[ContentHash]) -> Result<Vec<Option<(Kept, u64)>>, Fault> {
        Ok(keys.iter().map(|_| None).collect())
    }

    async fn append_replies(&self, _: &str, _: Vec<(ContentHash, Kept)>) -> Result<(), Fault> {
        Ok(())
    }
}

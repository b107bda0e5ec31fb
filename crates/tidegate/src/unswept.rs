//! Sources whose vanished items must not be removed.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::{Cx, Fault, Fetch, Listing, Source};

/// A source whose listing speaks for nothing: for sinks that cannot take back what they wrote, so that an item which
/// is gone stays accounted for like its lines in the output.
pub(crate) struct Unswept(pub(crate) Box<dyn Source>);

#[async_trait]
impl Source for Unswept {
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault> {
        Ok(match self.0.list(cx, max).await? {
            Listing::End(_) => Listing::End(None),
            Listing::Covered(_) => Listing::Quiet,
            other => other,
        })
    }

    fn fetcher(&self) -> Arc<dyn Fetch> {
        self.0.fetcher()
    }
}

//! Where records come from.

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::Cx;
use crate::fault::Fault;
use crate::hash::ContentHash;
use crate::item::{SourceItem, Version};
use crate::ledger::Coverage;
use crate::record::{Body, Fields};

/// One answer of [`Source::list`].
#[derive(Debug)]
pub enum Listing {
    /// Some items; more may follow.
    Items(Vec<SourceItem>),
    /// Nothing new now; an endless source answers this after waiting a while. The run may checkpoint.
    Quiet,
    /// Everything covered has been listed, so what vanished may be removed; an endless source goes on after this.
    Covered(Coverage),
    /// The end. What the listing speaks for, if it may be used to find vanished items.
    End(Option<Coverage>),
}

/// The content of an item.
#[derive(Debug)]
pub enum Fetched {
    /// Read whole.
    Content {
        /// The content.
        body: Body,
        /// Hash of exactly these bytes.
        hash: ContentHash,
        /// The version these bytes belong to, if it differs from the listed one.
        version: Option<Version>,
        /// Values known only now, added to the item's.
        fields: Fields,
    },
    /// Not read, because it is still as it was stored: in the version of [`SourceItem::stored`].
    Unchanged,
    /// Gone since it was listed.
    Gone,
}

/// Lists items in a stable order, in constant memory.
#[async_trait]
pub trait Source: Send {
    /// Lists up to about `max` further items.
    ///
    /// # Errors
    /// A fault of the source as a whole. What is wrong with one item goes into [`SourceItem::fault`].
    ///
    /// # Cancel safety
    /// The engine drops this future before it is ready only when the run is to stop.
    async fn list(&mut self, cx: &Cx, max: usize) -> Result<Listing, Fault>;

    /// What reads the content of listed items; called from several tasks at once.
    fn fetcher(&self) -> Arc<dyn Fetch>;
}

/// Reads the content of listed items.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Reads one item whole. Not called for items listed with a body or a fault.
    ///
    /// # Errors
    /// The item's own faults, [`crate::FaultKind::Changing`] if it moved under the reader, or a fault of the
    /// source as a whole.
    async fn fetch(&self, cx: &Cx, item: &SourceItem) -> Result<Fetched, Fault>;
}

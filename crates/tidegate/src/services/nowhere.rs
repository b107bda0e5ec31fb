//! A way that leads nowhere, for whoever only looks.

use async_trait::async_trait;
use tidegate_core::wire::{HttpRequest, Incoming};
use tidegate_core::{Transport, WireFault, WireFaultKind};

/// Carries nothing: what only plans, shows or replays must not reach anybody even by mistake.
pub(super) struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: HttpRequest) -> Result<Incoming, WireFault> {
        // A kind that is not waited for: nobody is going to mend this while the run goes on.
        Err(WireFault::new(WireFaultKind::BadUrl, "nothing is sent by a command that calls nobody"))
    }
}

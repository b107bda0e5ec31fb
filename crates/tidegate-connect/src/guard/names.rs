//! Names are resolved here, and what they lead to is looked at before anybody connects.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_call::Resolve;
use tidegate_core::{WireFault, WireFaultKind};

use super::{Policy, reach};

/// Gives only addresses that a policy admits. A name with one address that it does not admit is refused altogether:
/// whoever chooses the addresses of a name chooses which is tried first, too.
pub struct GuardedNames {
    names: Arc<dyn Resolve>,
    policy: Policy,
}

impl GuardedNames {
    /// A guard over `names`.
    #[must_use]
    pub fn new(names: Arc<dyn Resolve>, policy: Policy) -> Self {
        Self { names, policy }
    }
}

#[async_trait]
impl Resolve for GuardedNames {
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, WireFault> {
        let found = self.names.resolve(host, port).await?;
        for address in &found {
            let reach = reach(address.ip());
            if !self.policy.admits(reach) || !self.policy.admits_port(address.port()) {
                let message = format!("{host} leads to {address}, a {} address", reach.name());
                return Err(WireFault::new(WireFaultKind::Forbidden, message));
            }
        }
        Ok(found)
    }
}

//! How objects are listed and read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_core::{SweepPolicy, Transport};

use crate::guard::Policy;

/// Where the service is and how it is spoken to. Credentials come from where each service's own tools look for them.
#[derive(Clone)]
pub struct Storage {
    /// The address of the service, where it is not the provider's own; that of the account for Azure.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The account of Azure.
    pub account: Option<String>,
    /// Ask without credentials.
    pub anonymous: bool,
    /// Also speak without TLS. Private networks imply it.
    pub allow_http: bool,
    /// Where the endpoint may lead.
    pub policy: Policy,
    /// How long to wait for the first byte of an answer, and for more of it.
    pub timeout: Duration,
    /// Carries requests to the service, and connects to nothing that the policy does not admit.
    pub storage: Arc<dyn Transport>,
    /// Carries requests for credentials, to where the environment says they are handed out.
    pub keys: Arc<dyn Transport>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("endpoint", &self.endpoint).field("region", &self.region).finish()
    }
}

/// What of the given places is listed, and how it is read.
#[derive(Debug, Clone)]
pub struct ObjectsOptions {
    /// The service.
    pub storage: Storage,
    /// Only objects that one of these globs matches, written as in `.gitignore` and relative to the prefix; all if
    /// empty. A glob that names an extension also brings back what is passed over because it holds no text.
    pub include: Vec<String>,
    /// What one of these globs matches is left out.
    pub exclude: Vec<String>,
    /// Whether names that begin with a dot are listed.
    pub hidden: bool,
    /// Larger objects are put aside without being read, in bytes.
    pub max_file_size: u64,
    /// How removal of vanished objects is guarded.
    pub sweep: SweepPolicy,
}

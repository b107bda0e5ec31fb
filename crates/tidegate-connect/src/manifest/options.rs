//! How documents behind URLs are listed and fetched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tidegate_call::{CallSettings, Lane};
use tidegate_core::{SweepPolicy, Transport};

use crate::guard::Policy;

/// Makes the lane of a server, given its host and port as they stand in a URL.
pub type LaneOf = Arc<dyn Fn(&str) -> Arc<Lane> + Send + Sync>;

/// How documents behind URLs are listed and fetched.
#[derive(Clone)]
pub struct ManifestOptions {
    /// Where URLs may lead. The transport must keep to it too: a name says nothing of where it leads.
    pub policy: Policy,
    /// Larger documents are put aside, in bytes; what is packed counts as it unpacks.
    pub max_file_size: u64,
    /// Longer lines are put aside without being held in memory, in bytes.
    pub max_line: usize,
    /// The secrets that lines may name, by `env:NAME` or `file:PATH`; no line can have another one sent.
    pub secrets: Arc<BTreeMap<String, HeaderValue>>,
    /// How many stored documents may be removed because their servers do not have them any more.
    pub sweep: SweepPolicy,
    /// How calls are made.
    pub calls: CallSettings,
    /// How long a server that answers nobody is given, while others answer, before its documents are put aside.
    pub patience: Duration,
    /// Makes the lanes.
    pub lane: LaneOf,
    /// Carries requests.
    pub transport: Arc<dyn Transport>,
}

//! What a caller is told once.

use std::time::Duration;

use crate::timeouts::Timeouts;

/// How calls are made. Every default has its reason; all can be configured.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// The name under which answers are kept: the model with whatever else decides what its answers look like.
    pub model: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Whether a second try may be sent beside a slow first one. For what costs little to repeat: embeddings,
    /// lookups, short answers; not for long generations.
    pub hedge: bool,
    /// Whether a request is sent again that may have been served: where that would do something twice, a lost answer is
    /// the record's fault, and whoever asked decides. For codecs of one item a request.
    pub repeat: bool,
    /// How many failures that are a record's own a bulk record may have. A service that fails one request in ten
    /// at random then loses one record in a million.
    pub tries: u32,
    /// How many tries an interactive call has, whosever fault they are: somebody waits.
    pub interactive_tries: u32,
    /// How long a bulk record may be tried, not counting the time it waits for its turn: outages do not age records.
    pub record_time: Duration,
    /// How long an interactive call may take that brings no deadline.
    pub interactive_time: Duration,
    /// What to do about a key that is refused, naming the variable that holds it.
    pub key_hint: Option<String>,
    /// How long a kept answer is taken for a fresh one; for ever if `None`, which is right for models: the same
    /// question has the same answer. Services that look things up want a time.
    pub fresh_for: Option<Duration>,
    /// How old an answer may be that is given, marked stale, to an interactive call while the service answers
    /// nobody; none is given if `None`.
    pub stale_for: Option<Duration>,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            model: String::new(),
            timeouts: Timeouts::EMBED,
            hedge: false,
            repeat: true,
            tries: 6,
            interactive_tries: 3,
            record_time: Duration::from_secs(15 * 60),
            interactive_time: Duration::from_secs(30),
            key_hint: None,
            fresh_for: None,
            stale_for: None,
        }
    }
}

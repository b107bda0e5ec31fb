//! What goes into an answer, before a wire format writes it.

use std::time::Duration;

use bytes::Bytes;

use crate::provider::limit::Left;
use crate::provider::script::Lie;

/// One vector of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::provider) struct Row {
    /// Which text it belongs to, as the answer says.
    pub(in crate::provider) index: Option<usize>,
    /// Its components.
    pub(in crate::provider) values: Vec<f32>,
    /// A component that is written as `null`.
    pub(in crate::provider) null_at: Option<usize>,
}

/// What the rate-limit headers say.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::provider) struct LimitView {
    pub(in crate::provider) requests: Option<Left>,
    pub(in crate::provider) tokens: Option<Left>,
    pub(in crate::provider) input_tokens: Option<Left>,
    pub(in crate::provider) output_tokens: Option<Left>,
    /// What is said instead of the truth.
    pub(in crate::provider) lie: Option<Lie>,
    /// The provider's time, since 1970.
    pub(in crate::provider) clock: Duration,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Body {
    /// JSON.
    Whole(Vec<u8>),
    /// Events.
    Stream {
        content_type: &'static str,
        events: Vec<Bytes>,
        /// How many of the last events say that the stream is complete.
        end_marker: usize,
    },
}

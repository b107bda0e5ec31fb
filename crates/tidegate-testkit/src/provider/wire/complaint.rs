//! Why a request is refused, before a wire format words it.

use std::time::Duration;

use crate::provider::limit::Denied;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::provider) struct Complaint {
    /// Why.
    pub(in crate::provider) kind: Kind,
    /// The status instead of the usual one.
    pub(in crate::provider) status: Option<u16>,
    /// The message instead of the usual words.
    pub(in crate::provider) message: Option<String>,
    /// A sentence about the wait, added to the message.
    pub(in crate::provider) told: Option<String>,
    /// The wait, where it is told among Google's error details.
    pub(in crate::provider) retry_info: Option<Duration>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::provider) enum Kind {
    /// Something in it is wrong.
    Bad { message: String, param: Option<&'static str> },
    /// One text is not acceptable, and the whole request is refused for it.
    Poison,
    /// More texts than fit in a request.
    TooManyInputs { got: u64, cap: u64 },
    /// A text is longer than the model reads.
    InputTooLong { got: u64, cap: u64 },
    /// More tokens than fit in a request.
    RequestTooLong { got: u64, cap: u64 },
    /// A conversation is longer than the model reads.
    ContextTooLong { got: u64, cap: u64 },
    /// No key.
    NoKey,
    /// A key that is not known.
    WrongKey,
    /// No such model.
    NoModel(String),
    /// No such path.
    NoPath(String),
    /// The body is too large.
    TooLarge,
    /// A limit has no room.
    RateLimited(Option<Box<Denied>>),
    /// No money left.
    Quota,
    /// The quota of the day is used up.
    Daily,
    /// A bill is open.
    Payment,
    /// The server is too busy.
    Overloaded,
    /// Any other error, of which only the status is known.
    Status,
}

impl Complaint {
    pub(in crate::provider) fn new(kind: Kind) -> Self {
        Self { kind, status: None, message: None, told: None, retry_info: None }
    }

    pub(in crate::provider) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(in crate::provider) fn with_message(mut self, message: Option<String>) -> Self {
        self.message = message;
        self
    }

    /// The HTTP status.
    pub(in crate::provider) fn status(&self) -> u16 {
        self.status.unwrap_or(match self.kind {
            Kind::Bad { .. }
            | Kind::Poison
            | Kind::TooManyInputs { .. }
            | Kind::InputTooLong { .. }
            | Kind::ContextTooLong { .. }
            | Kind::RequestTooLong { .. } => 400,
            Kind::NoKey | Kind::WrongKey => 401,
            Kind::Payment => 402,
            Kind::NoModel(_) | Kind::NoPath(_) => 404,
            Kind::TooLarge => 413,
            Kind::RateLimited(_) | Kind::Quota | Kind::Daily => 429,
            Kind::Overloaded => 503,
            Kind::Status => 500,
        })
    }

    /// Its name in the log.
    pub(in crate::provider) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Bad { .. } => "bad_request",
            Kind::Poison => "poison",
            Kind::TooManyInputs { .. } => "too_many_inputs",
            Kind::InputTooLong { .. } | Kind::ContextTooLong { .. } => "input_too_long",
            Kind::RequestTooLong { .. } => "request_too_long",
            Kind::NoKey | Kind::WrongKey => "wrong_key",
            Kind::NoModel(_) => "no_such_model",
            Kind::NoPath(_) => "no_such_path",
            Kind::TooLarge => "too_large",
            Kind::RateLimited(_) => "rate_limited",
            Kind::Quota => "insufficient_quota",
            Kind::Daily => "daily_quota",
            Kind::Payment => "payment_required",
            Kind::Overloaded => "overloaded",
            Kind::Status => "status",
        }
    }

    /// The message: the script's own words, or else `usual`, and what is told about the wait.
    pub(super) fn words(&self, usual: impl FnOnce(&Kind) -> String) -> String {
        let mut words = self.message.clone().unwrap_or_else(|| usual(&self.kind));
        if let Some(told) = &self.told {
            words.push(' ');
            words.push_str(told);
        }
        words
    }
}

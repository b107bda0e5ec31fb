//! Every way a provider says how long to wait, right and wrong.

use serde::Deserialize;

/// How an answer that refuses says when to come back.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Hint {
    /// As the real provider of that wire format does.
    #[default]
    Usual,
    /// Not at all.
    None,
    /// `retry-after: 2`, rounded up.
    Seconds,
    /// `retry-after: 1.234`.
    FractionalSeconds,
    /// `retry-after-ms: 1234`.
    Milliseconds,
    /// `retry-after: Wed, 21 Oct 2026 07:28:00 GMT`, rounded up.
    HttpDate,
    /// The same, an hour ago.
    PastHttpDate,
    /// `retry-after: -1`.
    Negative,
    /// `retry-after: inf`.
    Infinite,
    /// `retry-after: 1000000000`.
    Huge,
    /// `x-ratelimit-reset-requests: 1m2.5s`.
    ResetGoDuration,
    /// `x-ratelimit-reset: 1792567680`, in seconds since 1970.
    ResetUnix,
    /// `anthropic-ratelimit-requests-reset: 2026-10-21T07:28:00Z`.
    ResetRfc3339,
    /// `RetryInfo` among the details of Google's error body.
    RetryInfo,
    /// "Please try again in 1.234s." in the message, and nowhere else.
    MessageText,
    /// "Please retry after 2 seconds." in the message, and nowhere else.
    AzureText,
    /// Any header: `{ header = ["retry-after", "soon"] }`.
    Header(String, String),
}

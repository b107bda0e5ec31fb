//! Which kind a refusal is: the one table of codes, words and statuses.

use std::time::Duration;

use http::HeaderMap;
use tidegate_core::RefusalKind;
use tidegate_core::RefusalKind as K;

use super::body::ErrorBody;

/// All that a refusal says.
pub(super) struct Said<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a ErrorBody,
}

/// Codes, types and reasons that mean one thing whoever says them.
const CODES: &[(&str, RefusalKind)] = &[
    ("insufficient_quota", K::Exhausted),
    ("billing_hard_limit_reached", K::Exhausted),
    ("billing_not_active", K::Exhausted),
    ("billing_error", K::Exhausted),
    ("authz_insufficient_balance", K::Exhausted),
    ("insufficient_balance", K::Exhausted),
    ("insufficient_credits", K::Exhausted),
    ("payment_required", K::Exhausted),
    ("max_tokens_per_request", K::TooLarge),
    ("context_length_exceeded", K::TooLarge),
    ("string_above_max_length", K::TooLarge),
    ("array_above_max_length", K::TooLarge),
    ("token_limit_exceeded", K::TooLarge),
    ("request_too_large", K::TooLarge),
    ("3210", K::TooLarge),
    ("invalid_api_key", K::Unauthorised),
    ("api_key_invalid", K::Unauthorised),
    ("authentication_error", K::Unauthorised),
    ("permission_error", K::Unauthorised),
    ("permission_denied", K::Unauthorised),
    ("unauthenticated", K::Unauthorised),
    ("account_deactivated", K::Unauthorised),
    ("model_not_found", K::NotFound),
    ("model_decommissioned", K::NotFound),
    ("deploymentnotfound", K::NotFound),
    ("not_found_error", K::NotFound),
    ("content_filter", K::BadRequest),
    ("content_policy_violation", K::BadRequest),
    ("overloaded_error", K::Overloaded),
    ("overloaded", K::Overloaded),
    ("server_overloaded", K::Overloaded),
    ("engine_overloaded", K::Overloaded),
    ("slow_down", K::Overloaded),
    ("unavailable", K::Overloaded),
    ("rate_limit_exceeded", K::RateLimited),
    ("rate_limit_error", K::RateLimited),
    ("rate_limited", K::RateLimited),
    ("too_many_requests", K::RateLimited),
    ("resource_exhausted", K::RateLimited),
    ("throttlingexception", K::RateLimited),
    ("1300", K::RateLimited),
    ("server_error", K::Unavailable),
    ("internal_server_error", K::Unavailable),
    ("internal", K::Unavailable),
    ("api_error", K::Unavailable),
];

/// Words of messages, for services that name no code. They are searched only with statuses that leave room for
/// doubt, because a message may quote what was sent.
const DAILY: [&str; 7] = ["per day", "perday", "(rpd)", "(tpd)", "daily", "/ month", "per month"];
const BROKE: [&str; 5] = [
    "your credit balance is too low",
    "insufficient balance",
    "insufficient credits",
    "not enough credits",
    "account balance",
];
const LARGE: [&str; 16] = [
    "array too long",
    "max allowed tokens",
    "maximum context length",
    "context length",
    "context window",
    "too many tokens",
    "too many inputs",
    "tokens per request",
    "tokens in request",
    "maximum allowed batch size",
    "request too large",
    "requests can be in one batch",
    "input is too long",
    "prompt is too long",
    "must have less than",
    "at most 96",
];
const BUSY: [&str; 7] = [
    "server busy",
    "overloaded",
    "at capacity",
    "maximum pending requests",
    "queue is full",
    "is loading",
    "currently loading",
];

/// The kind of a refusal that asks to wait for `wait`.
pub(super) fn of(said: &Said<'_>, wait: Option<Duration>) -> RefusalKind {
    let status = match said.status {
        200..300 => match said.body.status() {
            Some(status) => status,
            None if said.body.is_error => return by_code(said).unwrap_or(K::BadResponse),
            None => return K::BadResponse,
        },
        status => status,
    };
    let kind = match status {
        // Whatever else a failing service says, it is the service that failed.
        500.. => failing(said, status),
        // Codes are coarser: Google's has none for money.
        402 => K::Exhausted,
        429 => limited(said, wait),
        400 | 413 | 422 => refused(said, status),
        _ => by_code(said).unwrap_or_else(|| by_status(status, said)),
    };
    match header(said, "x-should-retry") {
        Some("true") if kind == K::BadRequest => K::Unavailable,
        _ => kind,
    }
}

fn failing(said: &Said<'_>, status: u16) -> RefusalKind {
    // The first two are Ollama's, the last is llama.cpp's.
    if has(said, &["exceeds the context length", "exceeds maximum context length", "too large to process"]) {
        return K::TooLarge;
    }
    let busy = matches!(status, 503 | 529) || has(said, &BUSY);
    let lane = |kind: &RefusalKind| matches!(kind, K::Overloaded | K::RateLimited);
    by_code(said).filter(lane).unwrap_or(if busy { K::Overloaded } else { K::Unavailable })
}

fn limited(said: &Said<'_>, wait: Option<Duration>) -> RefusalKind {
    // The name of the quota tells a day from a minute; the message of Gemini does not.
    let quotas = &said.body.quotas;
    let daily =
        quotas.iter().any(|quota| quota.contains("perday")) || (quotas.is_empty() && has(said, &DAILY));
    let none = !quotas.is_empty() && has(said, &["limit: 0\n", "limit: 0,", "limit: 0 "]);
    // A request above what a minute allows stays above it however long one waits.
    if has(said, &["request too large"]) {
        return K::TooLarge;
    }
    if daily || none || has(said, &BROKE) {
        return K::Exhausted;
    }
    if wait.is_none() && header(said, "x-should-retry") == Some("false") {
        return K::Exhausted;
    }
    match by_code(said) {
        Some(kind @ (K::Exhausted | K::Overloaded | K::TooLarge)) => kind,
        _ if has(said, &BUSY) => K::Overloaded,
        _ => K::RateLimited,
    }
}

fn refused(said: &Said<'_>, status: u16) -> RefusalKind {
    let message = said.body.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    if BROKE.iter().any(|words| message.starts_with(words)) {
        return K::Exhausted;
    }
    let lane = |kind: &RefusalKind| !matches!(kind, K::Unavailable | K::RateLimited | K::Overloaded);
    match by_code(said).filter(lane) {
        Some(kind) => kind,
        None if status == 413 || LARGE.iter().any(|words| message.contains(words)) => K::TooLarge,
        None => K::BadRequest,
    }
}

fn by_code(said: &Said<'_>) -> Option<RefusalKind> {
    // In the order of the table: what is exhausted is also said to be limited, and the stronger word holds.
    CODES.iter().find(|(code, _)| said.body.codes.iter().any(|said| said == code)).map(|&(_, kind)| kind)
}

fn by_status(status: u16, said: &Said<'_>) -> RefusalKind {
    match status {
        401 => K::Unauthorised,
        403 if said.body.flagged => K::BadRequest,
        403 if has(said, &BROKE) => K::Exhausted,
        403 | 407 => K::Unauthorised,
        // A redirect, or a method that the address does not know: the address is wrong.
        300..400 | 404 | 405 | 410 => K::NotFound,
        // Timeouts, conflicts, and what TEI answers when its back end fails.
        408 | 409 | 421 | 424 | 425 => K::Unavailable,
        498 | 499 => K::Unavailable,
        414 | 431 => K::TooLarge,
        400..500 => K::BadRequest,
        _ => K::BadResponse,
    }
}

fn has(said: &Said<'_>, words: &[&str]) -> bool {
    let message = said.body.message.as_deref().unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|words| message.contains(words))
}

fn header<'a>(said: &Said<'a>, name: &str) -> Option<&'a str> {
    said.headers.get(name)?.to_str().ok()
}

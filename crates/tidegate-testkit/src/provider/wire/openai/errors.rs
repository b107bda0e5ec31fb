//! How OpenAI words its errors.

use serde_json::{Value, json};

use crate::provider::script::Unit;
use crate::provider::wire::{Complaint, Kind};

/// Type, code and parameter of an error.
pub(super) fn labels(complaint: &Complaint) -> (&'static str, Value, Value) {
    let (kind, code) = match &complaint.kind {
        Kind::ContextTooLong { .. } => ("invalid_request_error", json!("context_length_exceeded")),
        Kind::RequestTooLong { .. } => ("max_tokens_per_request", json!("max_tokens_per_request")),
        Kind::NoKey | Kind::WrongKey => ("invalid_request_error", json!("invalid_api_key")),
        Kind::NoModel(_) => ("invalid_request_error", json!("model_not_found")),
        Kind::RateLimited(Some(denied)) => (limited_type(denied.limit.unit), json!("rate_limit_exceeded")),
        Kind::RateLimited(None) => ("requests", json!("rate_limit_exceeded")),
        Kind::Daily => ("requests", json!("rate_limit_exceeded")),
        Kind::Quota => ("insufficient_quota", json!("insufficient_quota")),
        Kind::Payment => ("billing_error", json!("billing_not_active")),
        Kind::Overloaded | Kind::Status if complaint.status() >= 500 => ("server_error", Value::Null),
        _ => ("invalid_request_error", Value::Null),
    };
    let param = match &complaint.kind {
        Kind::Bad { param: Some(param), .. } => json!(param),
        Kind::TooManyInputs { .. } | Kind::InputTooLong { .. } | Kind::Poison => json!("input"),
        _ => Value::Null,
    };
    (kind, code, param)
}

pub(super) fn limited_type(unit: Unit) -> &'static str {
    match unit {
        Unit::Requests | Unit::Inputs | Unit::Concurrent => "requests",
        Unit::Tokens | Unit::InputTokens | Unit::OutputTokens => "tokens",
    }
}

/// The usual words.
pub(in crate::provider::wire) fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bad { message, .. } => message.clone(),
        Kind::Poison => "'$.input' is invalid. Please check the API reference.".to_owned(),
        Kind::TooManyInputs { got, cap } => {
            format!("'$.input' is invalid: array too long, expected at most {cap} items, got {got}.")
        }
        Kind::InputTooLong { got, cap } | Kind::ContextTooLong { got, cap } => format!(
            "This model's maximum context length is {cap} tokens, however you requested {got} tokens. Please reduce \
             your prompt."
        ),
        Kind::RequestTooLong { got, cap } => {
            format!("Requested {got} tokens, max {cap} tokens per request")
        }
        Kind::NoKey => {
            "You didn't provide an API key. You need to provide your API key in an Authorization header \
                        using Bearer auth."
                .to_owned()
        }
        Kind::WrongKey => "Incorrect API key provided.".to_owned(),
        Kind::NoModel(model) => {
            format!("The model `{model}` does not exist or you do not have access to it.")
        }
        Kind::NoPath(path) => format!("Invalid URL ({path})"),
        Kind::TooLarge => "Maximum content size limit exceeded.".to_owned(),
        Kind::RateLimited(Some(denied)) => format!(
            "Rate limit reached for {} per min: Limit {}, Used {}, Requested {}.",
            limited_type(denied.limit.unit),
            denied.limit.amount,
            denied.limit.amount.saturating_sub(denied.remaining),
            denied.requested,
        ),
        Kind::RateLimited(None) => "Rate limit reached for requests.".to_owned(),
        Kind::Quota => {
            "You exceeded your current quota, please check your plan and billing details.".to_owned()
        }
        Kind::Daily => "Rate limit reached for requests per day (RPD).".to_owned(),
        Kind::Payment => "Your account is not active, please check your billing details.".to_owned(),
        Kind::Overloaded => "The server is currently overloaded. Please try again later.".to_owned(),
        Kind::Status => "The server had an error while processing your request. Sorry about that!".to_owned(),
    }
}
